// SYNs of a flood that are being answered together (flood.cpp). Internal to dataplane/net/tcp.
#pragma once

#include <array>

#include "dataplane/net/plain_syn.hpp"
#include "dataplane/net/siphash_columns.hpp"
#include "dataplane/net/tcp/segment.hpp"

namespace skerry::net::tcp {

// Made once and used again: to clear it would take longer than what it is for.
struct Asked {
    static constexpr std::size_t kAtOnce = 32;
    static_assert(kAtOnce % kColumnStep == 0);
    using Column = std::array<std::uint64_t, kAtOnce>;
    struct Syn {
        PlainSyn plain;
        Segment segment;
        std::uint8_t at = 0;  // in the burst
        bool v4 = false;
    };
    std::array<std::uint8_t, kAtOnce> likely{};  // where in the burst they are
    std::array<Syn, kAtOnce> syns;
    // What is hashed, of IPv4 (over_tuple()), and the hashes.
    alignas(64) Column addresses{};
    Column ports{}, last{}, hashes{}, offsets{};
    std::array<std::uint32_t, kAtOnce> places{};  // in the table
};

}  // namespace skerry::net::tcp
