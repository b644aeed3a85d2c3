// How many workers a function version should have ready here: a pure function of plain numbers.
#pragma once

#include <cstdint>

#include "dataplane/snapshot/snapshot.hpp"

namespace skerry::placement {

struct Demand {
    bool is_pop = true;
    bool current = true;  // not an old version
    Place place = Place::automatic;
    std::uint32_t warm_min = 0;
    std::uint32_t warm_max = 1;
    double rate_per_s = 0;
    double popular_per_s = 5;
    bool was_popular = false;
    bool all_busy = false;      // no slot was free at the last looks
    std::uint32_t workers = 0;  // there now
};

struct Wish {
    std::uint32_t minimum = 0;
    bool popular = false;
};

// A POP keeps popular functions warm, and what it is told to keep; a region keeps what only regions
// execute, and starts everything else on demand.
Wish wish(const Demand& demand);

}  // namespace skerry::placement
