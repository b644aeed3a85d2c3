#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/frame.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::net {
namespace {

constexpr std::uint8_t kTtl = 64;

template <typename T>
T* prepend(rte_mbuf* mbuf) {
    char* data = rte_pktmbuf_prepend(mbuf, sizeof(T));
    SKERRY_CHECK(data != nullptr);  // the caller guarantees the headroom
    return reinterpret_cast<T*>(data);
}

// Headers are put together in registers and written as words: the checksums, and whoever reads the
// packet next, would wait for narrow writes to arrive. Words are as they lie in memory.
constexpr std::uint64_t kUdpInPseudoHeader = std::uint64_t{IPPROTO_UDP} << 8;

std::uint64_t udp_word(const Path& path, std::uint16_t udp_bytes) {
    return std::uint64_t{__builtin_bswap16(path.local_udp)} |
           std::uint64_t{__builtin_bswap16(path.peer_udp)} << 16 |
           std::uint64_t{__builtin_bswap16(udp_bytes)} << 32;
}

// The whole of UDP: `payload` is in place behind where its header goes; `addresses_sum` is their
// part of the pseudo header.
void write_udp(rte_udp_hdr* udp, const Path& path, std::uint16_t udp_bytes,
               std::uint64_t addresses_sum, bool offloaded) {
    const std::uint64_t word = udp_word(path, udp_bytes);
    std::uint64_t sum = add_carry(addresses_sum, kUdpInPseudoHeader);
    sum = add_carry(sum, __builtin_bswap16(udp_bytes));
    std::uint16_t checksum = fold(sum);  // what the port wants to start from
    if (!offloaded) {
        sum = add_carry(sum, word);
        sum = add_carry(sum, partial_sum(udp + 1, udp_bytes - sizeof *udp));
        checksum = static_cast<std::uint16_t>(~fold(sum));
        // RFC 768: a sum of zero is sent as all ones; zero would mean "none".
        if (checksum == 0) checksum = 0xffff;
    }
    const std::uint64_t all = word | std::uint64_t{checksum} << 48;
    std::memcpy(udp, &all, sizeof all);
}

void write_v4(rte_mbuf* mbuf, rte_ipv4_hdr* ip, const Path& path, const PortView& port,
              std::uint8_t protocol, std::uint16_t l4_bytes) {
    const std::uint32_t source = path.local.v4_network_order();
    const std::uint32_t destination = path.peer.v4_network_order();
    mbuf->l3_len = sizeof(rte_ipv4_hdr);
    const auto total_bytes = static_cast<std::uint16_t>(sizeof(rte_ipv4_hdr) + l4_bytes);
    // Version and length, total length, no id (RFC 6864) because of "don't fragment".
    const std::uint64_t first = RTE_IPV4_VHL_DEF |
                                std::uint64_t{__builtin_bswap16(total_bytes)} << 16 |
                                std::uint64_t{__builtin_bswap16(RTE_IPV4_HDR_DF_FLAG)} << 48;
    std::uint64_t second = kTtl | std::uint64_t{protocol} << 8 | std::uint64_t{source} << 32;
    if (port.tx_ip_checksum) {
        mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    } else {
        const std::uint64_t sum = add_carry(add_carry(first, second), destination);
        second |= std::uint64_t{static_cast<std::uint16_t>(~fold(sum))} << 16;
    }
    std::memcpy(ip, &first, 8);
    std::memcpy(reinterpret_cast<char*>(ip) + 8, &second, 8);
    std::memcpy(reinterpret_cast<char*>(ip) + 16, &destination, 4);
}

// Words of an IPv6 header, as they lie in memory.
struct V6Words {
    std::uint64_t words[5];
    V6Words(const Path& path, std::uint8_t protocol, std::uint16_t l4_bytes)
        : words{0x60 | std::uint64_t{__builtin_bswap16(l4_bytes)} << 32 |
                    std::uint64_t{protocol} << 48 | std::uint64_t{kTtl} << 56,
                path.local.high(), path.local.low(), path.peer.high(), path.peer.low()} {
        static_assert(sizeof words == sizeof(rte_ipv6_hdr));
    }
    std::uint64_t addresses_sum() const {
        std::uint64_t sum = 0;
        for (int i = 1; i < 5; ++i) sum = add_carry(sum, words[i]);
        return sum;
    }
};

void build_v4(rte_mbuf* mbuf, const Path& path, const PortView& port, std::uint16_t udp_bytes) {
    auto* udp = prepend<rte_udp_hdr>(mbuf);
    auto* ip = prepend<rte_ipv4_hdr>(mbuf);
    const std::uint64_t addresses =
        std::uint64_t{path.local.v4_network_order()} + path.peer.v4_network_order();
    if (port.tx_udp_checksum) mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
    write_udp(udp, path, udp_bytes, addresses, port.tx_udp_checksum);
    write_v4(mbuf, ip, path, port, IPPROTO_UDP, udp_bytes);
}

void build_v6(rte_mbuf* mbuf, const Path& path, const PortView& port, std::uint16_t udp_bytes) {
    auto* udp = prepend<rte_udp_hdr>(mbuf);
    auto* ip = prepend<rte_ipv6_hdr>(mbuf);
    const V6Words header(path, IPPROTO_UDP, udp_bytes);
    mbuf->l3_len = sizeof(rte_ipv6_hdr);
    if (port.tx_udp_checksum) mbuf->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
    write_udp(udp, path, udp_bytes, header.addresses_sum(), port.tx_udp_checksum);
    std::memcpy(ip, header.words, sizeof header.words);
}

// A TCP segment as build_tcp() finds it. Its header's sum is not made here: the header has just
// been written, in pieces.
struct TcpSegment {
    std::uint8_t* at;
    std::uint16_t bytes;
    std::uint8_t header_bytes;
    std::uint64_t header_sum;
    bool offloaded;
    bool is_cut;
};

// The checksum into a TCP header whose own is 0 (RFC 9293 §3.1), or what the port starts from: that
// has no length when the port makes several of it (rte_mbuf_core.h, RTE_MBUF_F_TX_TCP_SEG).
void write_tcp_sum(const TcpSegment& tcp, std::uint64_t addresses_sum) {
    std::uint64_t sum = add_carry(addresses_sum, std::uint64_t{IPPROTO_TCP} << 8);
    if (!tcp.is_cut) sum = add_carry(sum, __builtin_bswap16(tcp.bytes));
    std::uint16_t checksum = fold(sum);
    if (!tcp.offloaded) {
        sum = add_carry(sum, tcp.header_sum);
        if (tcp.bytes != tcp.header_bytes)
            sum = add_carry(sum, partial_sum(tcp.at + tcp.header_bytes,
                                             std::size_t{tcp.bytes} - tcp.header_bytes));
        checksum = static_cast<std::uint16_t>(~fold(sum));
    }
    std::memcpy(tcp.at + 16, &checksum, sizeof checksum);
}

void build_ethernet(rte_mbuf* mbuf, const MacAddress& to, const PortView& port,
                    std::uint16_t vlan_tci, std::uint16_t type) {
    mbuf->l2_len = sizeof(rte_ether_hdr);
    if (vlan_tci != 0) {
        auto* tag = prepend<rte_vlan_hdr>(mbuf);
        tag->vlan_tci = rte_cpu_to_be_16(vlan_tci);
        tag->eth_proto = rte_cpu_to_be_16(type);
        type = RTE_ETHER_TYPE_VLAN;
        mbuf->l2_len = sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr);
    }
    auto* ethernet = prepend<rte_ether_hdr>(mbuf);
    std::memcpy(ethernet->dst_addr.addr_bytes, to.bytes.data(), 6);
    std::memcpy(ethernet->src_addr.addr_bytes, port.mac.bytes.data(), 6);
    ethernet->ether_type = rte_cpu_to_be_16(type);
}

