#include "dataplane/select/load.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::select {

std::int32_t expected_wait_us(const Load& load) {
    if (load.slots == 0) return 0;
    const double slots = load.slots;
    const double service = load.service_us;
    const double busy = std::min(1.0, static_cast<double>(load.in_flight) / slots);
    // The region is not asked to work at more than this: the estimate would have no bound.
    const double used = std::min(busy, 0.98);
    const double ahead =
        service / slots * std::pow(used, std::sqrt(2.0 * (slots + 1.0)) - 1.0) / (1.0 - used);
    const double queued = static_cast<double>(load.waiting) * service / slots;
    return static_cast<std::int32_t>(std::min(ahead + queued, 60.0e6));
}

}  // namespace skerry::select
