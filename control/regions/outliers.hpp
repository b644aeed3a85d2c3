// Which regions do worse than they should, how many may be ejected for it, and when too many are:
// what Envoy calls success rate and failure percentage ejection, max_ejection_percent and the panic
// threshold (envoy/api config.cluster.v3.OutlierDetection; upstream/outlier,
// upstream/load_balancing/ panic_threshold in its documentation). Pure: no clock, no I/O.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skerry::regions {

struct OutlierLimits {
    std::uint64_t interval_us = 10'000'000;  // between two looks at success rates
    std::uint32_t request_volume = 100;      // with fewer requests in it a rate says nothing
    std::uint32_t failure_percent = 50;      // from this share of failures on; 0: never for it
    // Below the mean of the regions' success rates by so many thousandths of their standard
    // deviation; 0: never for it. Says something only of so many regions that had enough requests.
    std::uint32_t stdev_permille = 1900;
    std::uint32_t stdev_regions = 5;
    // Of all regions. One may always be ejected. Does not hold for those that don't answer probes:
    // nothing could be had of them.
    std::uint32_t max_ejected_percent = 50;
    // When fewer of the regions that answer probes are not ejected: it is not they who are the
    // outliers. Then ejections don't count.
    std::uint32_t panic_percent = 50;
};

// One region's requests in the interval. Failures are silence, and refusals for reasons of its own.
struct Outcomes {
    std::uint64_t requests = 0;
    std::uint64_t failures = 0;
    bool ejected = false;  // already; nothing is said of it
};

// Those that should be ejected, the worst first.
std::vector<std::uint32_t> outliers(std::span<const Outcomes> regions, const OutlierLimits& limits);

constexpr bool may_eject_one_more(std::uint32_t ejected, std::uint32_t regions,
                                  std::uint32_t max_percent) {
    return ejected == 0
               ? max_percent != 0
               : (std::uint64_t{ejected} + 1) * 100 <= std::uint64_t{regions} * max_percent;
}

// `reachable`: that answer probes, and are not drained; `available`: of these, not ejected.
constexpr bool is_panic(std::uint32_t available, std::uint32_t reachable, std::uint32_t percent) {
    return std::uint64_t{available} * 100 < std::uint64_t{reachable} * percent;
}

}  // namespace skerry::regions
