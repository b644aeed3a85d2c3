// From what a region says to what is chosen by. Any thread.
#pragma once

#include <algorithm>

#include "dataplane/load/region_loads.hpp"
#include "dataplane/select/load.hpp"
#include "dataplane/wire/load.hpp"

namespace skerry {

// What an execution is taken for as long as a region has not said what it takes there.
inline constexpr std::uint32_t kUnknownService_us = 20'000;

inline RegionLoad to_region_load(const wire::Load& load) {
    const std::uint32_t in_flight = std::uint32_t{load.executing} + load.waiting;
    // Those that wait although there are slots are of a function that has all the workers that it
    // may have: they wait for what executes. So they do where a region does not say what it could
    // do.
    const std::uint32_t executing = std::max<std::uint32_t>(1, load.executing);
    const std::uint32_t slots = load.waiting == 0 ? load.slots
                                : load.slots == 0 ? executing
                                                  : std::min<std::uint32_t>(load.slots, executing);
    const std::int32_t wait_us = select::expected_wait_us(
        {.in_flight = in_flight,
         .waiting = load.waiting,
         .slots = slots,
         .service_us = load.service_us == 0 ? kUnknownService_us : load.service_us});
    return {.wait_us = static_cast<std::uint32_t>(wait_us),
            .in_flight = wire::saturated(in_flight),
            .waiting = load.waiting};
}

}  // namespace skerry
