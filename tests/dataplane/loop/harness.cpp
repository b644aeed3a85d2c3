#include "tests/dataplane/loop/harness.hpp"

#include <netinet/in.h>
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <cstring>

#include "dataplane/event/rings.hpp"
#include "dataplane/wire/cookie.hpp"
#include "sandbox/base/check.hpp"
#include "sandbox/channel/handover.hpp"

namespace skerry::test {
namespace {

constexpr std::uint32_t kPoolSize = 2047;

net::IpAddress ip(const std::string& text) {
    return *net::IpAddress::parse(text);
}

}  // namespace

Peer client(std::uint16_t udp) {
    return {ip("10.0.0.9"), udp, {{2, 0, 0, 0, 0, 9}}};
}
Peer client6(std::uint16_t udp) {
    return {ip("fd00::9"), udp, {{2, 0, 0, 0, 0, 9}}};
}
Peer region_peer(std::uint32_t region) {
    const auto last = static_cast<std::uint8_t>(100 + region);
    return {ip("10.0.0." + std::to_string(last)), 4600, {{2, 0, 0, 0, 1, last}}};
}

Peer region_peer6(std::uint32_t region) {
    Peer peer = region_peer(region);
    peer.address = ip("fd00::" + std::to_string(100 + region));
    return peer;
}

wire::Header request_header(const Shared& shared, const Peer& from, std::uint64_t id) {
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::invoke);
    header.request_id_hi.set(77);
    header.request_id_lo.set(id);
    header.function_key.set(kFunctionKey);
    header.deadline_us.set(2'000'000);
    const std::uint64_t epoch =
        rte_rdtsc() / (shared.server.tsc_hz / 1000) / 1000 / wire::kCookieEpochSeconds;
    header.cookie.set(wire::make_cookie({shared.server.cookie_key[0], shared.server.cookie_key[1]},
                                        from.address, epoch));
    return header;
}

PlayedWorker::PlayedWorker(Shared& shared, std::uint32_t entry, std::uint32_t slots,
                           std::uint32_t index, std::uint32_t area_bytes, std::uint32_t ahead_slots)
    : memory_(channel::create_channel({.slots = slots,
                                       .request_area_bytes = area_bytes,
                                       .response_area_bytes = area_bytes,
                                       .core_count = 1,
                                       .spin_us = 0,
                                       .ahead_slots = ahead_slots})
                  .value()),
      shared_(shared) {
    channel.base = memory_.base;
    channel.slot_count = slots;
    channel.ahead_slots = ahead_slots;
    channel.slot_stride = memory_.slot_stride;
    channel.request_area_bytes = area_bytes;
    channel.response_area_bytes = area_bytes;
    channel.wake_fd = memory_.wake.get();
    channel.done_fd[0] = memory_.done[0].get();
    channel.index = index;
    channel.entry = entry;
    channel.generation = index + 1;
    for (std::uint32_t i = 0; i < slots; ++i) {
        const std::uint32_t bit = index * slots + i;
        shared.capacity->refs[entry][bit] = {&channel, i};
        shared.capacity->entries[entry].add(bit);
    }
}

std::uint64_t PlayedWorker::take() {
    return channel::take(channel.header()->pending);
}

std::uint32_t PlayedWorker::take_one() {
    const std::uint32_t slot = channel::take_one(channel.header()->pending, next_);
    if (slot != channel::kNothingTaken) next_ = slot + 1;
    return slot;
}

std::string PlayedWorker::request(std::uint32_t slot) const {
    return {reinterpret_cast<const char*>(channel.request_area(slot)),
            channel.slot(slot)->request_bytes};
}

void PlayedWorker::respond(std::uint32_t slot, const std::string& bytes, std::uint32_t status) {
    channel::SlotControl* control = channel.slot(slot);
    std::memcpy(channel.response_area(slot), bytes.data(), bytes.size());
    control->response_seq = control->request_seq;
    control->response_bytes = static_cast<std::uint32_t>(bytes.size());
    control->response_status = status;
    claim_answered(slot);
}

void PlayedWorker::claim_answered(std::uint32_t slot) {
    (void)channel::answer(channel.header()->done[0], shared_.doorbells[0],
                          std::uint64_t{1} << slot);
}

