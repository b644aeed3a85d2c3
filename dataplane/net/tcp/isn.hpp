// Numbers that nobody but the two ends of a connection can guess. Pure functions of a key that is
// random for each process (net::SipKey).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/net/frame.hpp"
#include "dataplane/net/siphash.hpp"

namespace skerry::net::tcp {

// `use` keeps what is derived of one secret for different ends apart.
inline SipKey derive_key(const std::array<std::uint8_t, 16>& secret, std::uint64_t use) {
    SipKey key;
    std::memcpy(&key.k0, secret.data(), 8);
    std::memcpy(&key.k1, secret.data() + 8, 8);
    return {siphash(key, use, std::uint64_t{0}), siphash(key, use, std::uint64_t{1})};
}

// Calls hash() with the four numbers that name a connection, and one more, as few words as say
// them: of IPv4 two, of IPv6 five. Their count is in the hash, so neither is taken for the other.
template <typename Hash>
inline std::uint64_t over_tuple(const Path& path, std::uint32_t beside, const Hash& hash) {
    const std::uint64_t ports =
        std::uint64_t{beside} << 32 | std::uint64_t{path.local_udp} << 16 | path.peer_udp;
    if (path.peer.is_v4())
        return hash(
            std::uint64_t{path.local.v4_network_order()} << 32 | path.peer.v4_network_order(),
            ports);
    return hash(path.local.high(), path.local.low(), path.peer.high(), path.peer.low(), ports);
}

// Where a connection is found.
inline std::uint32_t table_hash(const SipKey& key, const Path& path) {
    return static_cast<std::uint32_t>(
        over_tuple(path, 0, [&](auto... words) { return siphash_of_table(key, words...); }));
}

// RFC 6528 §3: ISN = M + F(connection, secret), M a clock that counts every 4 µs, F keyed. Two
// connections of the same four numbers have numbers that grow; nothing follows for any other.
inline std::uint32_t initial_sequence(const SipKey& key, const Path& path, std::uint64_t now_us) {
    const std::uint64_t f =
        over_tuple(path, 0, [&](auto... words) { return siphash(key, words...); });
    return static_cast<std::uint32_t>(now_us / 4) + static_cast<std::uint32_t>(f);
}

// RFC 7323 §5.4, §7.1: where a connection's timestamp clock starts. Of the addresses alone: a later
// connection of the same hosts must not fall behind an earlier one (RFC 6191 §2 takes a larger
// timestamp as proof that a SYN is new).
inline std::uint32_t timestamp_offset(const SipKey& key, const Path& path) {
    if (path.peer.is_v4())
        return static_cast<std::uint32_t>(siphash(
            key,
            std::uint64_t{path.local.v4_network_order()} << 32 | path.peer.v4_network_order()));
    return static_cast<std::uint32_t>(
        siphash(key, path.local.high(), path.local.low(), path.peer.high(), path.peer.low()));
}

}  // namespace skerry::net::tcp
