// What makes two requests one and the same, tried again: an id that its client sends with each try
// (`amz-sdk-invocation-id`, of all of AWS's SDKs), and everything else that it could differ in.
//
// The key is a part of SHA-256 of: who asks (the access key; where nothing is signed the client's
// address), the function, the qualifier, what is wanted (a log's tail), the id, and the payload
// with the client context. So a stranger who knows an id has another key, and so has another
// request with the same id. It holds no secret of the server's: whichever POP a try comes to, a
// region is told the same key.
//
// Pure; any thread; no heap.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "dataplane/dedup/table.hpp"
#include "dataplane/wire/message.hpp"

namespace skerry::dedup {

inline constexpr std::size_t kIdBytesMax = 64;  // SDKs send UUIDs, 36

// 1 … kIdBytesMax visible characters of ASCII. Anything else is as good as none.
bool is_id(std::string_view text);

struct Attempt {
    std::string_view access_key;  // whose signature it has; empty: none was asked for
    std::string_view address;     // of the client, as text, for that case
    std::uint64_t function_key = 0;
    std::uint64_t qualifier = 0;
    bool wants_tail = false;
    std::uint64_t context_bytes = 0;  // of the payload, at its end
    std::string_view id;              // is_id()
    bool later = false;               // an Event invocation
    // Of a routed request, whose payload is an event: what says which request it is, but its body.
    std::array<std::string_view, 4> target = {};  // method, host, path, query
};

// The key but for the payload (of a routed request: its body), while that is still to come.
Key key_of(const Attempt& attempt);

// All of it: `bytes` of payload behind the first `skip` bytes of the chain.
Key with_payload(const Key& key, const rte_mbuf* chain, std::uint32_t skip, std::uint32_t bytes);

// In a request's header, with wire::flag::retry_key.
inline Key key_in(const wire::Header& header) {
    Key key;
    static_assert(sizeof header.place == sizeof key);
    std::memcpy(&key, header.place, sizeof key);
    return key;
}
inline void put_key(wire::Header& header, const Key& key) {
    std::memcpy(header.place, &key, sizeof key);
}

}  // namespace skerry::dedup
