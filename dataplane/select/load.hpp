// The expected wait for a slot, from what a region reports of its load. Pure; once for each report.
#pragma once

#include <cstdint>

namespace skerry::select {

struct Load {
    std::uint32_t in_flight = 0;  // requests there, those that wait included
    std::uint32_t waiting = 0;
    std::uint32_t slots = 0;  // that it can execute at once; 0: not known, no wait is expected
    std::uint32_t service_us = 0;
};

// Those that wait now, and those that will come in front of us: Sakasegawa's approximation of the
// M/M/c queue (Ann. Inst. Statist. Math. 29, 1977). Grows with in_flight, steeply near the end.
// At most a minute.
std::int32_t expected_wait_us(const Load& load);

// How much longer than usual executions take there (Candidates::slow_permille), from the decayed
// mean of what they took over what they usually take. 1000 unless it is plain, at most 100 times.
constexpr std::int32_t slow_permille(double mean_ratio) {
    if (!(mean_ratio > 1.5)) return 1000;
    return static_cast<std::int32_t>((mean_ratio < 100.0 ? mean_ratio : 100.0) * 1000.0);
}

}  // namespace skerry::select