Target LoopTest::target(std::uint32_t entry) {
    Target target;
    target.function_key = kFunctionKey;
    target.version_key = kVersionKey;
    target.entry = entry;
    target.timeout_us = 1'000'000;
    target.max_payload_bytes = 1024;
    return target;
}

void LoopTest::SetUp() {
    info.tsc_hz = rte_get_tsc_hz();
    info.boot_id = 0xb007;
    info.cookie_key[0] = 1;
    info.cookie_key[1] = 2;
    info.core_count = 1;
    info.pending_limit = 64;
    info.queue_limit = 16;
    info.reply_cache_entries = 1024;
    info.reply_cache_bytes = 1 << 16;
    std::memcpy(info.place, "pop", 3);
    targets = {target(0)};
}

void LoopTest::start_port(const std::string& name) {
    pool_ = rte_pktmbuf_pool_create(name.c_str(), kPoolSize, 0, 0, 2176, SOCKET_ID_ANY);
    rx_ = rte_ring_create((name + "rx").c_str(), 1024, SOCKET_ID_ANY, 0);
    tx_ = rte_ring_create((name + "tx").c_str(), 1024, SOCKET_ID_ANY, 0);
    ASSERT_TRUE(pool_ != nullptr && rx_ != nullptr && tx_ != nullptr);
    port_ = rte_eth_from_rings(name.c_str(), &rx_, 1, &tx_, 1, 0);
    ASSERT_GE(port_, 0);
    const auto id = static_cast<std::uint16_t>(port_);
    const rte_eth_conf conf{};
    ASSERT_EQ(rte_eth_dev_configure(id, 1, 1, &conf), 0);
    ASSERT_EQ(rte_eth_rx_queue_setup(id, 0, 64, 0, nullptr, pool_), 0);
    ASSERT_EQ(rte_eth_tx_queue_setup(id, 0, 64, 0, nullptr), 0);
    ASSERT_EQ(rte_eth_dev_start(id), 0);
}

