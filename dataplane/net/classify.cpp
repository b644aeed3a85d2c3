#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <cstring>

#include "dataplane/net/answers.hpp"
#include "dataplane/net/checks.hpp"
#include "dataplane/net/errors.hpp"
#include "dataplane/net/merged.hpp"
#include "dataplane/net/neighbours.hpp"

namespace skerry::net {
namespace {

void drop(Frame& frame, Reason reason) {
    frame.kind = FrameKind::drop;
    frame.reason = reason;
}

bool is_return_port(const PortView& port, std::uint16_t udp_port) {
    return port.return_first != 0 && udp_port >= port.return_first &&
           udp_port - port.return_first < kReturnPorts;
}

bool udp_checksum_ok(const Received& received, const void* ip, bool v4, const rte_udp_hdr* udp) {
    if (udp->dgram_cksum == 0) return v4;  // RFC 768: none; RFC 8200 §8.1: not over IPv6
    const Trust trust =
        offloaded(received.mbuf, received.port.rx_udp_checksum, RTE_MBUF_F_RX_L4_CKSUM_MASK,
                  RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
    if (trust != Trust::unknown) return trust == Trust::good;
    return l4_sum_ok(ip, v4, IPPROTO_UDP, udp, rte_be_to_cpu_16(udp->dgram_len));
}

// `bytes` is what IP says that follows its header. `frame.path` has the addresses already.
void classify_udp(const Received& received, const void* ip, bool v4, std::uint8_t* l4,
                  std::uint16_t bytes, std::uint16_t udp_port, Frame& frame) {
    const auto* udp = reinterpret_cast<const rte_udp_hdr*>(l4);
    if (bytes < sizeof(rte_udp_hdr) || rte_be_to_cpu_16(udp->dgram_len) != bytes ||
        udp->src_port == 0)
        return drop(frame, Reason::drop_udp_header);
    if (udp->dst_port != rte_cpu_to_be_16(udp_port)) {
        const std::uint16_t to = rte_be_to_cpu_16(udp->dst_port);
        if (!is_return_port(received.port, to)) return drop(frame, Reason::drop_udp_port);
        udp_port = to;
    }
    if (!udp_checksum_ok(received, ip, v4, udp)) return drop(frame, Reason::drop_udp_checksum);
    frame.kind = FrameKind::udp;
    frame.payload = l4 + sizeof(rte_udp_hdr);
    frame.payload_bytes = static_cast<std::uint16_t>(bytes - sizeof(rte_udp_hdr));
    frame.path.local_udp = udp_port;
    frame.path.peer_udp = rte_be_to_cpu_16(udp->src_port);
}

// RFC 9293 §3.1: the checksum is never optional. Everything else of the header is for
// dataplane/net/tcp.
void classify_tcp(const Received& received, const void* ip, bool v4, std::uint8_t* l4,
                  std::uint16_t bytes, Frame& frame) {
    const auto* tcp = reinterpret_cast<const rte_tcp_hdr*>(l4);
    if (bytes < sizeof(rte_tcp_hdr) || tcp->src_port == 0 || tcp->dst_port == 0)
        return drop(frame, Reason::drop_tcp_header);
    if (!tcp_sum_ok(received.mbuf, received.port, ip, v4, l4, bytes))
        return drop(frame, Reason::drop_tcp_checksum);
    frame.kind = FrameKind::tcp;
    frame.payload = l4;
    frame.payload_bytes = bytes;
    frame.path.local_udp = rte_be_to_cpu_16(tcp->dst_port);
    frame.path.peer_udp = rte_be_to_cpu_16(tcp->src_port);
}

// Fragments are not put together here. The first one of a datagram to us is handed on, so that its
// sender can be told; `bytes` is 0 for all others.
void classify_fragment(std::uint8_t* l4, std::uint16_t bytes, std::uint16_t udp_port,
                       Frame& frame) {
    const auto* udp = reinterpret_cast<const rte_udp_hdr*>(l4);
    if (bytes < sizeof(rte_udp_hdr) || udp->dst_port != rte_cpu_to_be_16(udp_port) ||
        udp->src_port == 0)
        return drop(frame, Reason::drop_fragment);
    frame.kind = FrameKind::udp;
    frame.fragment = true;
    frame.payload = l4 + sizeof(rte_udp_hdr);
    frame.payload_bytes = static_cast<std::uint16_t>(bytes - sizeof(rte_udp_hdr));
    frame.path.local_udp = udp_port;
    frame.path.peer_udp = rte_be_to_cpu_16(udp->src_port);
}

void classify_v4(const Received& received, std::uint16_t udp_port, Frame& frame) {
    if (received.l3_bytes < sizeof(rte_ipv4_hdr)) return drop(frame, Reason::drop_runt);
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(received.l3);
    const auto header_bytes = static_cast<std::uint16_t>((ip->version_ihl & 0xf) * 4u);
    const std::uint16_t total_bytes = rte_be_to_cpu_16(ip->total_length);
    if (ip->version_ihl >> 4 != 4 || header_bytes < sizeof(rte_ipv4_hdr) ||
        total_bytes < header_bytes)
        return drop(frame, Reason::drop_ip_header);
    if (total_bytes > received.l3_bytes) return drop(frame, Reason::drop_runt);
    if (!ip_sum_ok(received.mbuf, received.port, ip, header_bytes))
        return drop(frame, Reason::drop_ip_checksum);
    frame.path.local = IpAddress::v4(ip->dst_addr);
    frame.path.peer = IpAddress::v4(ip->src_addr);
    if (!is_ours(received.port, frame.path.local)) return drop(frame, Reason::drop_not_for_us);
    if (bad_source4(ip->src_addr) || is_ours(received.port, frame.path.peer))
        return drop(frame, Reason::drop_source);
    const std::uint16_t fragment = RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK;
    std::uint8_t* l4 = received.l3 + header_bytes;
    const auto bytes = static_cast<std::uint16_t>(total_bytes - header_bytes);
    if (ip->fragment_offset & rte_cpu_to_be_16(fragment)) [[unlikely]] {
        const bool first = !(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK));
        return classify_fragment(l4, first && ip->next_proto_id == IPPROTO_UDP ? bytes : 0,
                                 udp_port, frame);
    }
    if (ip->next_proto_id == IPPROTO_UDP) [[likely]]
        return classify_udp(received, ip, true, l4, bytes, udp_port, frame);
    if (ip->next_proto_id == IPPROTO_TCP && received.port.tcp)
        return classify_tcp(received, ip, true, l4, bytes, frame);
    if (ip->next_proto_id == IPPROTO_ICMP) {
        if (received.port.tcp && is_error4(l4, bytes)) return classify_error4(ip, l4, bytes, frame);
        frame = answer_icmp(received, ip, l4, bytes);
        return;
    }
    return drop(frame, Reason::drop_ip_protocol);
}

void classify_v6(const Received& received, std::uint16_t udp_port, Neighbours& neighbours,
                 std::uint16_t now_s, Frame& frame) {
    if (received.l3_bytes < sizeof(rte_ipv6_hdr)) return drop(frame, Reason::drop_runt);
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(received.l3);
    if ((received.l3[0] >> 4) != 6) return drop(frame, Reason::drop_ip_header);
    const std::uint16_t bytes = rte_be_to_cpu_16(ip->payload_len);
    if (bytes + sizeof(rte_ipv6_hdr) > received.l3_bytes) return drop(frame, Reason::drop_runt);
    frame.path.local = IpAddress::v6(ip->dst_addr);
    frame.path.peer = IpAddress::v6(ip->src_addr);
    const bool icmp = ip->proto == IPPROTO_ICMPV6;
    const bool to_group = icmp && ip->dst_addr[0] == 0xff;
    // IPv4-mapped addresses have no business on the wire, and would be taken for IPv4 ones here.
    if (frame.path.local.is_v4() || frame.path.peer.is_v4())
        return drop(frame, Reason::drop_source);
    if (!to_group && !is_ours(received.port, frame.path.local))
        return drop(frame, Reason::drop_not_for_us);
    // A neighbour may ask from "::" whether an address is taken (RFC 4862).
    static constexpr std::uint8_t kUnspecified[16] = {};
    const bool probing = icmp && std::memcmp(ip->src_addr, kUnspecified, 16) == 0;
    if ((bad_source6(ip->src_addr) && !probing) || is_ours(received.port, frame.path.peer))
        return drop(frame, Reason::drop_source);
    std::uint8_t* l4 = received.l3 + sizeof(rte_ipv6_hdr);
    if (ip->proto == IPPROTO_UDP) [[likely]]
        return classify_udp(received, ip, false, l4, bytes, udp_port, frame);
    if (ip->proto == IPPROTO_TCP && received.port.tcp)
        return classify_tcp(received, ip, false, l4, bytes, frame);
    if (icmp) {
        if (received.port.tcp && !to_group && is_error6(l4, bytes))
            return classify_error6(ip, l4, bytes, frame);
        if (probing && (bytes < 1 || l4[0] != 135)) return drop(frame, Reason::drop_source);
        frame = answer_icmp6(received, ip, l4, bytes, neighbours, now_s);
        return;
    }
    if (ip->proto != IPPROTO_FRAGMENT) return drop(frame, Reason::drop_ip_protocol);
    // RFC 8200 §4.5: next header, reserved, offset and flags, identification.
    constexpr std::uint16_t kFragmentBytes = 8;
    const bool first = bytes > kFragmentBytes && l4[0] == IPPROTO_UDP && l4[2] == 0 && l4[3] < 8;
    classify_fragment(l4 + kFragmentBytes,
                      first ? static_cast<std::uint16_t>(bytes - kFragmentBytes) : 0, udp_port,
                      frame);
}

// Fills one frame in place: it is read as soon as it has been written, and a copy in between would
// wait for the writes (store forwarding).
void classify_into(Frame& frame, rte_mbuf* mbuf, std::uint8_t port_index, const PortView& port,
                   std::uint16_t udp_port, Neighbours& neighbours, std::uint16_t now_s) {
    if (mbuf->data_len < sizeof(rte_ether_hdr)) [[unlikely]]
        return drop(frame, Reason::drop_runt);
    const bool chained = mbuf->nb_segs != 1;
    if (chained && !is_merged(mbuf, port)) [[unlikely]]
        return drop(frame, Reason::drop_chain);
    auto* ethernet = rte_pktmbuf_mtod(mbuf, rte_ether_hdr*);
    if (is_multicast(ethernet->src_addr)) return drop(frame, Reason::drop_source);
    const bool to_group = is_multicast(ethernet->dst_addr);
    if (!to_group && std::memcmp(ethernet->dst_addr.addr_bytes, port.mac.bytes.data(), 6) != 0)
        return drop(frame, Reason::drop_not_for_us);

    frame.path.port = port_index;
    std::memcpy(frame.path.peer_mac.bytes.data(), ethernet->src_addr.addr_bytes, 6);
    std::uint16_t type = ethernet->ether_type;
    std::uint16_t l2_bytes = sizeof(rte_ether_hdr);
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN)) {
        if (mbuf->data_len < sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr))
            return drop(frame, Reason::drop_runt);
        const auto* tag = reinterpret_cast<const rte_vlan_hdr*>(ethernet + 1);
        frame.path.vlan_tci = rte_be_to_cpu_16(tag->vlan_tci);
        type = tag->eth_proto;
        l2_bytes = sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr);
    }
    const std::uint32_t frame_bytes = chained ? mbuf->pkt_len : mbuf->data_len;
    const Received received{mbuf,
                            ethernet,
                            reinterpret_cast<std::uint8_t*>(ethernet) + l2_bytes,
                            frame_bytes - l2_bytes,
                            port_index,
                            port};
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) [[likely]] {
        // RFC 1122 §3.3.6: a unicast IP packet has no business in a link-level broadcast.
        if (to_group) return drop(frame, Reason::drop_not_for_us);
        return classify_v4(received, udp_port, frame);
    }
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) {
        classify_v6(received, udp_port, neighbours, now_s, frame);
        if (to_group && (frame.kind == FrameKind::udp || frame.kind == FrameKind::tcp))
            drop(frame, Reason::drop_not_for_us);
        return;
    }
    if (type != rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) return drop(frame, Reason::drop_ethertype);
    frame = answer_arp(received, neighbours, now_s);
}

}  // namespace

Frame classify(rte_mbuf* mbuf, std::uint8_t port_index, const PortView& port,
               std::uint16_t udp_port, Neighbours& neighbours, std::uint16_t now_s) {
    Frame frame;
    classify_into(frame, mbuf, port_index, port, udp_port, neighbours, now_s);
    return frame;
}

}  // namespace skerry::net
