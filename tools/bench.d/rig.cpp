#include "tools/bench.d/rig.hpp"

#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "dataplane/port/eal.hpp"
#include "dataplane/wire/cookie.hpp"

namespace skerry::bench {

void fail(const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
    std::exit(1);
}

void start_eal(std::uint32_t memory_mib) {
    port::EalOptions options;
    options.huge = false;
    options.memory_mib = memory_mib;
    options.file_prefix = "skerry-bench-" + std::to_string(getpid());
    if (const Status started = port::start_eal(options); !started) fail(started.error().text);
}

Rig::Rig(const RigOptions& options) {
    const port::PortSpec spec{
        options.devargs, {*net::IpPrefix::parse(std::string(kServerAddress) + "/24")}, 1500};
    auto opened =
        port::Ports::open({&spec, 1}, {.cores = 1, .mbufs = options.mbufs, .wake = false});
    if (!opened) fail(opened.error().text);
    ports = std::move(*opened);
    auto bells = channel::create_doorbells();
    if (!bells) fail(bells.error().text);
    doorbells = std::move(*bells);

    ServerInfo& info = shared.server;
    std::memcpy(info.place, "pop", 3);
    info.boot_id = 1;
    info.cookie_key[0] = kCookieKey[0];
    info.cookie_key[1] = kCookieKey[1];
    info.udp_port = kUdpPort;
    info.tsc_hz = rte_get_tsc_hz();
    info.reply_cache_entries = options.reply_cache_entries;
    info.reply_window_ms = options.reply_window_ms;
    info.ports = ports->views();
    shared.doorbells = doorbells.lines;
    shared.counters[0] = std::make_unique<CoreCounters>();
    shared.probe_commands[0] =
        rte_ring_create_elem("probe-commands", sizeof(ProbeCommand), 16, SOCKET_ID_ANY, 0);
    shared.probe_results[0] =
        rte_ring_create_elem("probe-results", sizeof(ProbeResult), 16, SOCKET_ID_ANY, 0);
    shared.handover[0] = rte_ring_create("handover", 16, SOCKET_ID_ANY, 0);
    shared.qsbr = static_cast<rte_rcu_qsbr*>(
        std::aligned_alloc(64, (rte_rcu_qsbr_get_memsize(1) + 63) / 64 * 64));
    rte_rcu_qsbr_init(shared.qsbr, 1);

    Target target;
    target.function_key = kFunctionKey;
    target.version_key = kVersionKey;
    target.entry = 0;
    target.timeout_us = 10'000'000;
    target.max_payload_bytes = 1024;
    snapshot_ = std::make_unique<const Snapshot>(1, std::vector<Target>{target},
                                                 std::vector<RegionInfo>{}, false);
    shared.snapshot.store(snapshot_.get());
    auto made =
        Core::create(shared, 0, {.pool = ports->pool(0), .wake_fds = {}, .all_ports_wake = false});
    if (!made) fail(made.error().text);
    core = std::move(*made);
    if (core->attach() != 0) fail("io_uring did not start");
}

Rig::~Rig() {
    rte_rcu_qsbr_thread_offline(shared.qsbr, 0);
    core.reset();
    ports.reset();
    std::free(shared.qsbr);
}

std::uint64_t Rig::count(Reason reason) const {
    return shared.counters[0]->reasons[static_cast<std::size_t>(reason)].get();
}

std::vector<std::uint8_t> request_frame(const net::MacAddress& server, std::uint64_t id,
                                        std::uint64_t function_key, const std::string& payload) {
    const net::IpAddress from = *net::IpAddress::parse(kClientAddress);
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::invoke);
    header.request_id_lo.set(id);
    header.function_key.set(function_key);
    header.deadline_us.set(5'000'000);
    header.payload_bytes.set(static_cast<std::uint32_t>(payload.size()));
    const std::uint64_t epoch =
        rte_rdtsc() / (rte_get_tsc_hz() / 1000) / 1000 / wire::kCookieEpochSeconds;
    header.cookie.set(wire::make_cookie({kCookieKey[0], kCookieKey[1]}, from, epoch));

    // Built by the product's own builder, in a buffer of the heap that looks like an mbuf.
    std::vector<std::uint8_t> room(256 + wire::kHeaderBytes + payload.size());
    rte_mbuf mbuf{};
    mbuf.buf_addr = room.data();
    mbuf.buf_len = static_cast<std::uint16_t>(room.size());
    mbuf.data_off = 128;
    mbuf.nb_segs = 1;
    mbuf.data_len = static_cast<std::uint16_t>(wire::kHeaderBytes + payload.size());
    mbuf.pkt_len = mbuf.data_len;
    std::memcpy(room.data() + 128, &header, sizeof header);
    std::memcpy(room.data() + 128 + sizeof header, payload.data(), payload.size());
    net::PortView theirs;
    theirs.mac = {{2, 0, 0, 0, 0, 9}};
    const net::Path path{.local = from,
                         .peer = *net::IpAddress::parse(kServerAddress),
                         .peer_mac = server,
                         .local_udp = 40000,
                         .peer_udp = kUdpPort,
                         .vlan_tci = 0,
                         .port = 0,
                         .reserved = 0};
    net::build(&mbuf, path, theirs);
    const auto* start = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*);
    return {start, start + mbuf.data_len};
}

}  // namespace skerry::bench
