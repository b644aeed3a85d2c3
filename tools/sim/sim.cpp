// skerry-sim: region selection on an internet of POPs, with the very code that selects.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tools/sim/brain.hpp"
#include "tools/sim/runner.hpp"

namespace {

using namespace skerry;
using namespace skerry::sim;

struct Options {
    std::vector<std::string> scenarios, policies;
    std::uint64_t seed = 1;
    std::uint32_t seeds = 1;
    std::string out, answers;
    bool as_json = false;
};

int fail(const std::string& text) {
    std::cerr << "skerry-sim: " << text << "\n";
    return 1;
}

bool write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary);
    out << text;
    out.flush();
    return static_cast<bool>(out);
}

// Every request is kept in memory then.
constexpr double kMostAnswers = 2e6;

// Oracles look into regions that a scenario with [workers] doesn't have.
std::vector<std::string> policies_of(const Options& options, const Scenario& scenario) {
    std::vector<std::string> names = options.policies.empty() ? all_brains() : options.policies;
    if (!scenario.workers.modelled) return names;
    std::erase_if(names, [](const std::string& name) {
        Brain brain;
        return brain_by_name(name, brain) && brain.kind != Brain::Kind::policy;
    });
    return names;
}

int run_all(const Options& options) {
    std::vector<std::string> policies = options.policies.empty() ? all_brains() : options.policies;
    for (const std::string& name : policies) {
        Brain ignored;
        if (brain_by_name(name, ignored)) continue;
        std::string allowed;
        for (const std::string& each : all_brains()) allowed += " " + each;
        return fail("no policy is called \"" + name + "\"; there are" + allowed);
    }
    std::vector<Run> kept;
    if (!options.as_json) std::cout << csv_header();
    for (const std::string& path : options.scenarios) {
        auto scenario = load_scenario(path);
        if (!scenario) return fail(scenario.error().text);
        policies = policies_of(options, *scenario);
        if (policies.empty())
            return fail(path + ": found only oracles; allowed: policies, as it has [workers]");
        if (!options.answers.empty() && scenario->requests_per_s * scenario->seconds > kMostAnswers)
            return fail(path + ": too many requests for --answers; allowed: about 2000000");
        for (std::uint32_t i = 0; i < options.seeds; ++i) {
            auto runner = Runner::create(*scenario, options.seed + i);
            if (!runner) return fail(runner.error().text);
            for (const std::string& name : policies) {
                std::vector<Answer> answers;
                Run run = (*runner)->run(name, options.answers.empty() ? nullptr : &answers);
                if (!options.answers.empty() && !write_file(options.answers, answers_csv(answers)))
                    return fail("cannot write " + options.answers);
                if (!options.as_json) std::cout << csv_line(run) << std::flush;
                if (!options.out.empty() && i == 0) {
                    const std::filesystem::path base =
                        std::filesystem::path(options.out) / (run.scenario + "." + name);
                    if (!write_file(base.string() + ".timeline.csv",
                                    timeline_csv(run, *scenario)) ||
                        !write_file(base.string() + ".map.csv", map_csv(run, (*runner)->world())))
                        return fail("cannot write into " + options.out);
                }
                if (options.as_json) kept.push_back(std::move(run));
            }
        }
    }
    if (options.as_json) std::cout << json(kept);
    return 0;
}

int arrivals(const Options& options) {
    auto scenario = load_scenario(options.scenarios.front());
    if (!scenario) return fail(scenario.error().text);
    if (scenario->requests_per_s * scenario->seconds > kMostAnswers)
        return fail("too many requests to write down; allowed: about 2000000");
    auto runner = Runner::create(*scenario, options.seed);
    if (!runner) return fail(runner.error().text);
    std::cout << arrivals_csv(*(*runner)->arrivals(), (*runner)->world());
    return 0;
}

int matrix() {
    const auto pops = pop_places(static_cast<std::uint32_t>(cities().size()));
    std::printf("rtt_ms");
    for (const Place& region : regions())
        std::printf(",%.*s", static_cast<int>(region.name.size()), region.name.data());
    for (const Place& pop : pops) {
        std::printf("\n%.*s", static_cast<int>(pop.name.size()), pop.name.data());
        for (const Place& region : regions())
            std::printf(",%.1f", static_cast<double>(round_trip_us(pop, region, 2.1, 1000)) / 1000);
    }
    std::printf("\n");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Simulates POPs and regions with the code that selects regions."};
    app.require_subcommand(1);
    Options options;
    auto* run = app.add_subcommand("run", "run scenarios; one CSV line for each policy and seed");
    run->add_option("scenario", options.scenarios, "files (tools/sim/scenarios/*.toml)")
        ->required();
    run->add_option("--policy", options.policies, "only these; default: all, and the oracles")
        ->delimiter(',');
    run->add_option("--seed", options.seed, "the first")->capture_default_str();
    run->add_option("--seeds", options.seeds, "how many")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    run->add_option("--out", options.out, "folder for timelines and maps of the first seed");
    run->add_option("--answers", options.answers,
                    "file for what became of each request of the last run (CSV)");
    run->add_flag("--json", options.as_json, "one JSON document instead of CSV");
    auto* check = app.add_subcommand("check", "read scenarios, and say what is wrong with them");
    check->add_option("scenario", options.scenarios, "files")->required();
    auto* asked = app.add_subcommand("arrivals", "the requests of one seed, as CSV");
    asked->add_option("scenario", options.scenarios, "one file")->required()->expected(1);
    asked->add_option("--seed", options.seed, "which")->capture_default_str();
    auto* rtt =
        app.add_subcommand("matrix", "round trips of all cities and regions, in ms, as CSV");
    CLI11_PARSE(app, argc, argv);
    if (*rtt) return matrix();
    if (*asked) return arrivals(options);
    if (*check) {
        for (const std::string& path : options.scenarios) {
            const auto scenario = load_scenario(path);
            if (!scenario) return fail(scenario.error().text);
        }
        return 0;
    }
    return run_all(options);
}
