// The ports of a server: DPDK devices, their queues, and the packet buffers of each core.
//
// One RX and one TX queue of every port for each core, with the core's index as its number: a core
// never touches another's queue. Made and ended by the control thread, before and after cores run.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/net/frame.hpp"
#include "dataplane/port/steering.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::port {

struct PortSpec {
    std::string devargs;  // PCI address or vdev, as DPDK takes it
    std::vector<net::IpPrefix> addresses;
    std::uint16_t mtu = 1500;
};

struct QueueSpec {
    std::uint32_t cores = 1;
    std::uint32_t mbufs = 8192;  // for each core
    bool wake = false;           // cores may sleep: open wake sockets where the port allows it
    bool tcp = false;            // TCP is spoken on all of them
    // First of net::kReturnPorts UDP ports that answers from regions may come to; 0: none. Used
    // where there are several cores, and the port can be steered.
    std::uint16_t return_first = 0;
};

class Ports {
  public:
    // Devices are probed, configured and started. An error names the port, what it offers, and what
    // would be needed. EAL must have been started.
    static Result<std::unique_ptr<Ports>> open(std::span<const PortSpec> specs,
                                               const QueueSpec& queues);
    ~Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;

    // Their spans of addresses live as long as this object.
    const std::vector<net::PortView>& views() const { return views_; }
    rte_mempool* pool(std::uint32_t core) const { return pools_[core]; }
    std::vector<int> wake_fds(std::uint32_t core) const;
    bool all_ports_wake() const { return all_wake_; }
    // How the port spreads datagrams over cores, as far as it can be known. By index of views().
    const Steering& steering(std::size_t index) const { return steerings_[index]; }

  private:
    Ports() = default;
    Status make_pools(const QueueSpec& queues, std::uint16_t largest_mtu);
    Status open_port(const PortSpec& spec, const QueueSpec& queues);
    Status open_wake(const PortSpec& spec, const QueueSpec& queues);

    std::vector<std::vector<net::IpPrefix>> addresses_;
    std::vector<net::PortView> views_;
    std::vector<Steering> steerings_;
    std::vector<rte_mempool*> pools_;
    std::vector<std::vector<UniqueFd>> wakes_;  // [core]
    std::vector<std::uint16_t> started_;        // DPDK port ids
    bool all_wake_ = true;
};

}  // namespace skerry::port
