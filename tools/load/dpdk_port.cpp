#include "tools/load/dpdk_port.hpp"

#include <netinet/in.h>
#include <rte_ethdev.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "dataplane/net/frame.hpp"
#include "dataplane/net/neighbours.hpp"
#include "dataplane/port/eal.hpp"
#include "dataplane/port/ports.hpp"

namespace skerry::load {
namespace {

constexpr std::uint16_t kFirstSourcePort = 20000;
constexpr int kResolveTries = 30;
constexpr std::uint64_t kResolvePause_ns = 100'000'000;
// A polled port has nothing to wait for: look again after this long.
constexpr std::uint64_t kLongestSleep_ns = 50'000;

void sleep_ns(std::uint64_t nanoseconds) {
    const timespec pause{static_cast<time_t>(nanoseconds / 1'000'000'000),
                         static_cast<long>(nanoseconds % 1'000'000'000)};
    nanosleep(&pause, nullptr);
}

net::Path path_to(const client::Endpoint& server) {
    net::Path path;
    if (server.address.ss_family == AF_INET) {
        const auto* four = reinterpret_cast<const sockaddr_in*>(&server.address);
        path.peer = net::IpAddress::v4(four->sin_addr.s_addr);
        path.peer_udp = ntohs(four->sin_port);
    } else {
        const auto* six = reinterpret_cast<const sockaddr_in6*>(&server.address);
        path.peer = net::IpAddress::v6(&six->sin6_addr);
        path.peer_udp = ntohs(six->sin6_port);
    }
    return path;
}

class DpdkPort final : public Transport {
  public:
    DpdkPort(std::unique_ptr<port::Ports> ports, const net::Path& path, std::uint32_t source_ports)
        : ports_(std::move(ports)), path_(path), source_ports_(source_ports) {
        path_.port = 0;
    }
    ~DpdkPort() override { free_taken(); }

    std::size_t count() const override { return source_ports_; }

    Status resolve(const net::IpAddress& next_hop) {
        (void)neighbours_.add({next_hop, 0});
        std::span<const std::byte> ignored[kBatch];
        std::uint64_t refused = 0;
        for (int i = 0; i < kResolveTries; ++i) {
            rte_mbuf* mbuf = rte_pktmbuf_alloc(ports_->pool(0));
            if (mbuf != nullptr && net::build_neighbour_request(mbuf, next_hop, view()))
                transmit(mbuf);
            for (std::uint64_t waited = 0; waited < kResolvePause_ns; waited += kLongestSleep_ns) {
                (void)receive(0, ignored, refused);
                if (const auto mac = neighbours_.find(0)) {
                    path_.peer_mac = *mac;
                    return ok();
                }
                sleep_ns(kLongestSleep_ns);
            }
        }
        return Error{EHOSTUNREACH, "nobody answers for " + next_hop.to_string() +
                                       " on that port; is it the right --port and --gateway?"};
    }

    int send(std::size_t socket, std::span<const std::span<std::byte>> datagrams) override {
        rte_mbuf* burst[kBatch];
        const std::size_t wanted = std::min(datagrams.size(), kBatch);
        if (wanted != 0 && datagrams[0].size() > net::max_udp_payload(path_, view())) {
            errno = EMSGSIZE;
            return -1;
        }
        std::uint16_t made = 0;
        for (; made < wanted; ++made) {
            const auto bytes = static_cast<std::uint16_t>(datagrams[made].size());
            rte_mbuf* mbuf = rte_pktmbuf_alloc(ports_->pool(0));
            char* data = mbuf == nullptr ? nullptr : rte_pktmbuf_append(mbuf, bytes);
            if (data == nullptr) break;
            std::memcpy(data, datagrams[made].data(), bytes);
            net::Path path = path_;
            path.local_udp = static_cast<std::uint16_t>(kFirstSourcePort + socket);
            net::build(mbuf, path, view());
            burst[made] = mbuf;
        }
        const std::uint16_t sent = rte_eth_tx_burst(view().dpdk_port, 0, burst, made);
        for (std::uint16_t i = sent; i < made; ++i) rte_pktmbuf_free(burst[i]);
        if (sent != 0 || wanted == 0) return sent;
        errno = ENOBUFS;
        return -1;
    }

    // What arrives is for any of the source ports: all of it is given to the first one.
    std::size_t receive(std::size_t socket, std::span<const std::byte> (&datagrams)[kBatch],
                        std::uint64_t&) override {
        if (socket != 0) return 0;
        free_taken();
        rte_mbuf* burst[kBatch];
        const std::uint16_t arrived =
            rte_eth_rx_burst(view().dpdk_port, 0, burst, static_cast<std::uint16_t>(kBatch));
        std::size_t count = 0;
        for (std::uint16_t i = 0; i < arrived; ++i) {
            const net::Frame frame = classify(burst[i]);
            if (frame.kind == net::FrameKind::udp && frame.path.peer == path_.peer &&
                frame.path.peer_udp == path_.peer_udp) {
                taken_[taken_count_++] = burst[i];
                datagrams[count++] = {reinterpret_cast<const std::byte*>(frame.payload),
                                      frame.payload_bytes};
            } else if (frame.kind == net::FrameKind::transmit) {
                transmit(burst[i]);
            } else {
                rte_pktmbuf_free(burst[i]);
            }
        }
        return count;
    }

    void wait(std::uint64_t nanoseconds) override {
        if (nanoseconds != 0) sleep_ns(std::min(nanoseconds, kLongestSleep_ns));
    }

  private:
    const net::PortView& view() const { return ports_->views()[0]; }

    // Looked at once for each source port, until one is meant: the port is checked before anything
    // that costs.
    net::Frame classify(rte_mbuf* mbuf) {
        net::Frame frame;
        for (std::uint32_t i = 0; i < source_ports_; ++i) {
            frame = net::classify(mbuf, 0, view(), static_cast<std::uint16_t>(kFirstSourcePort + i),
                                  neighbours_, 0);
            if (frame.kind != net::FrameKind::drop || frame.reason != Reason::drop_udp_port) break;
        }
        return frame;
    }
    void transmit(rte_mbuf* mbuf) {
        if (rte_eth_tx_burst(view().dpdk_port, 0, &mbuf, 1) == 0) rte_pktmbuf_free(mbuf);
    }
    void free_taken() {
        for (std::size_t i = 0; i < taken_count_; ++i) rte_pktmbuf_free(taken_[i]);
        taken_count_ = 0;
    }

    std::unique_ptr<port::Ports> ports_;
    net::Path path_;
    std::uint32_t source_ports_;
    net::Neighbours neighbours_;
    rte_mbuf* taken_[kBatch] = {};
    std::size_t taken_count_ = 0;
};

}  // namespace

Result<std::unique_ptr<port::Ports>> start_port(const PortOptions& options,
                                                std::span<const net::IpPrefix> addresses,
                                                const PortNeeds& needs) {
    port::EalOptions eal;
    eal.huge = options.huge;
    eal.memory_mib = needs.memory_mib;
    eal.file_prefix = "skerry-load-" + std::to_string(getpid());
    if (port::is_pci_address(options.devargs)) eal.pci.push_back(options.devargs);
    if (const Status started = port::start_eal(eal); !started) return started.error();
    const port::PortSpec spec{options.devargs, {addresses.begin(), addresses.end()}, 1500};
    return port::Ports::open({&spec, 1}, {.cores = 1, .mbufs = needs.mbufs, .tcp = needs.tcp});
}

Result<std::unique_ptr<Transport>> open_port(const PortOptions& options,
                                             const client::Endpoint& server,
                                             std::uint32_t source_ports) {
    net::Path path = path_to(server);
    path.local = options.address.address;
    if (path.local.is_v4() != path.peer.is_v4())
        return Error{EINVAL, "--address and --pop are of two families"};
    const bool on_link = options.address.contains(path.peer);
    if (!on_link && !options.gateway)
        return Error{EINVAL, "--pop is not on --address's network: give its --gateway"};

    auto ports = start_port(options, {&options.address, 1}, {});
    if (!ports) return ports.error();
    auto transport = std::make_unique<DpdkPort>(std::move(*ports), path, source_ports);
    if (const Status found = transport->resolve(on_link ? path.peer : *options.gateway); !found)
        return found.error();
    return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace skerry::load
