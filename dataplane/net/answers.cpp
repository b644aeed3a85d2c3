#include "dataplane/net/answers.hpp"

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>

#include "dataplane/net/checks.hpp"
#include "dataplane/net/neighbours.hpp"

namespace skerry::net {
namespace {

constexpr std::uint8_t kEchoRequest6 = 128;
constexpr std::uint8_t kEchoReply6 = 129;
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::uint8_t kOptionSource = 1;
constexpr std::uint8_t kOptionTarget = 2;
constexpr std::uint16_t kNeighbourBytes = 24;  // type, code, checksum, flags, target
constexpr std::uint8_t kHopLimit = 255;        // RFC 4861 §7.1: not forwarded by a router

constexpr Frame dropped(Reason reason) {
    Frame frame;
    frame.reason = reason;
    return frame;
}

// A link address that one host can have. All zeros would stand for "unresolved" in Neighbours, and
// so make a known next hop unknown.
bool is_host(const MacAddress& mac) {
    return (mac.bytes[0] & 1) == 0 && mac != MacAddress{};
}

MacAddress mac_of(const rte_ether_addr& from) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), from.addr_bytes, 6);
    return mac;
}

void put_mac(rte_ether_addr& to, const MacAddress& mac) {
    std::memcpy(to.addr_bytes, mac.bytes.data(), 6);
}

// The frame goes back to where it came from, cut to what the IP header says.
Frame send_back(const Received& received, std::uint16_t l3_bytes, Reason reason) {
    received.ethernet->dst_addr = received.ethernet->src_addr;
    put_mac(received.ethernet->src_addr, received.port.mac);
    const auto* start = rte_pktmbuf_mtod(received.mbuf, std::uint8_t*);
    const auto bytes = static_cast<std::uint16_t>(received.l3 - start + l3_bytes);
    received.mbuf->data_len = bytes;
    received.mbuf->pkt_len = bytes;
    received.mbuf->ol_flags = 0;
    Frame frame;
    frame.kind = FrameKind::transmit;
    frame.reason = reason;
    return frame;
}

Frame taken(Reason reason) {
    Frame frame;
    frame.kind = FrameKind::taken;
    frame.reason = reason;
    return frame;
}

// RFC 4861 §4.6: the first option of the type; 0 bytes long is malformed. nullptr: none.
const std::uint8_t* find_option(const std::uint8_t* icmp, std::uint16_t bytes, std::uint8_t type,
                                bool& malformed) {
    std::uint16_t at = kNeighbourBytes;
    malformed = false;
    while (at + 8u <= bytes) {
        const std::uint16_t length = static_cast<std::uint16_t>(icmp[at + 1] * 8u);
        if (length == 0 || at + length > bytes) {
            malformed = true;
            return nullptr;
        }
        if (icmp[at] == type) return icmp + at + 2;
        at = static_cast<std::uint16_t>(at + length);
    }
    return nullptr;
}

// Next hops are reached without a VLAN tag: what another VLAN says of them is not about them. (The
// link address told may differ from the frame's: gateways with a virtual one do that.)
bool is_tagged(const Received& received) {
    return received.l3 != reinterpret_cast<std::uint8_t*>(received.ethernet + 1);
}

Frame answer_solicitation(const Received& received, rte_ipv6_hdr* ip, std::uint8_t* icmp,
                          std::uint16_t bytes, Neighbours& neighbours, std::uint16_t now_s) {
    const IpAddress target = IpAddress::v6(icmp + 8);
    // An IPv4-mapped target would be found among our IPv4 addresses.
    if (target.is_v4() || !is_ours(received.port, target)) return dropped(Reason::drop_not_for_us);
    bool malformed = false;
    const std::uint8_t* link = find_option(icmp, bytes, kOptionSource, malformed);
    if (malformed) return dropped(Reason::drop_neighbour);
    // RFC 4861 §7.2.3: whoever asks tells where he is.
    if (link != nullptr && !is_tagged(received)) {
        MacAddress mac;
        std::memcpy(mac.bytes.data(), link, 6);
        if (is_host(mac))
            neighbours.learn(IpAddress::v6(ip->src_addr), received.port_index, mac, now_s);
    }

    static constexpr std::uint8_t kUnspecified[16] = {};
    static constexpr std::uint8_t kAllNodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0,
                                                   0,    0, 0, 0, 0, 0, 0, 1};
    const bool probing = std::memcmp(ip->src_addr, kUnspecified, 16) == 0;
    const std::uint16_t answer_bytes = kNeighbourBytes + 8;
    // The answer may be 8 bytes longer than a question without option: there must be room.
    const auto more =
        static_cast<int>(sizeof(rte_ipv6_hdr) + answer_bytes) - static_cast<int>(received.l3_bytes);
    if (more > 0 && rte_pktmbuf_tailroom(received.mbuf) < more)
        return dropped(Reason::drop_neighbour);

    std::memcpy(ip->dst_addr, probing ? kAllNodes : ip->src_addr, 16);
    std::memcpy(ip->src_addr, target.bytes.data(), 16);
    ip->hop_limits = kHopLimit;
    ip->payload_len = rte_cpu_to_be_16(answer_bytes);
    icmp[0] = kAdvertisement;
    icmp[1] = 0;
    // Solicited (unless it was a probe for duplicates) and override.
    icmp[4] = probing ? 0x20 : 0x60;
    icmp[5] = icmp[6] = icmp[7] = 0;
    icmp[kNeighbourBytes] = kOptionTarget;
    icmp[kNeighbourBytes + 1] = 1;
    std::memcpy(icmp + kNeighbourBytes + 2, received.port.mac.bytes.data(), 6);
    icmp[2] = icmp[3] = 0;
    const std::uint16_t sum = rte_ipv6_udptcp_cksum(ip, icmp);
    std::memcpy(icmp + 2, &sum, 2);
    Frame frame =
        send_back(received, sizeof(rte_ipv6_hdr) + answer_bytes, Reason::neighbour_replied);
    if (probing) put_mac(received.ethernet->dst_addr, MacAddress{{0x33, 0x33, 0, 0, 0, 1}});
    return frame;
}

