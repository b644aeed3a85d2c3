#include "dataplane/forward/send.hpp"

#include <cstring>

namespace skerry {
void send_to_region(Context& context, std::uint8_t region, const wire::Header& header,
                    const void* payload, std::uint32_t payload_bytes) {
    const RegionInfo& info = context.snapshot->regions()[region];
    const net::PortView& port = context.shared.server.ports[info.port];
    const auto mac = context.shared.neighbours.find(info.next_hop);
    const net::IpAddress* local = net::own_address(port, info.address);
    if (!mac || local == nullptr) {
        context.counters.count(Reason::drop_no_neighbour);
        return;
    }
    rte_mbuf* mbuf = rte_pktmbuf_alloc(context.pool);
    char* data = mbuf == nullptr
                     ? nullptr
                     : rte_pktmbuf_append(
                           mbuf, static_cast<std::uint16_t>(wire::kHeaderBytes + payload_bytes));
    if (data == nullptr) {
        rte_pktmbuf_free(mbuf);
        context.counters.count(Reason::drop_no_mbuf);
        return;
    }
    std::memcpy(data, &header, wire::kHeaderBytes);
    if (payload_bytes != 0) std::memcpy(data + wire::kHeaderBytes, payload, payload_bytes);
    const std::uint16_t return_udp = info.return_udp[context.core];
    const net::Path path{.local = *local,
                         .peer = info.address,
                         .peer_mac = *mac,
                         .local_udp = return_udp != 0 ? return_udp : context.shared.server.udp_port,
                         .peer_udp = info.udp_port,
                         .vlan_tci = 0,
                         .port = info.port,
                         .reserved = 0};
    net::build(mbuf, path, port);
    context.send(mbuf, info.port);
}

}  // namespace skerry
