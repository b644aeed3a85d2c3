#include "tools/load/http/host.hpp"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "dataplane/port/eal.hpp"

namespace skerry::load::http {
namespace {

constexpr std::uint32_t kMbufs = 32767;
constexpr std::uint32_t kMemoryMib = 192;
constexpr int kResolveTries = 30;
constexpr std::uint64_t kResolvePauseNs = 100'000'000;
constexpr std::uint32_t kMostSegmentsATurn = 1024;
constexpr std::uint16_t kNoUdp = 0;

net::tcp::Options tcp_options(const HostOptions& given) {
    net::tcp::Options options;
    options.limits.connections = given.connections + given.connections / 8 + 1024;
    // Everything below the well-known ones: an address has 64,512 connections to one server.
    options.ephemeral_first = 1024;
    options.ephemeral_last = 65535;
    options.connect_us = 5'000'000;
    // A server may know an earlier run's connections still; each is in the way until it is reset.
    options.limits.resets_per_second = 1'000'000;
    std::random_device random;
    for (std::uint8_t& byte : options.secret) byte = static_cast<std::uint8_t>(random());
    return options;
}

}  // namespace

Result<std::vector<net::IpPrefix>> count_up(const net::IpPrefix& base, std::uint32_t count,
                                            const net::IpAddress& taken) {
    std::vector<net::IpPrefix> found;
    net::IpPrefix next = base;
    while (found.size() < count) {
        bool last = false;
        if (base.address.is_v4()) {
            const std::uint32_t address = rte_be_to_cpu_32(next.address.v4_network_order());
            const std::uint32_t host_bits =
                base.prefix_bits == 0 ? ~0u : ~(~0u << (32 - base.prefix_bits));
            last = base.prefix_bits < 31 && (address & host_bits) == host_bits;
        }
        if (!base.contains(next.address) || last)
            return Error{EINVAL, base.address.to_string() + "/" + std::to_string(base.prefix_bits) +
                                     " and what follows has " + std::to_string(found.size()) +
                                     " addresses, " + std::to_string(count) + " are needed"};
        if (next.address != taken) found.push_back(next);
        auto& bytes = next.address.bytes;
        for (std::size_t i = bytes.size(); i-- > 12;)
            if (++bytes[i] != 0) break;
    }
    return found;
}

Host::Host(std::unique_ptr<port::Ports> ports, const HostOptions& options)
    : ports_(std::move(ports)),
      pool_(ports_->pool(0)),
      tcp_view_(ports_->views()[0]),
      server_(options.server),
      counters_(std::make_unique<CoreCounters>()),
      ns_per_cycle_(1e9 / static_cast<double>(rte_get_tsc_hz())),
      start_tsc_(rte_rdtsc()) {
    now_ns_ = 1'000'000'000;
}

Host::~Host() {
    for (std::uint16_t i = 0; i < out_count_; ++i) rte_pktmbuf_free(out_[i]);
}

Result<std::unique_ptr<Host>> Host::open(const HostOptions& options) {
    const net::IpPrefix& own = options.port.address;
    if (own.address.is_v4() != options.server.is_v4())
        return Error{EINVAL, "--address and the server's are of two families"};
    const bool on_link = own.contains(options.server);
    if (!on_link && !options.port.gateway)
        return Error{EINVAL, "the server is not on --address's network: give its --gateway"};
    const net::IpAddress next_hop = on_link ? options.server : *options.port.gateway;
    auto addresses = count_up(own, options.addresses, next_hop);
    if (!addresses) return addresses.error();
    auto ports = start_port(options.port, *addresses,
                            {.mbufs = kMbufs, .memory_mib = kMemoryMib, .tcp = true});
    if (!ports) return ports.error();
    std::unique_ptr<Host> host(new Host(std::move(*ports), options));
    if (const Status started = host->start(options); !started) return started.error();
    if (const Status found = host->resolve(next_hop); !found) return found.error();
    return host;
}

Status Host::start(const HostOptions& options) {
    net::tcp::Environment around;
    around.ports = {&tcp_view_, 1};
    around.pool = pool_;
    around.counters = counters_.get();
    around.sink = {
        [](void* self, rte_mbuf* frame, std::uint8_t) { static_cast<Host*>(self)->send(frame); },
        this};
    auto stack = net::tcp::Stack::create(tcp_options(options), around, now_us());
    if (!stack) return stack.error();
    stack_ = std::move(stack).value();
    return ok();
}

Status Host::resolve(const net::IpAddress& next_hop) {
    (void)neighbours_.add({next_hop, 0});
    for (int i = 0; i < kResolveTries; ++i) {
        rte_mbuf* mbuf = allocate();
        if (mbuf != nullptr) {
            if (net::build_neighbour_request(mbuf, next_hop, view())) {
                send(mbuf);
            } else {
                rte_pktmbuf_free(mbuf);
            }
        }
        flush();
        const std::uint64_t until = now_ns_ + kResolvePauseNs;
        while (now_ns_ < until) {
            (void)receive();
            if (const auto mac = neighbours_.find(0)) {
                next_hop_ = *mac;
                return ok();
            }
            const timespec pause{0, 50'000};
            nanosleep(&pause, nullptr);
        }
    }
    return Error{EHOSTUNREACH, "nobody answers for " + next_hop.to_string() +
                                   " on that port; is it the right --port and --gateway?"};
}

std::uint32_t Host::receive() {
    now_ns_ = 1'000'000'000 + static_cast<std::uint64_t>(
                                  static_cast<double>(rte_rdtsc() - start_tsc_) * ns_per_cycle_);
    rte_mbuf* burst[kBurst];
    const std::uint16_t count = rte_eth_rx_burst(view().dpdk_port, 0, burst, kBurst);
    for (std::uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(burst[i], void*));
    in_count_ = 0;
    for (std::uint16_t i = 0; i < count; ++i) take(burst[i]);
    stack_->input({in_.data(), in_count_}, now_us());
    return count + stack_->advance(now_us());
}

void Host::take(rte_mbuf* mbuf) {
    const net::Frame frame = net::classify(mbuf, 0, tcp_view_, kNoUdp, neighbours_,
                                           static_cast<std::uint16_t>(now_ns_ / 1'000'000'000));
    if (frame.kind == net::FrameKind::tcp || frame.kind == net::FrameKind::tcp_error) {
        in_[in_count_++] = {mbuf, frame};
        return;
    }
    counters_->count(frame.reason);
    if (frame.kind == net::FrameKind::transmit) {
        send(mbuf);
    } else {
        rte_pktmbuf_free(mbuf);
    }
}

void Host::send(rte_mbuf* frame) {
    out_[out_count_++] = frame;
    if (out_count_ == kBurst) flush();
}

// A port that is full loses them, as any network may: TCP sends them again.
void Host::flush() {
    std::uint16_t ready = out_count_;
    // Some drivers want to see packets whose checksums they are to make first.
    if (view().tx_tcp_checksum) ready = rte_eth_tx_prepare(view().dpdk_port, 0, out_.data(), ready);
    const std::uint16_t sent = rte_eth_tx_burst(view().dpdk_port, 0, out_.data(), ready);
    for (std::uint16_t i = sent; i < out_count_; ++i) rte_pktmbuf_free(out_[i]);
    tx_full_ += out_count_ - sent;
    out_count_ = 0;
}

bool Host::transmit() {
    const bool all = stack_->flush(now_us(), kMostSegmentsATurn);
    if (out_count_ != 0) flush();
    return all;
}

net::tcp::Handle Host::connect(std::uint16_t port, std::uint64_t tag) {
    const auto addresses = tcp_view_.addresses;
    net::tcp::Handle made;
    for (std::size_t tries = 0; tries < addresses.size() && !made; ++tries)
        made = stack_->connect({.local = addresses[next_address_++ % addresses.size()].address,
                                .peer = server_,
                                .next_hop = next_hop_,
                                .peer_port = port,
                                .tag = tag},
                               now_us());
    return made;
}

}  // namespace skerry::load::http
