// UDP ports of ours beside the one that invocations come to. Answers from regions come there, each
// to a port that RSS maps to the core that waits for it (dataplane/port/steering.hpp).
#pragma once

#include <cstdint>

namespace skerry::net {

// Enough for a core to find one whose hash is its own: with 16 cores, one in 10^7 finds none, and
// gets its answers handed over.
inline constexpr std::uint16_t kReturnPorts = 256;

// TCP ports that trunks to regions come from where it matters which core gets the answer: above the
// range of ports that nobody chose. With 16 cores, each finds 64 of them on average.
inline constexpr std::uint16_t kFirstTrunkPort = 62000;
inline constexpr std::uint16_t kTrunkPorts = 1024;

}  // namespace skerry::net
