// A run's results as CSV and JSON. The columns are explained in docs/region-selection.md.
#pragma once

#include <string>
#include <vector>

#include "tools/sim/metrics.hpp"
#include "tools/sim/scenario.hpp"
#include "tools/sim/world.hpp"

namespace skerry::sim {

struct Run {
    std::string scenario, policy;
    std::uint64_t seed = 0;
    double cpu_s = 0;             // of one core, the world's making left out
    std::uint64_t simulated = 0;  // requests, warm-up included
    Metrics metrics;
};

std::string csv_header();
std::string csv_line(const Run& run);
std::string json(const std::vector<Run>& runs);
// time_s,requests,mean_ms,cold,failed,to_faulty
std::string timeline_csv(const Run& run, const Scenario& scenario);
// pop,latitude,longitude,place,place_latitude,place_longitude,requests
std::string map_csv(const Run& run, const World& world);

}  // namespace skerry::sim
