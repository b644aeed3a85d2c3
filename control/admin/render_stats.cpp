// What cores have counted, as JSON.
#include "control/admin/render.hpp"

namespace skerry::admin {
namespace {

using nlohmann::json;

std::string_view status_name(ReplyStatus status) {
    return is_known_status(static_cast<std::uint8_t>(status)) ? info(status).name : "none";
}

json stages_of(const CoreCounters& counters) {
    json stages = json::array();
    for (std::size_t s = 0; s < kStageCount; ++s) {
        const std::uint64_t packets = counters.stages[s].packets.get();
        const std::uint64_t cycles = counters.stages[s].cycles.get();
        const double each =
            packets == 0 ? 0 : static_cast<double>(cycles) / static_cast<double>(packets);
        stages.push_back({{"name", kStageNames[s]},
                          {"packets", packets},
                          {"cycles", cycles},
                          {"cycles_per_packet", each}});
    }
    return stages;
}

}  // namespace

json stats_json(const std::vector<CoreView>& cores, std::uint64_t tsc_hz) {
    json all = json::array();
    std::array<std::uint64_t, kReasonCount> sums{};
    for (std::size_t core = 0; core < cores.size(); ++core) {
        if (cores[core].counters == nullptr) continue;
        const CoreCounters& c = *cores[core].counters;
        json reasons = json::object();
        for (std::size_t r = 0; r < kReasonCount; ++r) {
            const std::uint64_t count = c.reasons[r].get();
            sums[r] += count;
            reasons[std::string(kReasons[r].name)] = count;
        }
        all.push_back({{"core", core},
                       {"turns", c.turns.get()},
                       {"sleeps", c.sleeps.get()},
                       {"rx_packets", c.rx_packets.get()},
                       {"rx_merged", c.rx_merged.get()},
                       {"tx_packets", c.tx_packets.get()},
                       {"in_flight", c.in_flight.get()},
                       {"waiting", c.waiting.get()},
                       {"pending", c.pending.get()},
                       {"trunks", c.trunks.get()},
                       {"trunk_streams", c.trunk_streams.get()},
                       {"connections", c.connections.get()},
                       {"exchanges", c.exchanges.get()},
                       {"payload_buffers", c.payload_buffers.get()},
                       {"packet_buffers", c.packet_buffers.get()},
                       {"stages", stages_of(c)},
                       {"reasons", std::move(reasons)}});
    }
    json reasons = json::object();
    for (std::size_t r = 0; r < kReasonCount; ++r)
        reasons[std::string(kReasons[r].name)] = {{"count", sums[r]},
                                                  {"status", status_name(kReasons[r].status)},
                                                  {"text", kReasons[r].text}};
    return {{"tsc_hz", tsc_hz}, {"cores", std::move(all)}, {"reasons", std::move(reasons)}};
}

}  // namespace skerry::admin
