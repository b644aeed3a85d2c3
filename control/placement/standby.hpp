// Workers that stand by: started, but for no function yet, so that a start has only the function's
// own part of it to wait for (docs/decisions/0015-workers-that-stand-by.md). Each becomes a worker
// of one function version, and never anything else afterwards.
#pragma once

#include <cstdint>
#include <string_view>

namespace skerry::placement {

struct VersionSpec;

// What one is limited to until it has a function, whose own limits it then gets.
inline constexpr std::uint32_t kStandbyMemoryMib = 128;
inline constexpr std::uint32_t kStandbyTmpMib = 16;
inline constexpr std::uint32_t kStandbyPidsMax = 64;
// It starts while nothing else wants the CPU, or slowly.
inline constexpr std::uint32_t kStandbyCpuWeight = 10;
// They have at most this part of a server's places for workers.
inline constexpr std::uint32_t kStandbyShare = 4;

// How making them has gone lately.
struct Standbys {
    std::uint32_t failures = 0;  // in a row
    std::uint64_t not_before_us = 0;
};

// Whether the version's workers may come from those that stand by.
bool can_use_standby(const VersionSpec& spec);

}  // namespace skerry::placement
