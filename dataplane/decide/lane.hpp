// What a core reads for its decisions: one lane of the candidates for each region, from the numbers
// that the control thread wrote, and what is known of a function. `explain` and the benchmark read
// with the same code.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/load/region_loads.hpp"
#include "dataplane/select/lanes.hpp"
#include "dataplane/select/select.hpp"
#include "dataplane/select/trial.hpp"
#include "dataplane/snapshot/region_numbers.hpp"

namespace skerry {

struct LaneClock {
    std::uint64_t now_tsc = 0;
    double ms_a_tick = 0;
    std::uint32_t now_ms = 0;  // of the clock of Candidates::fresh_until_ms
};

// Everything but id, what this core saw itself (response_us, outstanding) and max_payload_bytes.
inline void write_lane(select::Candidates& c, std::uint32_t r, const RegionNumbers& numbers,
                       const RegionLoad& load, const LaneClock& clock) {
    const auto lane = [](std::uint32_t number) {
        return static_cast<std::int32_t>(std::min(number, 0x7fffffffu));
    };
    c.rtt_us[r] = lane(numbers.rtt_us);
    c.wait_us[r] = lane(load.wait_us);
    c.slots[r] = lane(numbers.slots);
    c.region_us[r] = lane(numbers.region_us);
    c.service_us[r] = lane(numbers.service_us);
    c.slow_permille[r] = lane(numbers.slow_permille);
    c.in_flight[r] = load.in_flight;
    c.waiting[r] = load.waiting;
    c.weight_permille[r] = numbers.weight_permille;
    std::uint32_t left_ms = 0;
    if (numbers.fresh_until_tsc > clock.now_tsc) {
        const auto left = static_cast<double>(numbers.fresh_until_tsc - clock.now_tsc);
        // A minute at most: the milliseconds wrap. One that has begun counts.
        left_ms = static_cast<std::uint32_t>(std::min(left * clock.ms_a_tick, 60'000.0)) + 1;
    }
    c.fresh_until_ms[r] = clock.now_ms + left_ms;
}

// Once a turn. A region whose numbers can't be read now is not fresh.
inline void read_regions(select::Candidates& c, const RegionNumbersTable& table,
                         const RegionLoads& loads, std::span<const RegionInfo> regions,
                         const LaneClock& clock) {
    c.count = static_cast<std::uint32_t>(regions.size());
    for (std::uint32_t r = 0; r < c.count; ++r) {
        RegionNumbers numbers;
        if (!table[r].read(numbers)) numbers = {};
        c.id[r] = regions[r].id;
        write_lane(c, r, numbers, loads.read(r), clock);
    }
}

// Once a request that may go to a region: what the policy needs to know of its function. `cold_us`
// is where the function's row goes; it must live as long as the result.
inline select::Function read_function(const WarmthTable& warmth, const Target& target,
                                      select::Policy policy, std::uint32_t region_count,
                                      select::Column<std::int32_t>& cold_us) {
    select::Function function;
    function.key = target.function_key;
    if (policy != select::Policy::skerry && policy != select::Policy::affinity) return function;
    const auto& row = warmth.expected_cold_us[target.function];
    const auto of = [&row](std::uint32_t r) {
        return static_cast<std::int32_t>(row[r].load(SK_RELAXED));
    };
    for (std::uint32_t r = 0; r < region_count; r += 4)
        select::put_four(&cold_us[r], of(r), of(r + 1), of(r + 2), of(r + 3));
    function.cold_us = cold_us.data();
    function.run_us = static_cast<std::int32_t>(warmth.run_us[target.function].load(SK_RELAXED));
    if (policy != select::Policy::skerry) return function;
    // Functions that share a row share no trial: what one gains says nothing of another.
    if (target.function == kCommonRow) return function;
    const std::uint32_t rate = warmth.rate_milli[target.function].load(SK_RELAXED);
    function.explore = select::Trial::worth_exploring(static_cast<float>(rate) * 1e-3f);
    return function;
}

}  // namespace skerry
