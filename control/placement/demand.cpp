#include "control/placement/demand.hpp"

#include <algorithm>

namespace skerry::placement {

Wish wish(const Demand& demand) {
    Wish wish;
    // Half the rate to stay: a function at the edge does not come and go with each look.
    wish.popular =
        demand.rate_per_s >= (demand.was_popular ? demand.popular_per_s / 2 : demand.popular_per_s);
    if (!demand.current) return wish;
    if (!demand.is_pop) {
        wish.minimum = demand.place == Place::region ? demand.warm_min : 0;
        return wish;
    }
    if (demand.place == Place::region) return wish;
    wish.minimum = demand.warm_min;
    if (wish.popular) {
        // What overflows goes to regions meanwhile; a popular function grows one worker at a time.
        const std::uint32_t grown = demand.all_busy ? demand.workers + 1 : 0;
        wish.minimum = std::max({wish.minimum, 1u, grown});
    }
    wish.minimum = std::min(wish.minimum, std::max(demand.warm_max, demand.warm_min));
    return wish;
}

}  // namespace skerry::placement
