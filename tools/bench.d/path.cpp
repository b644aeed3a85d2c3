// skerry-bench-path: parse → classify → decide → answer, on one core.
//
// With --capture it first writes its requests there, for a net_pcap port to repeat for ever; with
// --capture-only it ends then, so that another program can be given the very same packets. The
// kinds:
//   refusal   a function that is not deployed: parsed, cookie checked, looked up, refused in place
//   replay    a retransmit of an answered request: answered from the reply cache
#include <rte_cycles.h>

#include <CLI/CLI.hpp>
#include <bit>
#include <cstdio>
#include <cstring>

#include "sandbox/channel/handover.hpp"
#include "tools/bench.d/rig.hpp"

namespace {

using namespace skerry;

// What net_pcap gives its first port.
constexpr net::MacAddress kPcapMac{{0x02, 0x70, 0x63, 0x61, 0x70, 0x00}};
constexpr std::uint32_t kRequests = 512;  // distinct ones in the capture
constexpr std::uint64_t kWarmUpPackets = 100'000;

struct PcapFile {
    std::uint32_t magic = 0xa1b2c3d4;
    std::uint16_t major = 2, minor = 4;
    std::uint32_t zone = 0, accuracy = 0, length_max = 65535, ethernet = 1;
};
struct PcapPacket {
    std::uint32_t seconds = 0, microseconds = 0, kept = 0, length = 0;
};

void write_capture(const std::string& path, std::uint64_t function_key) {
    FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) bench::fail(path + ": " + std::strerror(errno));
    const PcapFile head;
    std::fwrite(&head, sizeof head, 1, file);
    for (std::uint64_t id = 1; id <= kRequests; ++id) {
        const auto frame = bench::request_frame(kPcapMac, id, function_key, "0123456789abcdef");
        PcapPacket packet;
        packet.kept = packet.length = static_cast<std::uint32_t>(frame.size());
        std::fwrite(&packet, sizeof packet, 1, file);
        std::fwrite(frame.data(), frame.size(), 1, file);
    }
    std::fclose(file);
}

// Answers in this very process what the core hands over, until every request has its kept reply.
void answer_all_once(bench::Rig& rig) {
    static auto memory = channel::create_channel({.slots = 64,
                                                  .request_area_bytes = 1024,
                                                  .response_area_bytes = 1024,
                                                  .core_count = 1,
                                                  .spin_us = 0});
    if (!memory) bench::fail(memory.error().text);
    static Channel channel;
    channel.base = memory->base;
    channel.slot_count = 64;
    channel.slot_stride = memory->slot_stride;
    channel.request_area_bytes = channel.response_area_bytes = 1024;
    channel.wake_fd = memory->wake.get();
    channel.done_fd[0] = memory->done[0].get();
    for (std::uint32_t slot = 0; slot < 64; ++slot) {
        rig.shared.capacity->refs[0][slot] = {&channel, slot};
        rig.shared.capacity->entries[0].add(slot);
    }
    while (rig.count(Reason::served_local) < kRequests) {
        rig.core->turn();
        for (std::uint64_t slots = channel::take(channel.header()->pending); slots != 0;
             slots &= slots - 1) {
            const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
            channel::SlotControl* control = channel.slot(slot);
            control->response_seq = control->request_seq;
            control->response_bytes = 16;
            control->response_status = 0;
            (void)channel::answer(channel.header()->done[0], rig.shared.doorbells[0],
                                  std::uint64_t{1} << slot);
        }
    }
}

void run(bench::Rig& rig, double seconds, bool replay) {
    const CoreCounters& counters = *rig.shared.counters[0];
    const std::uint64_t hz = rte_get_tsc_hz();
    // Whoever sends may have to start first.
    const std::uint64_t patience = rte_rdtsc() + 20 * hz;
    while (counters.rx_packets.get() < kWarmUpPackets) {
        rig.core->turn();
        if (rte_rdtsc() > patience) bench::fail("no packets came for 20 s");
    }
    if (replay) answer_all_once(rig);
    for (int i = 0; i < 10000; ++i) rig.core->turn();
    const std::uint64_t before = counters.rx_packets.get();
    const std::uint64_t answered =
        rig.count(replay ? Reason::served_replay : Reason::refused_no_function);
    const std::uint64_t started = rte_rdtsc();
    const std::uint64_t end =
        started + static_cast<std::uint64_t>(seconds * static_cast<double>(hz));
    while (rte_rdtsc() < end)
        for (int i = 0; i < 256; ++i) rig.core->turn();
    const double took = static_cast<double>(rte_rdtsc() - started) / static_cast<double>(hz);
    const std::uint64_t packets = counters.rx_packets.get() - before;
    const std::uint64_t good =
        rig.count(replay ? Reason::served_replay : Reason::refused_no_function) - answered;
    std::printf("{\"packets_per_s\": %.0f, \"packets\": %llu, \"answered\": %llu, \"stages\": {",
                static_cast<double>(packets) / took, static_cast<unsigned long long>(packets),
                static_cast<unsigned long long>(good));
    for (std::size_t stage = 0; stage < kStageCount; ++stage)
        std::printf("%s\"%s\": %.1f", stage == 0 ? "" : ", ",
                    std::string(kStageNames[stage]).c_str(),
                    static_cast<double>(counters.stages[stage].cycles.get()) /
                        static_cast<double>(counters.rx_packets.get()));
    std::printf("}}\n");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"One core's packet path on a DPDK port."};
    std::string capture;
    std::string devargs;
    std::string kind = "refusal";
    double seconds = 3;
    bool capture_only = false;
    app.add_option("--capture", capture, "write the requests there first");
    app.add_flag("--capture-only", capture_only, "and end");
    app.add_option("--devargs", devargs, "the port; default: the capture, repeated for ever");
    app.add_option("--kind", kind, "refusal or replay")
        ->check(CLI::IsMember({"refusal", "replay"}));
    app.add_option("--seconds", seconds)->check(CLI::Range(0.1, 600.0));
    CLI11_PARSE(app, argc, argv);
    bench::start_eal(256);
    const bool replay = kind == "replay";
    if (!capture.empty()) write_capture(capture, replay ? bench::kFunctionKey : 0x9999);
    if (capture_only) return 0;
    if (devargs.empty()) devargs = "net_pcap0,rx_pcap=" + capture + ",infinite_rx=1";
    bench::Rig rig({.devargs = devargs});
    run(rig, seconds, replay);
    return 0;
}