Frame take_advertisement(const Received& received, const std::uint8_t* icmp, std::uint16_t bytes,
                         Neighbours& neighbours, std::uint16_t now_s) {
    const IpAddress target = IpAddress::v6(icmp + 8);
    bool malformed = false;
    const std::uint8_t* link = find_option(icmp, bytes, kOptionTarget, malformed);
    MacAddress mac = mac_of(received.ethernet->src_addr);
    if (link != nullptr) std::memcpy(mac.bytes.data(), link, 6);
    if (malformed || !is_host(mac) || target.is_v4() || is_tagged(received))
        return dropped(Reason::drop_neighbour);
    neighbours.learn(target, received.port_index, mac, now_s);
    return taken(Reason::neighbour_learned);
}

}  // namespace

Frame answer_arp(const Received& received, Neighbours& neighbours, std::uint16_t now_s) {
    if (received.l3_bytes < sizeof(rte_arp_hdr)) return dropped(Reason::drop_runt);
    auto* arp = reinterpret_cast<rte_arp_hdr*>(received.l3);
    if (arp->arp_hardware != rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) ||
        arp->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != 6 ||
        arp->arp_plen != 4 || !is_host(mac_of(arp->arp_data.arp_sha)))
        return dropped(Reason::drop_neighbour);
    const IpAddress sender = IpAddress::v4(arp->arp_data.arp_sip);
    const IpAddress target = IpAddress::v4(arp->arp_data.arp_tip);
    if (!is_ours(received.port, target)) return dropped(Reason::drop_not_for_us);
    const MacAddress mac = mac_of(arp->arp_data.arp_sha);
    // RFC 826: whoever talks to us tells his link address; only known next hops are remembered.
    if (!is_tagged(received)) neighbours.learn(sender, received.port_index, mac, now_s);
    if (arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REPLY))
        return taken(Reason::neighbour_learned);
    if (arp->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST))
        return dropped(Reason::drop_neighbour);
    const std::uint32_t own = arp->arp_data.arp_tip;
    arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
    arp->arp_data.arp_tip = arp->arp_data.arp_sip;
    arp->arp_data.arp_tha = arp->arp_data.arp_sha;
    arp->arp_data.arp_sip = own;
    std::memcpy(arp->arp_data.arp_sha.addr_bytes, received.port.mac.bytes.data(), 6);
    return send_back(received, sizeof(rte_arp_hdr), Reason::neighbour_replied);
}

Frame answer_icmp(const Received& received, rte_ipv4_hdr* ip, std::uint8_t* icmp,
                  std::uint16_t bytes) {
    if (bytes < sizeof(rte_icmp_hdr)) return dropped(Reason::drop_icmp);
    auto* header = reinterpret_cast<rte_icmp_hdr*>(icmp);
    if (header->icmp_type != RTE_IP_ICMP_ECHO_REQUEST || header->icmp_code != 0)
        return dropped(Reason::drop_icmp);
    if (rte_raw_cksum(icmp, bytes) != 0xffff) return dropped(Reason::drop_icmp);
    const std::uint32_t peer = ip->src_addr;
    ip->src_addr = ip->dst_addr;
    ip->dst_addr = peer;
    ip->time_to_live = 64;
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    header->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
    header->icmp_cksum = 0;
    header->icmp_cksum = static_cast<std::uint16_t>(~rte_raw_cksum(icmp, bytes));
    return send_back(received, rte_be_to_cpu_16(ip->total_length), Reason::echo_replied);
}

Frame answer_icmp6(const Received& received, rte_ipv6_hdr* ip, std::uint8_t* icmp,
                   std::uint16_t bytes, Neighbours& neighbours, std::uint16_t now_s) {
    if (bytes < 8 || icmp[1] != 0) return dropped(Reason::drop_icmp);
    if (rte_ipv6_udptcp_cksum(ip, icmp) != 0) return dropped(Reason::drop_icmp);
    if (icmp[0] == kSolicitation || icmp[0] == kAdvertisement) {
        if (bytes < kNeighbourBytes || ip->hop_limits != kHopLimit)
            return dropped(Reason::drop_neighbour);
        return icmp[0] == kSolicitation
                   ? answer_solicitation(received, ip, icmp, bytes, neighbours, now_s)
                   : take_advertisement(received, icmp, bytes, neighbours, now_s);
    }
    if (icmp[0] != kEchoRequest6) return dropped(Reason::drop_icmp);
    if (ip->dst_addr[0] == 0xff) return dropped(Reason::drop_not_for_us);
    std::uint8_t peer[16];
    std::memcpy(peer, ip->src_addr, 16);
    std::memcpy(ip->src_addr, ip->dst_addr, 16);
    std::memcpy(ip->dst_addr, peer, 16);
    ip->hop_limits = 64;
    icmp[0] = kEchoReply6;
    icmp[2] = icmp[3] = 0;
    const std::uint16_t sum = rte_ipv6_udptcp_cksum(ip, icmp);
    std::memcpy(icmp + 2, &sum, 2);
    return send_back(received, static_cast<std::uint16_t>(sizeof(rte_ipv6_hdr) + bytes),
                     Reason::echo_replied);
}

}  // namespace skerry::net
