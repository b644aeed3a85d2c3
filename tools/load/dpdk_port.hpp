// A DPDK port as the source of a run: a host of its own on the network, beside the kernel's.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/net/address.hpp"
#include "dataplane/port/ports.hpp"
#include "sandbox/base/result.hpp"
#include "tools/client/endpoint.hpp"
#include "tools/load/transport.hpp"

namespace skerry::load {

struct PortOptions {
    std::string devargs;                    // "net_af_packet0,iface=eth1", a PCI address, …
    net::IpPrefix address;                  // ours; nobody else's on that network
    std::optional<net::IpAddress> gateway;  // needed when the server is not on that network
    bool huge = false;                      // huge pages; otherwise ordinary ones
};

struct PortNeeds {
    std::uint32_t mbufs = 16383;
    std::uint32_t memory_mib = 128;
    bool tcp = false;
};

// Starts DPDK (once in a process) and opens the port, with these addresses of ours.
Result<std::unique_ptr<port::Ports>> start_port(const PortOptions& options,
                                                std::span<const net::IpPrefix> addresses,
                                                const PortNeeds& needs);

// Starts DPDK, opens the port, and finds the next hop's link address (for at most three seconds).
Result<std::unique_ptr<Transport>> open_port(const PortOptions& options,
                                             const client::Endpoint& server,
                                             std::uint32_t source_ports);

}  // namespace skerry::load
