// Numbers of the regions that change many times a second (their load, which changes with each
// reply, is in load/region_loads.hpp). Written by the control thread, read by every core; one
// seqlock a region, so that a reader gets one consistent set or tries again, at most kSeqlockTries
// times (then: "not fresh", and the region is not eligible for this one decision).
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/snapshot/seqlock.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

struct RegionNumbers {
    std::uint32_t rtt_us = 0;  // smoothed
    std::uint32_t rtt_variation_us = 0;
    // 0: not to be chosen (ejected, never heard of, drained by the operator); 1000: full share;
    // between: returning, or the operator's weight.
    std::uint16_t weight_permille = 0;
    std::uint16_t reserved = 0;
    std::uint32_t slots = 0;       // it could execute so many at once, as it reports; 0: not known
    std::uint32_t region_us = 0;   // time a request spends there, as it reports
    std::uint32_t service_us = 0;  // of it, execution alone
    std::uint32_t slow_permille =
        1000;  // executions take so much of what is usual (select/load.hpp)
    std::uint32_t reserved2 = 0;
    std::uint64_t cookie = 0;           // proves our address to this region
    std::uint64_t fresh_until_tsc = 0;  // not eligible after this instant
};
static_assert(sizeof(RegionNumbers) == 48);  // with the sequence within a cache line
static_assert(std::has_unique_object_representations_v<RegionNumbers>);  // copied as words

// What is known of each function, for the choice of its region. Relaxed atomics: a reader needs no
// two of them to agree.
struct WarmthTable {
    // Expected extra time at the region because it may be cold there (select/warmth.hpp).
    std::array<std::array<Atomic<std::uint32_t>, kMaxRegions>, kFunctionRows> expected_cold_us{};
    std::array<Atomic<std::uint32_t>, kFunctionRows>
        run_us{};  // usual execution time; 0: not known
    // Arrivals at this server, in thousandths a second.
    std::array<Atomic<std::uint32_t>, kFunctionRows> rate_milli{};
};

using RegionNumbersTable = std::array<Seqlock<RegionNumbers>, kMaxRegions>;

}  // namespace skerry
