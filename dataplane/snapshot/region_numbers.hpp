// Numbers of the regions that change many times a second. Written by the control thread, read by
// every core; one seqlock a region, so that a reader gets one consistent set or tries again, at
// most kSeqlockTries times (then: "not fresh", and the region is not eligible for this one
// decision).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/snapshot/seqlock.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

struct RegionNumbers {
    std::uint32_t rtt_us = 0;  // smoothed
    std::uint32_t rtt_variation_us = 0;
    std::uint32_t waiting_us = 0;  // expected wait for a slot there, from its reported load
    std::uint16_t weight_permille =
        0;  // 0: ejected or never heard of; 1000: full share; between: returning
    std::uint16_t busy_permille = 0;    // share of its slots in use, as last reported
    std::uint64_t cookie = 0;           // proves our address to this region
    std::uint64_t fresh_until_tsc = 0;  // not eligible after this instant
};
static_assert(sizeof(RegionNumbers) == 32);

// Expected extra time for (function, region) because it may be cold there: cold_cost × P(cold).
// One relaxed atomic each: a reader needs no two of them to agree.
struct WarmthTable {
    std::array<std::array<Atomic<std::uint32_t>, kMaxRegions>, kMaxFunctions> expected_cold_us{};
};

using RegionNumbersTable = std::array<Seqlock<RegionNumbers>, kMaxRegions>;

}  // namespace skerry
