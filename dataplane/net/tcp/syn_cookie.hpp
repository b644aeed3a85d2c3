// SYN cookies (RFC 4987 §3.6): a handshake that costs no memory until it is done. What must be
// known of the SYN when its ACK comes is in the sequence number we answer with, and, if the client
// has timestamps, in the low bits of our first timestamp.
//
//   cookie      = 28 bits of a keyed hash | the epoch's parity | 3 bits: index into kCookieMss
//   timestamp   = … | 1: SACK permitted | 4 bits: window scale, 15: none
//
// The hash covers addresses, ports, the client's initial number, the epoch and the MSS index. A
// cookie is good for one to two epochs; a blind guess is right once in 2^27 tries, so the Stack
// takes guesses at a limited rate only while it is under pressure. Pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/net/tcp/isn.hpp"

namespace skerry::net::tcp {

inline constexpr std::uint64_t kCookieEpochUs = 32'000'000;

// A client's MSS is rounded down to one of these; less than the first becomes the first. Those that
// are met: the least a host may have, tunnels, PPPoE, Ethernet, jumbo frames.
inline constexpr std::uint16_t kCookieMss[8] = {88, 536, 1220, 1360, 1400, 1440, 1460, 8940};

inline std::uint8_t cookie_mss_index(std::uint16_t mss) {
    std::uint8_t index = 7;
    while (index > 0 && kCookieMss[index] > mss) --index;
    return index;
}

// What its hash covers beside the connection's numbers: as little as says it, a flood pays for each
// word.
inline std::uint64_t cookie_tail(std::uint64_t epoch, std::uint8_t mss_index) {
    return epoch << 3 | mss_index;
}
inline std::uint32_t cookie_from(std::uint64_t hash, std::uint64_t epoch, std::uint8_t mss_index) {
    return static_cast<std::uint32_t>(hash) << 4 | (static_cast<std::uint32_t>(epoch) & 1) << 3 |
           mss_index;
}

namespace detail {
inline std::uint32_t cookie_of(const SipKey& key, const Path& path, std::uint32_t peer_isn,
                               std::uint8_t mss_index, std::uint64_t epoch) {
    const std::uint64_t tail = cookie_tail(epoch, mss_index);
    return cookie_from(
        over_tuple(path, peer_isn,
                   [&](auto... words) { return siphash_and_tail(key, tail, words...); }),
        epoch, mss_index);
}
}  // namespace detail

// The initial sequence number to answer a SYN with. `mss_index` < 8.
inline std::uint32_t make_cookie(const SipKey& key, const Path& path, std::uint32_t peer_isn,
                                 std::uint8_t mss_index, std::uint64_t now_us) {
    return detail::cookie_of(key, path, peer_isn, mss_index, now_us / kCookieEpochUs);
}

// The MSS index, if `cookie` (SEG.ACK - 1 of the handshake's last segment) was made for this path
// and `peer_isn` (SEG.SEQ - 1) in this epoch or the one before.
inline std::optional<std::uint8_t> check_cookie(const SipKey& key, const Path& path,
                                                std::uint32_t peer_isn, std::uint32_t cookie,
                                                std::uint64_t now_us) {
    std::uint64_t epoch = now_us / kCookieEpochUs;
    if ((epoch & 1) != (cookie >> 3 & 1)) --epoch;
    const auto index = static_cast<std::uint8_t>(cookie & 7);
    if (detail::cookie_of(key, path, peer_isn, index, epoch) != cookie) return std::nullopt;
    return index;
}

struct CookieOptions {
    bool sack = false;
    bool has_scale = false;
    std::uint8_t scale = 0;  // of has_scale, at most 14
    bool operator==(const CookieOptions&) const = default;
};

// The timestamp to answer with: at most `clock`, and less than 32 ticks before it, so that the
// clock nobody sees it go back by more (RFC 7323 §5.4 leaves the clock to us).
inline std::uint32_t cookie_timestamp(std::uint32_t clock, const CookieOptions& options) {
    const std::uint32_t bits =
        (options.sack ? 16u : 0u) | (options.has_scale ? options.scale : 15u);
    const std::uint32_t value = (clock & ~31u) | bits;
    return static_cast<std::int32_t>(value - clock) > 0 ? value - 32 : value;
}
inline CookieOptions cookie_options(std::uint32_t ts_echo) {
    CookieOptions options;
    options.sack = (ts_echo & 16) != 0;
    options.has_scale = (ts_echo & 15) != 15;
    options.scale = options.has_scale ? static_cast<std::uint8_t>(ts_echo & 15) : std::uint8_t{0};
    return options;
}

}  // namespace skerry::net::tcp