void LoopTest::make_rings(const std::string& name) {
    for (std::uint32_t i = 0; i < info.core_count; ++i) {
        const std::string suffix = std::to_string(i);
        shared.counters[i] = std::make_unique<CoreCounters>();
        shared.probe_commands[i] = rte_ring_create_elem((name + "pc" + suffix).c_str(),
                                                        sizeof(ProbeCommand), 16, SOCKET_ID_ANY, 0);
        shared.probe_results[i] = rte_ring_create_elem((name + "pr" + suffix).c_str(),
                                                       sizeof(ProbeResult), 16, SOCKET_ID_ANY, 0);
        shared.handover[i] = rte_ring_create((name + "ho" + suffix).c_str(), 16, SOCKET_ID_ANY, 0);
        if (!keeps_events) continue;
        const auto make = [&](const char* what, unsigned bytes) {
            return rte_ring_create_elem((name + what + suffix).c_str(), bytes, kEventRingSize,
                                        SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        };
        shared.event_submissions[i] = make("es", sizeof(EventSubmission));
        shared.event_verdicts[i] = make("ev", sizeof(EventVerdict));
        shared.event_runs[i] = make("er", sizeof(EventRun));
        shared.event_results[i] = make("ee", sizeof(EventResult));
    }
}

void LoopTest::start() {
    static int serial = 0;
    const std::string name = "loop" + std::to_string(++serial);
    start_port(name);
    addresses_ = {*net::IpPrefix::parse("10.0.0.1/24"), *net::IpPrefix::parse("fd00::1/64")};
    net::PortView view;
    view.dpdk_port = static_cast<std::uint16_t>(port_);
    view.mac = {{2, 0, 0, 0, 0, 1}};
    view.addresses = addresses_;
    view.return_first = return_first;
    view.sticky = sticky;
    view.tcp = info.speaks_tcp();
    info.ports = {view};
    shared.server = info;
    auto doorbells = channel::create_doorbells();
    ASSERT_TRUE(doorbells);
    doorbells_ = std::move(*doorbells);
    shared.doorbells = doorbells_.lines;
    make_rings(name);
    if (info.http.retry_window_ms != 0)
        shared.dedup = std::make_unique<dedup::Store>(info.core_count, info.http.retry_entries,
                                                      net::SipKey{5, 6});
    const std::size_t bytes = rte_rcu_qsbr_get_memsize(1);
    shared.qsbr = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    rte_rcu_qsbr_init(shared.qsbr, 1);
    publish();
    if (info.speaks_tcp())
        payloads_ = rte_pktmbuf_pool_create((name + "pl").c_str(), payload_buffers, 0, 0,
                                            4352 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    auto made = Core::create(
        shared, 0,
        {.pool = pool_, .payload_pool = payloads_, .wake_fds = {}, .all_ports_wake = false});
    ASSERT_TRUE(made) << made.error().text;
    core = std::move(*made);
    ASSERT_EQ(core->attach(), 0);
}

void LoopTest::publish(bool draining) {
    std::vector<RegionInfo> regions;
    for (std::uint32_t r = 0; r < region_count; ++r) {
        const Peer peer = regions_ipv6 ? region_peer6(r) : region_peer(r);
        const auto hop = shared.neighbours.add({peer.address, 0});
        if (neighbours_known)
            shared.neighbours.learn(peer.address, 0, peer.mac,
                                    static_cast<std::uint16_t>(rte_rdtsc() / info.tsc_hz));
        RegionInfo region;
        region.address = peer.address;
        region.udp_port = peer.udp;
        region.next_hop = *hop;
        region.return_udp[0] = return_udp;
        region.max_payload_bytes = region_max_payload;
        std::snprintf(region.name, sizeof region.name, "r%u", r);
        regions.push_back(region);
    }
    // As the control thread does: each version can be asked for by its own key too.
    std::vector<Target> all = targets;
    for (Target explicit_version : targets) {
        explicit_version.qualifier = explicit_version.version_key;
        explicit_version.split = 0;
        all.push_back(explicit_version);
    }
    std::vector<TargetName> names;
    const std::string version = "000000000000aaaa" + std::string(48, '0');  // kVersionKey
    for (std::size_t i = 0; i < all.size(); ++i)
        names.push_back({"f" + std::to_string(i % targets.size()),
                         all[i].qualifier == 0 ? "" : version, version});
    auto snapshot = std::make_unique<Snapshot>(1, all, regions, draining, names, extras);
    snapshot->set_routes(routes);
    snapshot->set_rules(rules);
    snapshot_ = std::move(snapshot);
    shared.snapshot.store(snapshot_.get());
}

void LoopTest::set_region(std::uint32_t region, std::uint32_t rtt_us, std::uint16_t weight) {
    RegionNumbers numbers;
    numbers.rtt_us = rtt_us;
    numbers.weight_permille = weight;
    numbers.cookie = 500 + region;
    numbers.fresh_until_tsc = ~std::uint64_t{0};
    shared.region_numbers[region].write(numbers);
}

void LoopTest::send_raw(const Peer& from, const std::string& datagram) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    ASSERT_NE(mbuf, nullptr);
    char* data = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(datagram.size()));
    ASSERT_NE(data, nullptr);
    std::memcpy(data, datagram.data(), datagram.size());
    // As the peer builds it: it is local, we are the peer.
    net::PortView theirs;
    theirs.mac = from.mac;
    const net::Path path{.local = from.address,
                         .peer = addresses_[from.address.is_v4() ? 0 : 1].address,
                         .peer_mac = info.ports[0].mac,
                         .local_udp = from.udp,
                         .peer_udp = send_to_udp != 0 ? send_to_udp : info.udp_port,
                         .vlan_tci = 0,
                         .port = 0,
                         .reserved = 0};
    net::build(mbuf, path, theirs);
    ASSERT_EQ(rte_ring_enqueue(rx_, mbuf), 0);
}

void LoopTest::send(const Peer& from, const wire::Header& header, const std::string& payload) {
    wire::Header copy = header;
    copy.payload_bytes.set(static_cast<std::uint32_t>(payload.size()));
    send_raw(from, std::string(reinterpret_cast<const char*>(&copy), sizeof copy) + payload);
}

void LoopTest::turn() {
    core->turn();
    collect_sent();
}

bool LoopTest::turn_until_sent() {
    return turn_until([this] { return !sent.empty(); });
}

