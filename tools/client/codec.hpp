// Requests into datagrams, and datagrams into messages (dataplane/wire/message.hpp is the layout,
// docs/protocol.md the specification). Pure functions; any thread; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/wire/message.hpp"

namespace skerry::client {

// The largest payload of one UDP datagram over IPv4. Paths and servers carry less: a server takes
// what fits its port's MTU.
inline constexpr std::size_t kMaxPayloadBytes = 65507 - wire::kHeaderBytes;
inline constexpr std::size_t kMaxDatagramBytes = 65536;  // a buffer for whatever arrives

struct Request {
    wire::RequestId id;  // the same in each retransmission; not {0, 0}
    std::uint64_t function_key = 0;
    std::uint64_t qualifier = 0;  // 0: the current version
    std::uint64_t trace_id_hi = 0;
    std::uint64_t trace_id_lo = 0;
    std::uint64_t span_id = 0;
    std::uint64_t cookie = 0;       // 0: none yet
    std::uint32_t deadline_us = 0;  // time left; 0: the server's default
    bool want_accepted = false;
    bool want_tail = false;    // of the log, with the reply
    bool idempotent = false;   // to execute it twice does no harm
    std::string_view payload;  // borrowed
};

// Writes header and payload; returns the datagram's bytes, or 0 when `out` is too small or the
// payload larger than kMaxPayloadBytes.
std::size_t encode(const Request& request, std::span<std::byte> out);

// In place, for a datagram that is sent once more.
void set_cookie(std::span<std::byte> datagram, std::uint64_t cookie);
void set_deadline_us(std::span<std::byte> datagram, std::uint32_t deadline_us);

// What a server sends to a client. `payload` and `tail` point into the datagram.
struct Message {
    wire::Kind kind = wire::Kind::reply;  // reply, challenge or accepted; nothing else
    wire::RequestId id;
    std::uint64_t function_key = 0;
    std::uint64_t version_key = 0;  // reply: what was executed; 0: nothing was
    std::uint64_t cookie = 0;       // challenge: never 0
    std::uint16_t flags = 0;        // wire::flag
    std::uint8_t status = 0;        // may be one that this client does not know
    std::uint8_t attempts = 0;
    std::uint8_t busy = 0;
    std::uint32_t queue_us = 0;
    std::uint32_t run_us = 0;
    char place[wire::kPlaceBytes + 1] = {};  // printable ASCII, NUL-terminated; "" when not given
    std::string_view payload;
    std::string_view tail;  // of the log; behind the payload in the datagram
};

// Nothing: not a well-formed message to a client. Bytes from the network may be anything; the
// result is safe to print (payload and tail are not) and to compare.
std::optional<Message> decode(std::span<const std::byte> datagram);

// "ok", "overloaded", …; "status-77" for a code that this client does not know.
std::string status_name(std::uint8_t status);

}  // namespace skerry::client
