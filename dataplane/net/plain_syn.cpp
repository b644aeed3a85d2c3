#include "dataplane/net/plain_syn.hpp"

#include <rte_tcp.h>

#include "dataplane/net/checks.hpp"

namespace skerry::net {
namespace {

constexpr std::uint32_t kEthernet = sizeof(rte_ether_hdr);

// What follows IP, `bytes` of it, is a SYN that may be ours.
bool read_tcp(const rte_mbuf* mbuf, const PortView& port, const void* ip, bool v4,
              const std::uint8_t* l4, std::uint16_t bytes, PlainSyn& syn) {
    const auto* tcp = reinterpret_cast<const rte_tcp_hdr*>(l4);
    if (bytes < sizeof(rte_tcp_hdr) || tcp->src_port == 0 || tcp->dst_port == 0 ||
        !is_bare_syn(tcp->tcp_flags))
        return false;
    syn.tcp = l4;
    syn.tcp_bytes = bytes;
    syn.path.local_udp = rte_be_to_cpu_16(tcp->dst_port);
    syn.path.peer_udp = rte_be_to_cpu_16(tcp->src_port);
    return tcp_sum_ok(mbuf, port, ip, v4, l4, bytes);
}

bool read_v4(const rte_mbuf* mbuf, const PortView& port, const std::uint8_t* l3,
             std::uint32_t l3_bytes, PlainSyn& syn) {
    const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(l3);
    if (l3_bytes < sizeof *ip || ip->version_ihl != RTE_IPV4_VHL_DEF ||
        ip->next_proto_id != IPPROTO_TCP ||
        (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) !=
            0)
        return false;
    const std::uint16_t total_bytes = rte_be_to_cpu_16(ip->total_length);
    if (total_bytes < sizeof *ip || total_bytes > l3_bytes ||
        !ip_sum_ok(mbuf, port, ip, sizeof *ip))
        return false;
    syn.path.local = IpAddress::v4(ip->dst_addr);
    syn.path.peer = IpAddress::v4(ip->src_addr);
    if (!is_ours(port, syn.path.local) || bad_source4(ip->src_addr) || is_ours(port, syn.path.peer))
        return false;
    return read_tcp(mbuf, port, ip, true, l3 + sizeof *ip,
                    static_cast<std::uint16_t>(total_bytes - sizeof *ip), syn);
}

bool read_v6(const rte_mbuf* mbuf, const PortView& port, const std::uint8_t* l3,
             std::uint32_t l3_bytes, PlainSyn& syn) {
    const auto* ip = reinterpret_cast<const rte_ipv6_hdr*>(l3);
    if (l3_bytes < sizeof *ip || l3[0] >> 4 != 6 || ip->proto != IPPROTO_TCP) return false;
    const std::uint16_t bytes = rte_be_to_cpu_16(ip->payload_len);
    if (bytes + sizeof *ip > l3_bytes) return false;
    syn.path.local = IpAddress::v6(ip->dst_addr);
    syn.path.peer = IpAddress::v6(ip->src_addr);
    if (syn.path.local.is_v4() || syn.path.peer.is_v4() || !is_ours(port, syn.path.local) ||
        bad_source6(ip->src_addr) || is_ours(port, syn.path.peer))
        return false;
    return read_tcp(mbuf, port, ip, false, l3 + sizeof *ip, bytes, syn);
}

}  // namespace

bool read_plain_syn(const rte_mbuf* mbuf, std::uint8_t port_index, const PortView& port,
                    PlainSyn& syn) {
    if (!port.tcp || mbuf->nb_segs != 1 || mbuf->data_len < kEthernet) return false;
    const auto* ethernet = rte_pktmbuf_mtod(mbuf, const rte_ether_hdr*);
    if (is_multicast(ethernet->src_addr) ||
        std::memcmp(ethernet->dst_addr.addr_bytes, port.mac.bytes.data(), 6) != 0)
        return false;
    syn.path.port = port_index;
    syn.path.vlan_tci = 0;
    std::memcpy(syn.path.peer_mac.bytes.data(), ethernet->src_addr.addr_bytes, 6);
    const auto* l3 = reinterpret_cast<const std::uint8_t*>(ethernet + 1);
    const std::uint32_t l3_bytes = mbuf->data_len - kEthernet;
    if (ethernet->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
        return read_v4(mbuf, port, l3, l3_bytes, syn);
    return ethernet->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) &&
           read_v6(mbuf, port, l3, l3_bytes, syn);
}

}  // namespace skerry::net
