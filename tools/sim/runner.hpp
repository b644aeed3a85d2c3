// Runs of one scenario with one seed: what the command line, the tests and the benchmarks ask for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tools/sim/arrivals.hpp"
#include "tools/sim/oracle.hpp"
#include "tools/sim/report.hpp"

namespace skerry::sim {

class Runner {
  public:
    // The traces that a scenario names are read here.
    static Result<std::unique_ptr<Runner>> create(Scenario scenario, std::uint64_t seed);

    // `policy`: a name of all_brains(); no oracle's with [workers]. `answers`: what became of each
    // request, or nullptr.
    Run run(const std::string& policy, std::vector<Answer>* answers = nullptr);
    // The same requests as in each run.
    std::unique_ptr<Arrivals> arrivals() const {
        return make_arrivals(scenario_, *world_, trace_.get(), seed_);
    }
    // Of the mean latency of all requests, whatever is chosen; makes the hindsight placement too.
    double bound_us();

    const Scenario& scenario() const { return scenario_; }
    const World& world() const { return *world_; }

  private:
    Runner(Scenario scenario, std::uint64_t seed) : scenario_(std::move(scenario)), seed_(seed) {}
    Status read_traces(KnownTraits& known);
    void look_back_once();

    Scenario scenario_;
    std::uint64_t seed_;
    std::unique_ptr<MinuteTrace> trace_;
    std::unique_ptr<World> world_;
    std::unique_ptr<Hindsight> hindsight_;
};

}  // namespace skerry::sim
