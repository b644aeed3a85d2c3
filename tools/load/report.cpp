#include "tools/load/report.hpp"

namespace skerry::load {
namespace {

using nlohmann::json;

double us(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

}  // namespace

json latency_json(const Histogram& h) {
    return {{"count", h.count()},       {"min", us(h.min())},   {"mean", h.mean() / 1000},
            {"p50", us(h.at(0.5))},     {"p90", us(h.at(0.9))}, {"p99", us(h.at(0.99))},
            {"p99_9", us(h.at(0.999))}, {"max", us(h.max())}};
}

void print_latency(const std::string& name, const json& l) {
    if (l["count"] == 0) return;
    std::printf("  %-16s %10llu  p50 %9.1f  p90 %9.1f  p99 %9.1f  p99.9 %9.1f  max %9.1f\n",
                name.c_str(), static_cast<unsigned long long>(l["count"].get<std::uint64_t>()),
                l["p50"].get<double>(), l["p90"].get<double>(), l["p99"].get<double>(),
                l["p99_9"].get<double>(), l["max"].get<double>());
}

void print_counts(const char* title, const json& counts) {
    std::printf("%s:", title);
    for (const auto& one : counts.items())
        std::printf(" %s %s", one.key().c_str(), one.value().dump().c_str());
    std::printf("\n");
}

json to_json(const Options& options, const Outcome& outcome) {
    const Tally& t = outcome.tally;
    json status = json::object(), places = json::object(), by_place = json::object();
    for (std::size_t code = 0; code < t.by_status().size(); ++code)
        if (t.by_status()[code] != 0)
            status[client::status_name(static_cast<std::uint8_t>(code))] = t.by_status()[code];
    for (const auto& [place, histogram] : t.by_place()) {
        places[place] = histogram->count();
        by_place[place] = latency_json(*histogram);
    }
    json functions = json::object();
    for (std::size_t i = 0; i < options.functions.size(); ++i)
        functions[options.functions[i]] = {{"sent", t.by_function()[i].sent},
                                           {"answered", t.by_function()[i].answered}};
    const double seconds = outcome.seconds > 0 ? outcome.seconds : 1;
    return {{"pop", options.pop.to_string()},
            {"offered_per_s", options.rate_per_s},
            {"sent_per_s", static_cast<double>(t.sent) / seconds},
            {"seconds", outcome.seconds},
            {"seed", options.seed},
            {"sent", t.sent},
            {"answered", t.answered},
            {"lost", t.lost},
            {"late_sends", t.late_sends},
            {"not_sent", t.not_sent},
            {"retransmissions", t.retransmissions},
            {"challenges", t.challenges},
            {"accepted", t.accepted},
            {"duplicate_replies", t.duplicate_replies},
            {"malformed", t.malformed},
            {"send_errors", t.send_errors},
            {"refused_by_host", t.refused_by_host},
            {"cold", t.cold},
            {"replayed", t.replayed},
            {"maybe_repeated", t.maybe_repeated},
            {"longest_gap_us", us(t.longest_gap_ns)},
            {"longest_gap_at_s", static_cast<double>(t.longest_gap_at_ns) / 1e9},
            {"status", std::move(status)},
            {"place", std::move(places)},
            {"version", t.by_version()},
            {"function", std::move(functions)},
            {"latency_us",
             {{"executed", latency_json(t.executed())},
              {"others", latency_json(t.others())},
              {"by_place", std::move(by_place)}}}};
}

void print_text(const json& r) {
    std::printf("sent %s in %.2f s (%.0f/s, offered %.0f/s), answered %s, lost %s, late %s\n",
                r["sent"].dump().c_str(), r["seconds"].get<double>(), r["sent_per_s"].get<double>(),
                r["offered_per_s"].get<double>(), r["answered"].dump().c_str(),
                r["lost"].dump().c_str(), r["late_sends"].dump().c_str());
    print_counts("status", r["status"]);
    print_counts("place", r["place"]);
    print_counts("version", r["version"]);
    std::printf("retransmitted %s, challenged %s, replayed %s, cold %s, repeated replies %s\n",
                r["retransmissions"].dump().c_str(), r["challenges"].dump().c_str(),
                r["replayed"].dump().c_str(), r["cold"].dump().c_str(),
                r["duplicate_replies"].dump().c_str());
    std::printf("longest time without an answer: %.1f ms, at %.2f s\n",
                r["longest_gap_us"].get<double>() / 1000, r["longest_gap_at_s"].get<double>());
    std::printf("latency in us, from the intended sending time:\n");
    print_latency("executed", r["latency_us"]["executed"]);
    for (const auto& place : r["latency_us"]["by_place"].items())
        print_latency("  " + place.key(), place.value());
    print_latency("other replies", r["latency_us"]["others"]);
    if (r["not_sent"] != 0 || r["malformed"] != 0 || r["send_errors"] != 0)
        std::printf("not sent %s, malformed %s, send errors %s\n", r["not_sent"].dump().c_str(),
                    r["malformed"].dump().c_str(), r["send_errors"].dump().c_str());
}

}  // namespace skerry::load