bool build_arp_request(rte_mbuf* mbuf, const IpAddress& own, const IpAddress& next_hop,
                       const PortView& port) {
    auto* arp = reinterpret_cast<rte_arp_hdr*>(rte_pktmbuf_append(mbuf, sizeof(rte_arp_hdr)));
    if (arp == nullptr) return false;
    *arp = {};
    arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
    arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    arp->arp_hlen = 6;
    arp->arp_plen = 4;
    arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
    std::memcpy(arp->arp_data.arp_sha.addr_bytes, port.mac.bytes.data(), 6);
    arp->arp_data.arp_sip = own.v4_network_order();
    arp->arp_data.arp_tip = next_hop.v4_network_order();
    build_ethernet(mbuf, MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, port, 0,
                   RTE_ETHER_TYPE_ARP);
    return true;
}

// RFC 4861 §4.3, to the solicited-node multicast group (RFC 4291 §2.7.1).
bool build_solicitation(rte_mbuf* mbuf, const IpAddress& own, const IpAddress& next_hop,
                        const PortView& port) {
    constexpr std::uint16_t kIcmpBytes = 32;
    char* data = rte_pktmbuf_append(mbuf, sizeof(rte_ipv6_hdr) + kIcmpBytes);
    if (data == nullptr) return false;
    auto* ip = reinterpret_cast<rte_ipv6_hdr*>(data);
    auto* icmp = reinterpret_cast<std::uint8_t*>(ip + 1);
    const auto& to = next_hop.bytes;
    const std::uint8_t group[16] = {0xff, 2, 0, 0, 0,    0,      0,      0,
                                    0,    0, 0, 1, 0xff, to[13], to[14], to[15]};
    ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
    ip->payload_len = rte_cpu_to_be_16(kIcmpBytes);
    ip->proto = IPPROTO_ICMPV6;
    ip->hop_limits = 255;
    std::memcpy(ip->src_addr, own.bytes.data(), 16);
    std::memcpy(ip->dst_addr, group, 16);
    std::memset(icmp, 0, kIcmpBytes);
    icmp[0] = 135;
    std::memcpy(icmp + 8, to.data(), 16);
    icmp[24] = 1;  // source link-layer address
    icmp[25] = 1;
    std::memcpy(icmp + 26, port.mac.bytes.data(), 6);
    const std::uint16_t sum = rte_ipv6_udptcp_cksum(ip, icmp);
    std::memcpy(icmp + 2, &sum, 2);
    build_ethernet(mbuf, MacAddress{{0x33, 0x33, 0xff, to[13], to[14], to[15]}}, port, 0,
                   RTE_ETHER_TYPE_IPV6);
    return true;
}

}  // namespace

