#include "tools/sim/scenario.hpp"

#include <toml++/toml.h>

#include <fstream>
#include <iterator>

#include "control/config/reader.hpp"
#include "tools/sim/places.hpp"

namespace skerry::sim {
namespace {

using config::Problems;
using config::Reader;

constexpr std::size_t kMaxFileBytes = 1u << 20;
constexpr std::size_t kMaxFaults = 64;

bool is_name(const std::string& text) {
    if (text.empty() || text.size() > 40) return false;
    for (const char c : text)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    return true;
}

void read_pops(const toml::table& table, Scenario& s, Problems& problems) {
    Reader in(table, "pops.", problems);
    in.integer("count", s.pops.count, 1, kMaxPops);
    in.number("popular_per_s", s.pops.popular_per_s, 1e-6, 1e9);
    in.number("half_life_s", s.pops.half_life_s, 0.1, 1e6);
    in.integer("workers", s.pops.workers, 0, 1'000'000);
    in.integer("memory_mib", s.pops.memory_mib, 0, 1'000'000'000);
    in.integer("slots", s.pops.slots, 0, 1'000'000);
    in.finish();
}

void read_regions(const toml::table& table, Scenario& s, Problems& problems) {
    Reader in(table, "regions.", problems);
    in.integer("count", s.regions.count, 1, kMaxSimRegions);
    in.integer("slots", s.regions.slots, 1, 1'000'000);
    in.integer("memory_mib", s.regions.memory_mib, 0, 1'000'000'000);
    in.number("keep_alive_s", s.regions.keep_alive_s, 1, 1e6);
    in.integer("report_ms", s.regions.report_ms, 50, 60'000);
    in.integer("fresh_ms", s.regions.fresh_ms, 100, 600'000);
    in.integer("probe_ms", s.regions.probe_ms, 10, 60'000);
    in.integer("failures_to_eject", s.regions.failures_to_eject, 1, 100);
    in.finish();
    if (s.regions.fresh_ms < s.regions.probe_ms)
        in.problem("fresh_ms", std::to_string(s.regions.fresh_ms),
                   "at least probe_ms, or no region is ever fresh");
}

void read_functions(const toml::table& table, Scenario& s, Problems& problems) {
    auto& f = s.functions;
    Reader in(table, "functions.", problems);
    in.integer("count", f.count, 1, kMaxSimFunctions);
    in.number("zipf", f.zipf, 0, 4);
    in.number("local_share", f.local_share, 0, 1);
    in.number("run_ms", f.run_ms, 0.001, 1e6);
    in.number("run_sigma", f.run_sigma, 0, 4);
    in.number("run_noise", f.run_noise, 0, 3);
    in.number("cold_ms", f.cold_ms, 0, 1e5);
    in.number("cold_sigma", f.cold_sigma, 0, 3);
    in.number("cold_noise", f.cold_noise, 0, 2);
    in.number("memory_mib", f.memory_mib, 1, 1e5);
    in.number("memory_sigma", f.memory_sigma, 0, 2);
    in.integer("request_bytes", f.request_bytes, 0, 100'000'000);
    in.integer("reply_bytes", f.reply_bytes, 0, 100'000'000);
    in.number("deadline_s", f.deadline_s, 0.01, 2000);
    in.finish();
}

void read_arrivals(const toml::table& table, Scenario& s, Problems& problems) {
    Reader in(table, "arrivals.", problems);
    constexpr config::Word<ArrivalKind> kKinds[] = {{"poisson", ArrivalKind::poisson},
                                                    {"diurnal", ArrivalKind::diurnal}};
    in.word("kind", s.arrivals, kKinds);
    in.number("amplitude", s.amplitude, 0, 1);
    in.number("day_s", s.day_s, 60, 1e7);
    const auto path = [&](const char* name, std::string& out) {
        in.text(name, out, "the path of a file, at most 1000 characters",
                [](const std::string& t) { return !t.empty() && t.size() <= 1000; });
    };
    path("trace", s.trace);
    path("durations", s.durations);
    path("cold_starts", s.cold_starts);
    if (!s.durations.empty() && s.trace.empty())
        in.problem("durations", "no `trace` beside it", "with the trace whose functions it names");
    in.finish();
}

void read_round_trips(Reader& in, Scenario& s) {
    const std::string allowed = "a list for each POP: ms to each region, 0.05 … 2000";
    in.list("rtt_ms", kMaxPops, allowed, [&](const toml::node& node) {
        std::vector<double> row;
        const toml::array* found = node.as_array();
        bool good = found != nullptr && found->size() <= kMaxSimRegions;
        for (std::size_t i = 0; good && i < found->size(); ++i) {
            const auto ms = (*found)[i].value<double>();
            good = ms && *ms >= 0.05 && *ms <= 2000;
            if (good) row.push_back(*ms);
        }
        if (!good) in.problem("rtt_ms", config::describe(node), allowed);
        s.network.rtt_ms.push_back(std::move(row));
    });
}

void read_network(const toml::table& table, Scenario& s, Problems& problems) {
    Reader in(table, "network.", problems);
    in.number("inflation", s.network.inflation, 1, 20);
    in.number("overhead_ms", s.network.overhead_ms, 0, 1000);
    in.number("silence_factor", s.network.silence_factor, 1, 100);
    read_round_trips(in, s);
    in.finish();
}

void read_workers(const toml::table& table, Scenario& s, Problems& problems) {
    Reader in(table, "workers.", problems);
    s.workers.modelled = true;
    in.integer("per_function", s.workers.per_function, 1, kMaxPoolWorkers);
    in.flag("digest", s.workers.digest);
    in.finish();
}

void read_rollout(const toml::table& table, Scenario& s, Problems& problems) {
    Reader in(table, "rollout.", problems);
    in.number("at_s", s.rollout.at_s, 0, s.seconds);
    in.number("share", s.rollout.share, 0, 1);
    in.number("replicate_s", s.rollout.replicate_s, 0, 1e6);
    in.finish();
}

void read_region_names(Reader& in, const Scenario& s, Fault& fault) {
    const std::string allowed = "names of the first " + std::to_string(s.regions.count) +
                                " regions of tools/sim/places.def";
    if (!in.has("regions")) in.require("regions", allowed);
    in.list("regions", kMaxSimRegions, allowed, [&](const toml::node& node) {
        const auto* text = node.as_string();
        const int index = text == nullptr ? -1 : region_by_name(text->get());
        if (index < 0 || index >= static_cast<int>(s.regions.count))
            in.problem("regions", config::describe(node), allowed);
        else
            fault.regions.push_back(static_cast<std::uint8_t>(index));
    });
}

void read_fault(const toml::table& table, Scenario& s, const std::string& prefix,
                Problems& problems) {
    Reader in(table, prefix, problems);
    Fault fault;
    constexpr config::Word<FaultKind> kKinds[] = {{"down", FaultKind::down},
                                                  {"brown-out", FaultKind::brown_out},
                                                  {"partition", FaultKind::partition},
                                                  {"loss", FaultKind::loss},
                                                  {"stale", FaultKind::stale}};
    in.require("kind", "\"down\", \"brown-out\", \"partition\", \"loss\" or \"stale\"");
    in.word("kind", fault.kind, kKinds);
    read_region_names(in, s, fault);
    in.number("from_s", fault.from_s, 0, 1e7);
    fault.to_s = s.seconds;
    in.number("to_s", fault.to_s, 0, 1e7);
    if (fault.kind == FaultKind::loss)
        in.number("factor", fault.factor = 0.01, 0, 0.9);
    else if (fault.kind == FaultKind::stale)
        in.number("factor", fault.factor = 5, 0, 30);
    else if (fault.kind == FaultKind::brown_out)
        in.number("factor", fault.factor = 4, 1, 1000);
    if (fault.kind == FaultKind::partition) {
        in.number("west_deg", fault.west_deg, -180, 180);
        in.number("east_deg", fault.east_deg, -180, 180);
    }
    in.finish();
    if (!(fault.to_s > fault.from_s))
        in.problem("to_s", std::to_string(fault.to_s), "later than from_s");
    s.faults.push_back(std::move(fault));
}

void read_flash(const toml::table& table, Scenario& s, const std::string& prefix,
                Problems& problems) {
    Reader in(table, prefix, problems);
    Flash flash;
    in.number("from_s", flash.from_s, 0, 1e7);
    flash.to_s = s.seconds;
    in.number("to_s", flash.to_s, 0, 1e7);
    in.integer("first", flash.first, 0, kMaxSimFunctions - 1);
    in.integer("functions", flash.functions, 1, 1000);
    in.number("requests_per_s", flash.requests_per_s, 0, 1e7);
    in.finish();
    if (!(flash.to_s > flash.from_s))
        in.problem("to_s", std::to_string(flash.to_s), "later than from_s");
    if (std::uint64_t{flash.first} + flash.functions > s.functions.count)
        in.problem("first", std::to_string(flash.first),
                   "first + functions within functions.count");
    s.flashes.push_back(flash);
}

void read_tables(const toml::table& root, Reader& in, const char* key, Scenario& s,
                 Problems& problems,
                 void (*read)(const toml::table&, Scenario&, const std::string&, Problems&)) {
    std::size_t index = 0;
    (void)root;
    in.list(key, kMaxFaults, "tables, [[" + std::string(key) + "]]", [&](const toml::node& node) {
        const std::string prefix = std::string(key) + "[" + std::to_string(index++) + "].";
        const auto* table = node.as_table();
        if (table == nullptr)
            in.problem(key, config::describe(node), "tables, [[" + std::string(key) + "]]");
        else
            read(*table, s, prefix, problems);
    });
}

void check_round_trips(Reader& in, const Scenario& s) {
    const auto& rows = s.network.rtt_ms;
    bool fits = rows.empty() || rows.size() == s.pops.count;
    for (const auto& row : rows) fits = fits && row.size() == s.regions.count;
    if (!fits)
        in.problem("network", std::to_string(rows.size()) + " rows of rtt_ms",
                   "pops.count rows of regions.count each");
}

// What the model of workers can't do, or not in reasonable time.
void check_workers(Reader& in, const Scenario& s) {
    if (!s.faults.empty()) in.problem("fault", "[workers] beside it", "one of them");
    if (s.rollout.share != 0) in.problem("rollout", "[workers] beside it", "one of them");
    if (s.regions.slots > kMaxPoolWorkers || s.pops.workers > kMaxPoolWorkers)
        in.problem("workers",
                   std::to_string(std::max(s.regions.slots, s.pops.workers)) + " of them",
                   "regions.slots and pops.workers at most " + std::to_string(kMaxPoolWorkers));
    if (std::uint64_t{s.pops.count} * s.functions.count > kMaxPoolPairs)
        in.problem("workers", std::to_string(s.pops.count) + " POPs",
                   "POPs × functions at most " + std::to_string(kMaxPoolPairs));
}

void read_all(const toml::table& root, Scenario& s, Problems& problems) {
    Reader in(root, "", problems);
    in.require("name", "1 … 40 of a-z, 0-9 and -");
    in.text("name", s.name, "1 … 40 of a-z, 0-9 and -", is_name);
    in.text("about", s.about, "at most 500 characters",
            [](const std::string& t) { return t.size() <= 500; });
    in.number("seconds", s.seconds, 1, 1e7);
    in.number("warm_up_s", s.warm_up_s, 0, 1e7);
    in.number("requests_per_s", s.requests_per_s, 1e-3, 1e7);
    in.flag("memory_pressure", s.memory_pressure);
    using Read = void (*)(const toml::table&, Scenario&, Problems&);
    constexpr std::pair<const char*, Read> kTables[] = {
        {"pops", read_pops},         {"regions", read_regions}, {"functions", read_functions},
        {"arrivals", read_arrivals}, {"network", read_network}, {"rollout", read_rollout},
        {"workers", read_workers}};
    for (const auto& [key, read] : kTables)
        if (const toml::table* table = in.table(key)) read(*table, s, problems);
    read_tables(root, in, "fault", s, problems, read_fault);
    read_tables(root, in, "flash", s, problems, read_flash);
    in.finish();
    check_round_trips(in, s);
    if (s.workers.modelled) check_workers(in, s);
    if (s.warm_up_s >= s.seconds)
        in.problem("warm_up_s", std::to_string(s.warm_up_s), "less than seconds");
    double rate = s.requests_per_s;
    for (const Flash& flash : s.flashes) rate += flash.requests_per_s;
    if (rate * s.seconds > kMaxRequests)
        in.problem("requests_per_s", std::to_string(s.requests_per_s),
                   "at most 2000000000 requests in all");
    if (std::uint64_t{s.pops.count} * s.functions.count > 200'000'000)
        in.problem("pops", std::to_string(s.pops.count), "POPs × functions at most 200000000");
}

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, const std::string& file_name) {
    if (text.size() > kMaxFileBytes)
        return Error{0, file_name + ": found " + std::to_string(text.size()) +
                            " bytes; allowed: at most " + std::to_string(kMaxFileBytes)};
    Problems problems(file_name);
    Scenario scenario;
    try {
        const toml::table root = toml::parse(text, file_name);
        read_all(root, scenario, problems);
    } catch (const toml::parse_error& error) {
        return Error{0, file_name + ":" + std::to_string(error.source().begin.line) +
                            ": not TOML: " + std::string(error.description())};
    }
    if (!problems.empty()) return Error{0, problems.text()};
    return scenario;
}

Result<Scenario> load_scenario(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return errno_error("open " + path);
    std::string text(kMaxFileBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return parse_scenario(text, path);
}

}  // namespace skerry::sim
