#include "tools/load/http/report.hpp"

#include "tools/load/report.hpp"

namespace skerry::load::http {

using nlohmann::json;

json to_json(const Options& options, const Outcome& outcome) {
    const Tally& t = *outcome.tally;
    json status = json::object(), closed = json::object();
    for (std::size_t code = 0; code < t.by_status.size(); ++code)
        if (t.by_status[code] != 0) status[std::to_string(code)] = t.by_status[code];
    for (std::size_t i = 0; i < kReasonCount; ++i)
        if (t.closed_for[i] != 0) closed[std::string(kReasons[i].name)] = t.closed_for[i];
    const double seconds = outcome.seconds > 0 ? outcome.seconds : 1;
    const auto per_s = [&](std::uint64_t count) { return static_cast<double>(count) / seconds; };
    return {{"server", options.server.to_string()},
            {"seconds", outcome.seconds},
            {"connections", options.connections},
            {"offered_per_s", options.rate_per_s},
            {"sent", t.sent},
            {"answered", t.answered},
            {"answered_per_s", per_s(t.answered)},
            {"body_bytes", t.body_bytes},
            {"status", std::move(status)},
            {"timed_out", t.timed_out},
            {"cut_off", t.cut_off},
            {"malformed", t.malformed},
            {"changed", t.changed},
            {"unasked", t.unasked},
            {"connected", t.connected},
            {"connected_per_s", per_s(t.connected)},
            {"not_connected", t.not_connected},
            {"closed", std::move(closed)},
            {"retransmitted_segments", outcome.retransmitted},
            {"merged_frames", outcome.merged},
            {"port_full", outcome.tx_full},
            {"idle", {{"held", outcome.idle_held}, {"lost", outcome.idle_lost}}},
            {"flood", {{"sent", outcome.flood_sent}, {"sent_per_s", per_s(outcome.flood_sent)}}},
            {"latency_us",
             {{"ok", latency_json(t.good)},
              {"others", latency_json(t.others)},
              {"connect", latency_json(t.connects)}}}};
}

void print_text(const json& r) {
    std::printf("answered %s in %.2f s (%.0f/s), sent %s, %s body bytes\n",
                r["answered"].dump().c_str(), r["seconds"].get<double>(),
                r["answered_per_s"].get<double>(), r["sent"].dump().c_str(),
                r["body_bytes"].dump().c_str());
    print_counts("status", r["status"]);
    std::printf("timed out %s, cut off %s, malformed %s, unasked %s\n",
                r["timed_out"].dump().c_str(), r["cut_off"].dump().c_str(),
                r["malformed"].dump().c_str(), r["unasked"].dump().c_str());
    std::printf("connected %s (%.0f/s), not connected %s, segments sent again %s, port full %s\n",
                r["connected"].dump().c_str(), r["connected_per_s"].get<double>(),
                r["not_connected"].dump().c_str(), r["retransmitted_segments"].dump().c_str(),
                r["port_full"].dump().c_str());
    if (!r["closed"].empty()) print_counts("closed", r["closed"]);
    if (r["idle"]["held"] != 0 || r["idle"]["lost"] != 0)
        std::printf("idle: held %s, lost %s\n", r["idle"]["held"].dump().c_str(),
                    r["idle"]["lost"].dump().c_str());
    if (r["flood"]["sent"] != 0)
        std::printf("flood: %s SYNs (%.0f/s)\n", r["flood"]["sent"].dump().c_str(),
                    r["flood"]["sent_per_s"].get<double>());
    std::printf("latency in us:\n");
    print_latency("below 400", r["latency_us"]["ok"]);
    print_latency("400 and above", r["latency_us"]["others"]);
    print_latency("connect", r["latency_us"]["connect"]);
}

}  // namespace skerry::load::http
