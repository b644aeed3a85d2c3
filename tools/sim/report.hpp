// A run's results as CSV and JSON. The columns are explained in docs/region-selection.md.
#pragma once

#include <string>
#include <vector>

#include "tools/sim/arrivals.hpp"
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
// Requests as they come: at_us,function,pop,run_us. Functions are f1, f2, …, by popularity.
std::string arrivals_csv(Arrivals& arrivals, const World& world);
// What became of them: at_us,function,pop,place,cold,waited_us,latency_us; `place` is "pop" or r1,
// r2, …
std::string answers_csv(const std::vector<Answer>& answers);
// pop,latitude,longitude,place,place_latitude,place_longitude,requests
std::string map_csv(const Run& run, const World& world);

}  // namespace skerry::sim
