// What can be known when all requests are known: a fixed placement that is good in hindsight, and a
// mean that no choice of regions can be below.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/sim/arrivals.hpp"
#include "tools/sim/scenario.hpp"
#include "tools/sim/world.hpp"

namespace skerry::sim {

// Which region executes a function for a POP, for the whole run.
class Placement {
  public:
    Placement(std::size_t functions, std::size_t pops) : pops_(pops), region_(functions * pops) {}
    std::uint8_t region(std::uint32_t function, std::uint32_t pop) const {
        return region_[function * pops_ + pop];
    }
    std::uint8_t* row(std::uint32_t function) { return &region_[function * pops_]; }

  private:
    std::size_t pops_;
    std::vector<std::uint8_t> region_;
};

struct Hindsight {
    Placement placement;
    double bound_us = 0;  // of the mean latency of requests after the warm-up
};

// For each function by itself: the set of home regions with the least total of round trips and
// cold starts, where every POP uses its nearest home. Cold starts are counted by replaying the
// function's own arrivals. Searched by adding and dropping one region at a time, from the best
// single home and from all regions. So it is a placement that exists, not a proof that there is no
// better one; queues and memory pressure are not in it, but for `keep_s`: how long workers survive
// (the scenario's keep-alive, or what a run with pressure measured).
//
// The bound: each request takes its nearest region's round trip and its own execution; and its cold
// start, if nobody anywhere asked for the function since a worker would have gone idle and ended.
Hindsight look_back(const Scenario& scenario, const World& world, Arrivals& arrivals,
                    const std::vector<double>& keep_s);

}  // namespace skerry::sim