const IpAddress* own_address(const PortView& port, const IpAddress& peer) {
    const IpAddress* found = nullptr;
    for (const IpPrefix& prefix : port.addresses) {
        if (prefix.address.is_v4() != peer.is_v4()) continue;
        if (prefix.contains(peer)) return &prefix.address;
        if (found == nullptr) found = &prefix.address;
    }
    return found;
}

void build(rte_mbuf* mbuf, const Path& path, const PortView& port) {
    mbuf->ol_flags = 0;
    mbuf->l4_len = sizeof(rte_udp_hdr);
    const auto udp_bytes = static_cast<std::uint16_t>(sizeof(rte_udp_hdr) + mbuf->pkt_len);
    if (path.peer.is_v4()) {
        build_v4(mbuf, path, port, udp_bytes);
    } else {
        build_v6(mbuf, path, port, udp_bytes);
    }
    build_ethernet(mbuf, path.peer_mac, port, path.vlan_tci,
                   path.peer.is_v4() ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
}

void build_tcp(rte_mbuf* mbuf, const Path& path, const PortView& port, std::uint64_t header_sum,
               std::uint16_t cut_bytes) {
    mbuf->ol_flags = port.tx_tcp_checksum ? RTE_MBUF_F_TX_TCP_CKSUM : 0;
    if (cut_bytes != 0) {
        mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
        mbuf->tso_segsz = cut_bytes;
    }
    auto* tcp = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    const auto tcp_bytes = static_cast<std::uint16_t>(mbuf->pkt_len);
    const auto header_bytes = static_cast<std::uint8_t>((tcp[12] >> 4) * 4);
    const TcpSegment segment{
        tcp, tcp_bytes, header_bytes, header_sum, port.tx_tcp_checksum, cut_bytes != 0};
    mbuf->l4_len = header_bytes;
    if (path.peer.is_v4()) {
        const std::uint64_t addresses =
            std::uint64_t{path.local.v4_network_order()} + path.peer.v4_network_order();
        write_tcp_sum(segment, addresses);
        if (port.tx_tcp_checksum) mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4;
        write_v4(mbuf, prepend<rte_ipv4_hdr>(mbuf), path, port, IPPROTO_TCP, tcp_bytes);
        build_ethernet(mbuf, path.peer_mac, port, path.vlan_tci, RTE_ETHER_TYPE_IPV4);
        return;
    }
    const V6Words header(path, IPPROTO_TCP, tcp_bytes);
    write_tcp_sum(segment, header.addresses_sum());
    if (port.tx_tcp_checksum) mbuf->ol_flags |= RTE_MBUF_F_TX_IPV6;
    mbuf->l3_len = sizeof(rte_ipv6_hdr);
    std::memcpy(prepend<rte_ipv6_hdr>(mbuf), header.words, sizeof header.words);
    build_ethernet(mbuf, path.peer_mac, port, path.vlan_tci, RTE_ETHER_TYPE_IPV6);
}

bool build_neighbour_request(rte_mbuf* mbuf, const IpAddress& next_hop, const PortView& port) {
    const IpAddress* own = own_address(port, next_hop);
    if (own == nullptr) return false;
    mbuf->ol_flags = 0;
    return next_hop.is_v4() ? build_arp_request(mbuf, *own, next_hop, port)
                            : build_solicitation(mbuf, *own, next_hop, port);
}

std::uint16_t max_udp_payload(const Path& path, const PortView& port) {
    const std::size_t headers =
        (path.peer.is_v4() ? sizeof(rte_ipv4_hdr) : sizeof(rte_ipv6_hdr)) + sizeof(rte_udp_hdr);
    return static_cast<std::uint16_t>(port.mtu - headers);
}

}  // namespace skerry::net
