#include "sandbox/egress/wiring.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace skerry::egress {
namespace {

// Never through the namespace: link-local addresses (of clouds' metadata services, too), multicast,
// and what is reserved.
constexpr Prefix kNowhere[] = {
    {{169, 254}, 16, 4},
    {{224}, 3, 4},
    {{0xfe, 0x80}, 10, 6},
    {{0xff}, 8, 6},
};

Prefix address_in(const Prefix& subnet, std::uint32_t number) {
    Prefix address = subnet;
    address.bits = static_cast<std::uint8_t>(8 * address_bytes(subnet));
    for (std::size_t i = address_bytes(subnet); i-- > 0 && number != 0; number >>= 8)
        address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] | (number & 0xff));
    return address;
}

// The first rule for a block stays: whoever comes first has precedence.
void add(Wiring& wiring, const Prefix& to, bool refused) {
    const auto end = wiring.routes.begin() + wiring.route_count;
    const bool known =
        std::any_of(wiring.routes.begin(), end, [&](const Route& route) { return route.to == to; });
    if (known || wiring.route_count == kRoutesMax) return;
    wiring.routes[wiring.route_count++] = {to, refused};
}

}  // namespace

Wiring wiring_of(const Network& network, std::uint32_t number, const std::vector<Prefix>& own) {
    Wiring wiring;
    wiring.used = true;
    wiring.mtu = network.mtu;
    if (network.subnet4) wiring.address4 = address_in(*network.subnet4, number);
    if (network.subnet6) wiring.address6 = address_in(*network.subnet6, number);
    const std::uint8_t* last =
        network.subnet4 ? wiring.address4.bytes.data() : wiring.address6.bytes.data() + 12;
    std::snprintf(wiring.peer_name, sizeof wiring.peer_name, "sk%02x%02x%02x%02x", last[0], last[1],
                  last[2], last[3]);

    std::string text;
    for (const Prefix& resolver : network.resolvers) {
        add(wiring, resolver, false);
        text += "nameserver " + to_string(resolver) + "\n";
    }
    std::snprintf(wiring.resolver_text, sizeof wiring.resolver_text, "%s", text.c_str());
    wiring.tcp_port_count = static_cast<std::uint32_t>(
        std::copy_n(network.tcp_ports.begin(), std::min(network.tcp_ports.size(), kTcpPortsMax),
                    wiring.tcp_ports.begin()) -
        wiring.tcp_ports.begin());
    // Other workers are in there, and nobody else.
    if (network.subnet4) add(wiring, *network.subnet4, true);
    if (network.subnet6) add(wiring, *network.subnet6, true);
    for (const Prefix& block : kNowhere) add(wiring, block, true);
    for (const Prefix& address : own) add(wiring, address, true);
    for (const Prefix& block : network.except) add(wiring, block, true);
    for (const Prefix& block : network.to) add(wiring, block, false);
    return wiring;
}

std::string addresses_of(const Wiring& wiring) {
    std::string text;
    if (wiring.address4.bits != 0) text = to_string(wiring.address4);
    if (wiring.address6.bits != 0) text += (text.empty() ? "" : " ") + to_string(wiring.address6);
    return text;
}

}  // namespace skerry::egress
