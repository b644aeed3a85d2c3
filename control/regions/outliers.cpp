#include "control/regions/outliers.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::regions {
namespace {

struct Rate {
    std::uint32_t region = 0;
    double success = 1;
};

// The success rate below which a region stands out; negative: none does.
double threshold(const std::vector<Rate>& rates, const OutlierLimits& limits) {
    if (limits.stdev_permille == 0 || rates.size() < std::max(1u, limits.stdev_regions)) return -1;
    double sum = 0, squares = 0;
    for (const Rate& each : rates) sum += each.success;
    const double mean = sum / static_cast<double>(rates.size());
    for (const Rate& each : rates) squares += (each.success - mean) * (each.success - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(rates.size()));
    return mean - deviation * limits.stdev_permille / 1000.0;
}

}  // namespace

std::vector<std::uint32_t> outliers(std::span<const Outcomes> regions,
                                    const OutlierLimits& limits) {
    std::vector<Rate> rates;
    for (std::uint32_t r = 0; r < regions.size(); ++r) {
        const Outcomes& seen = regions[r];
        if (seen.ejected || seen.requests < std::max(1u, limits.request_volume)) continue;
        const std::uint64_t failures = std::min(seen.failures, seen.requests);
        rates.push_back(
            {r, 1.0 - static_cast<double>(failures) / static_cast<double>(seen.requests)});
    }
    const double least = threshold(rates, limits);
    const double most_failures = limits.failure_percent == 0 ? 2.0 : limits.failure_percent / 100.0;
    // Of regions that are alike to the last failure none stands out: hence below, and not at.
    std::erase_if(rates, [&](const Rate& each) {
        return each.success >= least - 1e-9 && 1.0 - each.success < most_failures - 1e-9;
    });
    std::stable_sort(rates.begin(), rates.end(),
                     [](const Rate& a, const Rate& b) { return a.success < b.success; });
    std::vector<std::uint32_t> found;
    for (const Rate& each : rates) found.push_back(each.region);
    return found;
}

}  // namespace skerry::regions
