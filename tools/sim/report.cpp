#include "tools/sim/report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace skerry::sim {
namespace {

// Every figure once, with its name: CSV and JSON are made of it.
std::vector<std::pair<std::string, double>> figures(const Run& run) {
    const Metrics& m = run.metrics;
    const double n = static_cast<double>(std::max<std::uint64_t>(1, m.forwarded.total()));
    const double all =
        static_cast<double>(std::max<std::uint64_t>(1, m.all.total() + m.refused + m.failed));
    const auto share = [](std::uint64_t part, double whole) {
        return static_cast<double>(part) / whole;
    };
    const double band = static_cast<double>(std::max<std::uint64_t>(1, m.band));
    return {
        {"requests", static_cast<double>(m.forwarded.total())},
        {"mean_ms", m.forwarded.mean() / 1e3},
        {"p50_ms", m.forwarded.quantile(0.5) / 1e3},
        {"p99_ms", m.forwarded.quantile(0.99) / 1e3},
        {"p999_ms", m.forwarded.quantile(0.999) / 1e3},
        {"all_mean_ms", m.all.mean() / 1e3},
        {"network_ms", m.network_us / n / 1e3},
        {"wait_ms", m.wait_us / n / 1e3},
        {"cold_ms", m.cold_us / n / 1e3},
        {"run_ms", m.run_us / n / 1e3},
        {"bound_ms", m.bound_us / 1e3},
        {"cold_share", share(m.cold, n)},
        {"band_cold_share", share(m.band_cold, band)},
        {"band_share", share(m.band, n)},
        {"local_share", share(m.local, all)},
        {"spill_share", share(m.spilled, n)},
        {"refused_share", share(m.refused, all)},
        {"failed_share", share(m.failed, all)},
        {"extra_share", share(m.extra, n)},
        {"control_share", share(m.control, n)},
        {"reverted", static_cast<double>(m.reverted)},
        {"wan_mb", m.wan_bytes / 1e6},
        {"left_failed_ms",
         m.left_failed_us < 0 ? -1.0 : static_cast<double>(m.left_failed_us) / 1e3},
        {"fairness", m.fairness},
        {"worst_pop", m.worst_pop},
        {"requests_per_cpu_s", run.cpu_s > 0 ? static_cast<double>(run.simulated) / run.cpu_s : 0}};
}

}  // namespace

std::string csv_header() {
    std::string line = "scenario,policy,seed";
    for (const auto& [name, value] : figures(Run{})) line += "," + name;
    return line + "\n";
}

std::string csv_line(const Run& run) {
    std::string line = fmt::format("{},{},{}", run.scenario, run.policy, run.seed);
    for (const auto& [name, value] : figures(run)) line += fmt::format(",{:.6g}", value);
    return line + "\n";
}

std::string json(const std::vector<Run>& runs) {
    nlohmann::json all = nlohmann::json::array();
    for (const Run& run : runs) {
        nlohmann::json one{{"scenario", run.scenario}, {"policy", run.policy}, {"seed", run.seed}};
        for (const auto& [name, value] : figures(run)) one[name] = value;
        all.push_back(std::move(one));
    }
    return all.dump(1) + "\n";
}

std::string timeline_csv(const Run& run, const Scenario& scenario) {
    std::string text = "time_s,requests,mean_ms,cold,failed,to_faulty\n";
    const double width = scenario.seconds / static_cast<double>(run.metrics.timeline.size());
    double at = 0;
    for (const TimelineBin& bin : run.metrics.timeline) {
        const double mean =
            bin.requests == 0 ? 0 : bin.latency_us / static_cast<double>(bin.requests) / 1e3;
        text += fmt::format("{:.6g},{},{:.6g},{},{},{}\n", at, bin.requests, mean, bin.cold,
                            bin.failed, bin.to_faulty);
        at += width;
    }
    return text;
}

std::string arrivals_csv(Arrivals& arrivals, const World& world) {
    std::string text = "at_us,function,pop,run_us\n";
    for (Arrival a; arrivals.next(a);)
        text += fmt::format("{},f{},{},{:.0f}\n", a.at_us, a.function + 1, a.pop,
                            world.run_us(a.function, a.seed));
    return text;
}

std::string answers_csv(const std::vector<Answer>& answers) {
    std::string text = "at_us,function,pop,place,cold,waited_us,latency_us\n";
    for (const Answer& a : answers)
        text += fmt::format("{},f{},{},{},{},{},{}\n", a.at_us, a.function + 1, a.pop,
                            a.region == Answer::kAtPop ? "pop" : fmt::format("r{}", a.region + 1),
                            a.cold ? 1 : 0, a.waited_us, a.latency_us);
    return text;
}

std::string map_csv(const Run& run, const World& world) {
    std::string text = "pop,latitude,longitude,place,place_latitude,place_longitude,requests\n";
    const std::uint32_t columns = world.region_count() + 1;
    for (std::uint32_t p = 0; p < world.pop_count(); ++p) {
        for (std::uint32_t r = 0; r < columns; ++r) {
            const std::uint32_t count = run.metrics.ran_at[p * columns + r];
            if (count == 0) continue;
            const bool here = r == world.region_count();
            const Place& place = here ? world.pops[p] : regions()[r];
            text += fmt::format("{},{:.6g},{:.6g},{},{:.6g},{:.6g},{}\n", world.pops[p].name,
                                world.pops[p].latitude, world.pops[p].longitude,
                                here ? std::string_view("here") : place.name, place.latitude,
                                place.longitude, count);
        }
    }
    return text;
}

}  // namespace skerry::sim
