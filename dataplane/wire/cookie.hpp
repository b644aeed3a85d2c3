// The cookie: proof that a source receives what is sent to its address (docs/protocol.md,
// "Cookies").
//
// SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012) over the
// source address and the number of the current epoch, under a key that is random per process.
// Stateless: a flood of spoofed sources costs no memory. Pure functions; any thread.
#pragma once

#include <bit>
#include <cstdint>

#include "dataplane/net/address.hpp"

namespace skerry::wire {

inline constexpr std::uint32_t kCookieEpochSeconds = 64;  // a cookie is good for 64 to 128 seconds

struct CookieKey {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

namespace detail {

struct Sip {
    std::uint64_t v0, v1, v2, v3;
    explicit Sip(const CookieKey& key)
        : v0(key.k0 ^ 0x736f6d6570736575ull),
          v1(key.k1 ^ 0x646f72616e646f6dull),
          v2(key.k0 ^ 0x6c7967656e657261ull),
          v3(key.k1 ^ 0x7465646279746573ull) {}
    void round() {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    void word(std::uint64_t m) {
        v3 ^= m;
        round();
        round();
        v0 ^= m;
    }
    std::uint64_t finish() {
        v2 ^= 0xff;
        round();
        round();
        round();
        round();
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

}  // namespace detail

// SipHash-2-4 of whole 64-bit words: the padding word carries the length, as the paper wants it.
inline std::uint64_t siphash(const CookieKey& key, std::uint64_t a, std::uint64_t b,
                             std::uint64_t c) {
    detail::Sip sip(key);
    sip.word(a);
    sip.word(b);
    sip.word(c);
    sip.word(std::uint64_t{24} << 56);
    return sip.finish();
}

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
