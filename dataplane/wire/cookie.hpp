// The cookie: proof that a source receives what is sent to its address (docs/protocol.md,
// "Cookies").
//
// SipHash-2-4 over the source address and the number of the current epoch, under a key that is
// random per process. Stateless: a flood of spoofed sources costs no memory. Pure functions; any
// thread.
#pragma once

#include <cstdint>

#include "dataplane/net/address.hpp"
#include "dataplane/net/siphash.hpp"

namespace skerry::wire {

inline constexpr std::uint32_t kCookieEpochSeconds = 64;  // a cookie is good for 64 to 128 seconds

using CookieKey = net::SipKey;
using net::siphash;

// Never 0: 0 in a header means "no cookie".
inline std::uint64_t make_cookie(const CookieKey& key, const net::IpAddress& source,
                                 std::uint64_t epoch) {
    const std::uint64_t cookie = siphash(key, source.high(), source.low(), epoch);
    return cookie == 0 ? 1 : cookie;
}

inline bool cookie_is_good(const CookieKey& key, const net::IpAddress& source, std::uint64_t epoch,
                           std::uint64_t cookie) {
    if (cookie == make_cookie(key, source, epoch)) [[likely]]
        return true;
    return cookie != 0 && cookie == make_cookie(key, source, epoch - 1);
}

}  // namespace skerry::wire