void LoopTest::collect_sent() {
    void* taken = nullptr;
    while (rte_ring_dequeue(tx_, &taken) == 0) {
        auto* mbuf = static_cast<rte_mbuf*>(taken);
        // As the peer takes it in: whatever address it went to is its own there.
        auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
        net::PortView theirs;
        std::memcpy(theirs.mac.bytes.data(), bytes, 6);
        const std::uint8_t* l3 = bytes + (bytes[12] == 0x81 ? 18 : 14);
        const bool v4 = l3[-2] == 0x08 && l3[-1] == 0;
        const bool v6 = l3[-2] == 0x86 && l3[-1] == 0xdd;
        if (!(v4 && l3[9] == IPPROTO_UDP) && !(v6 && l3[6] == IPPROTO_UDP)) {
            other_sent.emplace_back(bytes, bytes + mbuf->data_len);
            rte_pktmbuf_free(mbuf);
            continue;
        }
        net::IpPrefix own;
        std::uint16_t port = 0;
        if (v4) {
            std::uint32_t to = 0;
            std::memcpy(&to, l3 + 16, 4);
            own.address = net::IpAddress::v4(to);
            port = static_cast<std::uint16_t>(l3[22] << 8 | l3[23]);
        } else {
            own.address = net::IpAddress::v6(l3 + 24);
            port = static_cast<std::uint16_t>(l3[42] << 8 | l3[43]);
        }
        theirs.addresses = {&own, 1};
        net::Neighbours none;
        const net::Frame frame = net::classify(mbuf, 0, theirs, port, none, 0);
        EXPECT_EQ(frame.kind, net::FrameKind::udp) << info.tsc_hz;
        if (frame.kind == net::FrameKind::udp) {
            Message message;
            std::memcpy(&message.header, frame.payload, sizeof message.header);
            message.payload.assign(reinterpret_cast<char*>(frame.payload) + wire::kHeaderBytes,
                                   frame.payload_bytes - wire::kHeaderBytes);
            message.path = frame.path;
            EXPECT_EQ(message.header.payload_bytes.get(), message.payload.size());
            sent.push_back(std::move(message));
        }
        rte_pktmbuf_free(mbuf);
    }
}

void LoopTest::send_frame(const std::vector<std::uint8_t>& frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    ASSERT_NE(mbuf, nullptr);
    char* data = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
    ASSERT_NE(data, nullptr);
    std::memcpy(data, frame.data(), frame.size());
    ASSERT_EQ(rte_ring_enqueue(rx_, mbuf), 0);
}

std::uint32_t LoopTest::take_handed_over(std::uint32_t to) {
    std::uint32_t count = 0;
    void* taken = nullptr;
    for (; rte_ring_dequeue(shared.handover[to], &taken) == 0; ++count)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(taken));
    return count;
}

void LoopTest::drop_sent() {
    void* taken = nullptr;
    while (rte_ring_dequeue(tx_, &taken) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(taken));
}

Message LoopTest::next() {
    if (sent.empty()) {
        ADD_FAILURE() << "nothing was sent";
        return {};
    }
    Message message = std::move(sent.front());
    sent.erase(sent.begin());
    return message;
}

std::uint64_t LoopTest::count(Reason reason) const {
    return shared.counters[0]->reasons[static_cast<std::size_t>(reason)].get();
}

void LoopTest::TearDown() {
    if (core == nullptr) return;
    // What still waits or is with a region holds its request: let its deadline come.
    const bool ended = turn_until([this] { return core->context().invocations.used() == 0; });
    EXPECT_TRUE(ended) << core->context().invocations.used() << " invocations never ended";
    rte_rcu_qsbr_thread_offline(shared.qsbr, 0);
    core.reset();
    const auto id = static_cast<std::uint16_t>(port_);
    rte_eth_dev_stop(id);
    rte_eth_dev_close(id);
    EXPECT_EQ(rte_mempool_avail_count(pool_), kPoolSize) << "packet buffers have leaked";
    rte_mempool_free(pool_);
    if (payloads_ != nullptr) {
        EXPECT_EQ(rte_mempool_in_use_count(payloads_), 0u) << "payload buffers have leaked";
        rte_mempool_free(payloads_);
    }
    for (rte_ring* ring : {rx_, tx_}) rte_ring_free(ring);
    for (std::uint32_t i = 0; i < info.core_count; ++i)
        for (rte_ring* ring :
             {shared.probe_commands[i], shared.probe_results[i], shared.handover[i],
              shared.event_submissions[i], shared.event_verdicts[i], shared.event_runs[i],
              shared.event_results[i]})
            rte_ring_free(ring);
    std::free(shared.qsbr);
}

}  // namespace skerry::test
