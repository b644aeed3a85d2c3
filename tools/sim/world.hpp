// What a scenario's world is made of, for one seed: places, ways and functions. Immutable once
// made.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/sim/places.hpp"
#include "tools/sim/random.hpp"
#include "tools/sim/scenario.hpp"

namespace skerry::sim {

struct FunctionTraits {
    float run_us = 0;   // median of its invocations
    float cold_us = 0;  // median of its cold starts; what is reported as its cold cost
    float memory_mib = 0;
    std::uint16_t home =
        0;  // POP whose neighbours ask for it, as far as functions.local_share goes
};

struct KnownTraits {
    std::vector<float> run_ms;   // means, by function; 0, or none: not known
    std::vector<float> cold_ms;  // a sample: each function has one of these; empty: not known
};

class World {
  public:
    static constexpr std::uint32_t kNeighbours = 10;

    // `known`: what traces say of functions, else they are drawn from the scenario's distributions.
    World(const Scenario& scenario, std::uint64_t seed, const KnownTraits& known = {});

    std::uint32_t pop_count() const { return static_cast<std::uint32_t>(pops.size()); }
    std::uint32_t region_count() const { return regions_; }
    std::int32_t rtt_us(std::uint32_t pop, std::uint32_t region) const {
        return rtt_us_[pop * regions_ + region];
    }
    // The invocation's own numbers: the same whatever region executes it.
    float run_us(std::uint32_t function, std::uint64_t request) const;
    float cold_us(std::uint32_t function, std::uint64_t request) const;

    // Their means.
    float usual_run_us(std::uint32_t f) const { return functions[f].run_us * run_mean_; }
    float usual_cold_us(std::uint32_t f) const { return functions[f].cold_us * cold_mean_; }

    std::vector<Place> pops;
    std::vector<double> pop_weight;
    std::vector<FunctionTraits> functions;  // most popular first
    std::vector<std::uint16_t> neighbours;  // kNeighbours of each POP, itself first

  private:
    Normal normal_;
    double run_noise_, cold_noise_;
    float run_mean_, cold_mean_;  // of a log-normal distribution, over its median
    std::uint32_t regions_;
    std::vector<std::int32_t> rtt_us_;
};

}  // namespace skerry::sim
