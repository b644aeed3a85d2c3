// What a worker's end of its egress network is to be: plain memory, so that it can be part of the
// order that the warden gives to a jail. Made by the warden from what was configured alone.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "sandbox/egress/network.hpp"

namespace skerry::egress {

// Routes of the worker's network: to a block through the namespace, or nowhere.
struct Route {
    Prefix to;
    bool refused = false;
};
// `to`, `except`, resolvers, the subnets, the server's own addresses, and what is never routed.
inline constexpr std::size_t kRoutesMax =
    2 * kPrefixesMax + kResolversMax + 2 + kHostAddressesMax + 4;
inline constexpr std::size_t kResolverTextBytes = 256;  // of /etc/resolv.conf

struct Wiring {
    bool used = false;
    Prefix address4;  // bits 0: none
    Prefix address6;
    std::uint32_t mtu = 0;
    char peer_name[16] = {};  // of the interface in the namespace: its worker's address in hex
    std::uint32_t route_count = 0;
    std::array<Route, kRoutesMax> routes;
    char resolver_text[kResolverTextBytes] = {};  // empty: the image's own
    std::uint32_t tcp_port_count = 0;             // 0: any may be connected to
    std::array<std::uint16_t, kTcpPortsMax> tcp_ports{};
};
static_assert(std::is_trivially_copyable_v<Wiring>);

// `number` counts the network's addresses from 1: see Leases. `own`: the server's addresses, which
// are refused unless one is a resolver.
Wiring wiring_of(const Network& network, std::uint32_t number, const std::vector<Prefix>& own);

// "10.66.0.7 fd66::7": for people.
std::string addresses_of(const Wiring& wiring);

}  // namespace skerry::egress
