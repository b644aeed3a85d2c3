// A host of its own on a DPDK port: some addresses and our own TCP, as a client. One thread.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "dataplane/net/neighbours.hpp"
#include "dataplane/net/tcp/stack.hpp"
#include "dataplane/port/ports.hpp"
#include "tools/load/dpdk_port.hpp"

namespace skerry::load::http {

inline constexpr std::uint16_t kBurst = 64;

struct HostOptions {
    PortOptions port;
    std::uint32_t addresses = 1;     // this many, counted up from the port's
    std::uint32_t connections = 64;  // open at once, at most
    net::IpAddress server;
};

class Host {
  public:
    // Starts DPDK, opens the port, and finds the next hop's link address (within three seconds).
    static Result<std::unique_ptr<Host>> open(const HostOptions& options);
    ~Host();

    // Frames in, timers. Returns how many frames and timers there were.
    std::uint32_t receive();
    // What connections have to send, and what is collected. false: some is left.
    bool transmit();
    // A frame that is complete; goes with the next transmit(), or earlier.
    void send(rte_mbuf* frame);
    rte_mbuf* allocate() { return rte_pktmbuf_alloc(pool_); }

    net::tcp::Stack& tcp() { return *stack_; }
    std::uint64_t now_ns() const { return now_ns_; }  // as of the last receive()
    std::uint64_t now_us() const { return now_ns_ / 1000; }
    // A new connection, from the addresses in turns. A dead handle: the table or the ports are
    // used up.
    net::tcp::Handle connect(std::uint16_t port, std::uint64_t tag);

    const net::PortView& view() const { return ports_->views()[0]; }
    const net::MacAddress& next_hop() const { return next_hop_; }
    std::uint64_t count(Reason reason) const {
        return counters_->reasons[static_cast<std::size_t>(reason)].get();
    }
    std::uint64_t merged() const { return counters_->rx_merged.get(); }
    std::uint64_t tx_full() const { return tx_full_; }  // frames that the port did not take

  private:
    Host(std::unique_ptr<port::Ports> ports, const HostOptions& options);
    Status start(const HostOptions& options);
    Status resolve(const net::IpAddress& next_hop);
    void take(rte_mbuf* mbuf);
    void flush();

    std::unique_ptr<port::Ports> ports_;
    rte_mempool* pool_ = nullptr;
    net::PortView tcp_view_;
    net::IpAddress server_;
    net::MacAddress next_hop_;
    net::Neighbours neighbours_;
    std::unique_ptr<CoreCounters> counters_;
    std::unique_ptr<net::tcp::Stack> stack_;
    std::array<net::tcp::Arrived, kBurst> in_;
    std::uint16_t in_count_ = 0;
    std::array<rte_mbuf*, kBurst> out_{};
    std::uint16_t out_count_ = 0;
    std::uint64_t tx_full_ = 0;
    std::uint64_t now_ns_ = 0;
    double ns_per_cycle_ = 0;
    std::uint64_t start_tsc_ = 0;
    std::uint32_t next_address_ = 0;
};

// `base` and the count - 1 addresses after it, if all of them are in its network and none is its
// first or last (IPv4), or `taken`.
Result<std::vector<net::IpPrefix>> count_up(const net::IpPrefix& base, std::uint32_t count,
                                            const net::IpAddress& taken);

}  // namespace skerry::load::http
