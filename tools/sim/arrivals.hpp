// The stream of requests: who asks for what, and when. The same for every policy, given the seed.
#pragma once

#include <cstdint>
#include <memory>

#include "tools/sim/random.hpp"
#include "tools/sim/scenario.hpp"
#include "tools/sim/trace.hpp"
#include "tools/sim/world.hpp"

namespace skerry::sim {

struct Arrival {
    std::int64_t at_us = 0;
    std::uint64_t seed = 0;  // the request's own randomness
    std::uint32_t function = 0;
    std::uint16_t pop = 0;
};

class Arrivals {
  public:
    virtual ~Arrivals() = default;
    virtual bool next(Arrival& arrival) = 0;  // in the order of time; false: the run is over
};

// `trace`: nullptr for a generated stream; else its functions are the scenario's, by rank.
std::unique_ptr<Arrivals> make_arrivals(const Scenario& scenario, const World& world,
                                        const MinuteTrace* trace, std::uint64_t seed);

}  // namespace skerry::sim
