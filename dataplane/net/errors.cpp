#include "dataplane/net/errors.hpp"

#include <rte_ip.h>

#include <cstring>

#include "dataplane/net/checksum.hpp"

namespace skerry::net {
namespace {

constexpr std::uint16_t kIcmpBytes = 8;       // in front of what they quote
constexpr std::uint16_t kQuotedTcpBytes = 8;  // RFC 792: ports and sequence number
constexpr std::uint8_t kUnreachable4 = 3;
constexpr std::uint8_t kFragmentationNeeded = 4;
constexpr std::uint8_t kUnreachable6 = 1;
constexpr std::uint8_t kTooBig6 = 2;

void drop_icmp(Frame& frame) {
    frame.kind = FrameKind::drop;
    frame.reason = Reason::drop_icmp;
}

std::uint16_t get16(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

// The quoted packet went from us to the peer; frame.path.peer is, so far, who sends the error.
void about_segment(Frame& frame, std::uint8_t* tcp, std::uint16_t bytes, std::uint16_t mtu) {
    frame.kind = FrameKind::tcp_error;
    frame.payload = tcp;
    frame.payload_bytes = bytes;
    frame.mtu = mtu;
    frame.path.local_udp = get16(tcp);
    frame.path.peer_udp = get16(tcp + 2);
}

}  // namespace

bool is_error4(const std::uint8_t* icmp, std::uint16_t bytes) {
    return bytes >= kIcmpBytes && icmp[0] == kUnreachable4;
}

bool is_error6(const std::uint8_t* icmp, std::uint16_t bytes) {
    return bytes >= kIcmpBytes && (icmp[0] == kUnreachable6 || icmp[0] == kTooBig6);
}

void classify_error4(const rte_ipv4_hdr* ip, std::uint8_t* icmp, std::uint16_t bytes,
                     Frame& frame) {
    if (fold(partial_sum(icmp, bytes)) != 0xffff) return drop_icmp(frame);
    const std::uint8_t* quoted = icmp + kIcmpBytes;
    const std::uint32_t left = bytes - std::uint32_t{kIcmpBytes};
    if (left < sizeof(rte_ipv4_hdr)) return drop_icmp(frame);
    rte_ipv4_hdr sent;
    std::memcpy(&sent, quoted, sizeof sent);
    const std::uint32_t header_bytes = (sent.version_ihl & 0xf) * 4u;
    const bool first = !(sent.fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK));
    // An error about what we sent comes to the address that it was sent from.
    if (sent.version_ihl >> 4 != 4 || header_bytes < sizeof sent || !first ||
        sent.next_proto_id != IPPROTO_TCP || sent.src_addr != ip->dst_addr ||
        left < header_bytes + kQuotedTcpBytes)
        return drop_icmp(frame);
    frame.path.peer = IpAddress::v4(sent.dst_addr);
    std::uint16_t mtu = 0;
    if (icmp[1] == kFragmentationNeeded) {
        mtu = get16(icmp + 6);
        // RFC 1191 §5: an old router does not say. 576 always gets through (RFC 791).
        if (mtu == 0) mtu = 576;
    }
    about_segment(frame, icmp + kIcmpBytes + header_bytes,
                  static_cast<std::uint16_t>(left - header_bytes), mtu);
}

void classify_error6(const rte_ipv6_hdr* ip, std::uint8_t* icmp, std::uint16_t bytes,
                     Frame& frame) {
    const std::uint64_t sum =
        add_carry(partial_sum(icmp, bytes),
                  pseudo_sum(ip->src_addr, ip->dst_addr, 16, IPPROTO_ICMPV6, bytes));
    if (fold(sum) != 0xffff) return drop_icmp(frame);
    const std::uint32_t left = bytes - std::uint32_t{kIcmpBytes};
    rte_ipv6_hdr sent;
    if (left < sizeof sent + kQuotedTcpBytes) return drop_icmp(frame);
    std::memcpy(&sent, icmp + kIcmpBytes, sizeof sent);
    if (sent.proto != IPPROTO_TCP || std::memcmp(sent.src_addr, ip->dst_addr, 16) != 0)
        return drop_icmp(frame);
    frame.path.peer = IpAddress::v6(sent.dst_addr);
    if (frame.path.peer.is_v4()) return drop_icmp(frame);
    std::uint16_t mtu = 0;
    if (icmp[0] == kTooBig6) {
        const std::uint32_t said = std::uint32_t{get16(icmp + 4)} << 16 | get16(icmp + 6);
        // RFC 8201 §4: below IPv6's least MTU it is not believed.
        mtu = said < 1280 ? 1280 : said > 65535 ? 65535 : static_cast<std::uint16_t>(said);
    }
    about_segment(frame, icmp + kIcmpBytes + sizeof sent,
                  static_cast<std::uint16_t>(left - sizeof sent), mtu);
}

}  // namespace skerry::net
