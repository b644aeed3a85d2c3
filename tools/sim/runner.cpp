#include "tools/sim/runner.hpp"

#include <ctime>
#include <fstream>
#include <iterator>

#include "tools/sim/engine.hpp"

namespace skerry::sim {
namespace {

constexpr std::size_t kMaxTraceBytes = std::size_t{1} << 31;

Result<std::string> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) return errno_error("open " + path);
    const auto bytes = in.tellg();
    if (bytes < 0 || static_cast<std::size_t>(bytes) > kMaxTraceBytes)
        return Error{0,
                     path + ": found " + std::to_string(bytes) + " bytes; allowed: at most 2 GiB"};
    std::string text(static_cast<std::size_t>(bytes), '\0');
    in.seekg(0);
    in.read(text.data(), bytes);
    return text;
}

}  // namespace

Result<std::unique_ptr<Runner>> Runner::create(Scenario scenario, std::uint64_t seed) {
    std::unique_ptr<Runner> made(new Runner(std::move(scenario), seed));
    KnownTraits known;
    if (auto read = made->read_traces(known); !read) return read.error();
    made->world_ = std::make_unique<World>(made->scenario_, seed, known);
    return made;
}

Status Runner::read_traces(KnownTraits& known) {
    Scenario& s = scenario_;
    if (!s.trace.empty()) {
        auto text = read_file(s.trace);
        if (!text) return text.error();
        auto trace = read_azure_invocations(*text, s.trace);
        if (!trace) return trace.error();
        trace_ = std::make_unique<MinuteTrace>(std::move(*trace));
        if (trace_->functions.empty())
            return Error{0, s.trace + ": found no functions; allowed: one a line"};
        s.functions.count = std::min<std::uint32_t>(
            s.functions.count, static_cast<std::uint32_t>(trace_->functions.size()));
    }
    if (!s.durations.empty()) {
        auto text = read_file(s.durations);
        if (!text) return text.error();
        auto found = read_azure_durations(*text, s.durations, *trace_);
        if (!found) return found.error();
        if (*found == 0)
            return Error{0, s.durations +
                                ": found none of the trace's functions; allowed: durations "
                                "of the same day"};
        for (const auto& function : trace_->functions) known.run_ms.push_back(function.run_ms);
    }
    if (!s.cold_starts.empty()) {
        auto text = read_file(s.cold_starts);
        if (!text) return text.error();
        auto costs = read_cold_starts(*text, s.cold_starts);
        if (!costs) return costs.error();
        if (costs->empty())
            return Error{0, s.cold_starts + ": found no starts; allowed: one a line"};
        known.cold_ms = std::move(*costs);
    }
    return ok();
}

void Runner::look_back_once() {
    if (hindsight_) return;
    const std::vector<double> keep_s(world_->region_count(), scenario_.regions.keep_alive_s);
    auto arrivals = make_arrivals(scenario_, *world_, trace_.get(), seed_);
    hindsight_ = std::make_unique<Hindsight>(look_back(scenario_, *world_, *arrivals, keep_s));
    if (scenario_.regions.memory_mib == 0) return;
    // Under pressure workers survive for less: as long as they did with the placement just made.
    Engine pilot(scenario_, *world_, {.kind = Brain::Kind::hindsight, .settings = {}},
                 &hindsight_->placement);
    auto again = make_arrivals(scenario_, *world_, trace_.get(), seed_);
    (void)pilot.run(*again);
    std::vector<double> survived_s;
    for (std::uint32_t r = 0; r < world_->region_count(); ++r)
        survived_s.push_back(std::min(pilot.mean_keep_s(r), scenario_.regions.keep_alive_s));
    auto third = make_arrivals(scenario_, *world_, trace_.get(), seed_);
    *hindsight_ = look_back(scenario_, *world_, *third, survived_s);
}

double Runner::bound_us() {
    look_back_once();
    return hindsight_->bound_us;
}

Run Runner::run(const std::string& policy, std::vector<Answer>* answers) {
    Brain brain;
    Run run{.scenario = scenario_.name,
            .policy = policy,
            .seed = seed_,
            .cpu_s = 0,
            .simulated = 0,
            .metrics = {}};
    if (!brain_by_name(policy, brain)) return run;
    if (brain.kind == Brain::Kind::hindsight) look_back_once();
    Engine engine(scenario_, *world_, brain, hindsight_ ? &hindsight_->placement : nullptr);
    if (answers != nullptr) engine.keep_answers(*answers);
    auto arrivals = this->arrivals();
    const std::clock_t start = std::clock();
    run.metrics = engine.run(*arrivals);
    run.cpu_s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    for (const TimelineBin& bin : run.metrics.timeline) run.simulated += bin.requests + bin.failed;
    if (hindsight_) run.metrics.bound_us = hindsight_->bound_us;
    return run;
}

}  // namespace skerry::sim
