// build(): what it makes is read as bytes, summed here, and given back to classify().
#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

constexpr std::uint16_t kTailroom = 128;

struct Build : Host {
    // From our point of view: a datagram from us to the peer.
    Path path(bool v4, std::uint16_t vlan_tci = 0) const {
        Path p;
        p.local = v4 ? ours4 : ours6;
        p.peer = v4 ? peer4 : peer6;
        p.peer_mac = kPeerMac;
        p.local_udp = kUdpPort;
        p.peer_udp = 40000;
        p.vlan_tci = vlan_tci;
        p.port = kPortIndex;
        return p;
    }
    Bytes built(const Path& p, const Bytes& payload) {
        const BareMbuf mbuf(payload, 0, kMaxHeaderBytes);
        mbuf->ol_flags = ~std::uint64_t{0};  // left over from its last use
        build(mbuf.get(), p, port);
        EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
        EXPECT_EQ(mbuf->ol_flags, 0u);
        return mbuf.bytes();
    }
    Bytes expected(const Path& p, const Bytes& payload) const {
        const bool v4 = p.peer.is_v4();
        frames::Ethernet e{.to = kPeerMac, .from = kOurMac};
        e.type = v4 ? 0x0800 : 0x86dd;
        if (p.vlan_tci != 0) e.vlan_tci = p.vlan_tci;
        const Bytes l4 =
            frames::udp({.from = p.local_udp, .to = p.peer_udp}, p.local, p.peer, payload);
        return frames::ethernet(e, v4 ? frames::ipv4({.from = p.local, .to = p.peer}, l4)
                                      : frames::ipv6({.from = p.local, .to = p.peer}, l4));
    }
};

// The two fields where a sender has a choice are set as frames.hpp chooses: the identification.
Bytes without_id(Bytes frame, const Path& p) {
    if (!p.peer.is_v4()) return frame;
    const std::size_t l3 = p.vlan_tci != 0 ? 18 : 14;
    for (const std::size_t at : {4u, 5u, 10u, 11u}) frame[l3 + at] = 0;
    return frame;
}

TEST_F(Build, IsWhatAnIndependentBuilderMakes) {
    for (const bool v4 : {true, false}) {
        for (const std::uint16_t vlan : {0, 5, 0xefff}) {
            for (const std::size_t n : {0u, 1u, 2u, 15u, 16u, 17u, 112u, 1360u, 1361u}) {
                const Path p = path(v4, vlan);
                const Bytes frame = built(p, counting(n));
                EXPECT_EQ(without_id(frame, p), without_id(expected(p, counting(n)), p))
                    << v4 << ' ' << vlan << ' ' << n;
                if (v4) {
                    const std::size_t l3 = vlan != 0 ? 18 : 14;
                    EXPECT_EQ(frames::internet_checksum(std::span(frame).subspan(l3, 20)), 0);
                }
            }
        }
    }
}

TEST_F(Build, ChecksumsOverRandomPayloads) {
    std::uint32_t x = 1;
    for (int i = 0; i < 2000; ++i) {
        Bytes payload(x % 200);
        for (std::uint8_t& byte : payload) {
            x = x * 1664525u + 1013904223u;
            byte = i % 3 == 0 ? 0xff : static_cast<std::uint8_t>(x >> 24);
        }
        x = x * 1664525u + 1013904223u;
        for (const bool v4 : {true, false}) {
            const Path p = path(v4);
            ASSERT_EQ(without_id(built(p, payload), p), without_id(expected(p, payload), p)) << i;
        }
    }
}

// A sum that comes out as zero is sent as 0xffff: zero would mean "not summed".
TEST_F(Build, NeverSendsTheChecksumThatMeansNone) {
    for (const bool v4 : {true, false}) {
        const Path p = path(v4);
        const Bytes zero = frames::udp({.from = kUdpPort, .to = 40000, .without_checksum = true},
                                       p.local, p.peer, {0, 0});
        const std::uint16_t sum = frames::transport_checksum(p.local, p.peer, 17, zero);
        const Bytes frame =
            built(p, {static_cast<std::uint8_t>(sum >> 8), static_cast<std::uint8_t>(sum)});
        EXPECT_EQ(frames::get16(frame, 14 + (v4 ? 20 : 40) + 6), 0xffff);
    }
}

TEST_F(Build, ThereAndBackAgain) {
    for (const bool v4 : {true, false}) {
        for (const std::uint16_t vlan : {0, 77}) {
            for (const std::size_t n : {0u, 1u, 112u, 1361u}) {
                const Bytes frame = built(path(v4, vlan), counting(n));
                // Received by the peer: a port of its own, and everything the other way round.
                const std::vector<IpPrefix> theirs = {{peer4, 24}, {peer6, 64}};
                PortView peer_port;
                peer_port.mac = kPeerMac;
                peer_port.addresses = theirs;
                const BareMbuf mbuf(frame);
                Neighbours none;
                const Frame back = classify(mbuf.get(), kPortIndex, peer_port, 40000, none, 0);
                ASSERT_EQ(back.kind, FrameKind::udp) << info(back.reason).name;
                EXPECT_EQ(Bytes(back.payload, back.payload + back.payload_bytes), counting(n));
                Path expected_path = path(v4, vlan);
                std::swap(expected_path.local, expected_path.peer);
                std::swap(expected_path.local_udp, expected_path.peer_udp);
                expected_path.peer_mac = kOurMac;
                EXPECT_EQ(back.path, expected_path);
            }
        }
    }
}

TEST_F(Build, TheHeadroomAskedForIsWhatTheLongestHeadersNeed) {
    const BareMbuf mbuf(counting(5), 0, kMaxHeaderBytes);
    build(mbuf.get(), path(false, 9), port);
    EXPECT_EQ(mbuf->data_off, 0u);
}

TEST_F(Build, LeavesToThePortWhatItCanDo) {
    port.tx_ip_checksum = port.tx_udp_checksum = true;
    for (const bool v4 : {true, false}) {
        const Path p = path(v4);
        const BareMbuf mbuf(counting(50), 0, kMaxHeaderBytes);
        build(mbuf.get(), p, port);
        const std::uint64_t wanted =
            v4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM
               : RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
        EXPECT_EQ(mbuf->ol_flags, wanted);
        EXPECT_EQ(mbuf->l2_len, 14);
        EXPECT_EQ(mbuf->l3_len, v4 ? 20 : 40);
        EXPECT_EQ(mbuf->l4_len, 8);
        // What the port expects in the field: the sum of the pseudo header, not complemented.
        const Bytes frame = mbuf.bytes();
        const std::size_t udp = 14u + (v4 ? 20 : 40);
        const Bytes eight_zeros(8, 0);
        Bytes pseudo_only = eight_zeros;
        const std::uint16_t of_zeros = frames::transport_checksum(p.local, p.peer, 17, pseudo_only);
        const auto sum_of_8 = static_cast<std::uint16_t>(~of_zeros);
        // The length counts 58 there, and 8 here.
        const std::uint32_t sum = sum_of_8 + 50u;
        EXPECT_EQ(frames::get16(frame, udp + 6),
                  static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16)));
        if (v4) {
            EXPECT_EQ(frames::get16(frame, 14 + 10), 0);
        }
    }
}

TEST_F(Build, OneOfTheTwoOffloads) {
    port.tx_ip_checksum = true;
    const BareMbuf ip_only(counting(5), 0, kMaxHeaderBytes);
    build(ip_only.get(), path(true), port);
    EXPECT_EQ(ip_only->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
    port.tx_ip_checksum = false;
    port.tx_udp_checksum = true;
    const BareMbuf udp_only(counting(5), 0, kMaxHeaderBytes);
    build(udp_only.get(), path(true), port);
    EXPECT_EQ(udp_only->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM);
    const Bytes frame = udp_only.bytes();
    EXPECT_EQ(frames::internet_checksum(std::span(frame).subspan(14, 20)), 0);
}

TEST_F(Build, PayloadThatFitsOnePacket) {
    EXPECT_EQ(max_udp_payload(path(true), port), 1472);
    EXPECT_EQ(max_udp_payload(path(false), port), 1452);
    port.mtu = 9000;
    EXPECT_EQ(max_udp_payload(path(false), port), 8952);
}

TEST_F(Build, OwnAddressTowardsAPeer) {
    EXPECT_EQ(*own_address(port, ip("10.1.2.77")), ours4);
    EXPECT_EQ(*own_address(port, ip("192.0.2.1")), ours4) << "of the family, if of no network";
    EXPECT_EQ(*own_address(port, ip("2001:db8::77")), ours6);
    EXPECT_EQ(*own_address(port, ip("fe80::77")), ip("fe80::3"));
    addresses.resize(1);
    port.addresses = addresses;
    EXPECT_EQ(own_address(port, peer6), nullptr);
}

TEST_F(Build, AnArpRequest) {
    const BareMbuf mbuf({}, kTailroom);
    ASSERT_TRUE(build_neighbour_request(mbuf.get(), peer4, port));
    EXPECT_EQ(
        mbuf.bytes(),
        frames::ethernet({.to = kBroadcastMac, .from = kOurMac, .type = 0x0806},
                         frames::arp({.sender_mac = kOurMac, .sender = ours4, .target = peer4})));
}

TEST_F(Build, ANeighbourSolicitation) {
    const IpAddress hop = ip("2001:db8::ab:cdef");
    const IpAddress group = ip("ff02::1:ffab:cdef");
    const BareMbuf mbuf({}, kTailroom);
    ASSERT_TRUE(build_neighbour_request(mbuf.get(), hop, port));
    EXPECT_EQ(mbuf.bytes(),
              frames::ethernet(
                  {.to = {{0x33, 0x33, 0xff, 0xab, 0xcd, 0xef}}, .from = kOurMac, .type = 0x86dd},
                  frames::ipv6({.from = ours6, .to = group, .next_header = 58, .hop_limit = 255},
                               frames::icmp6(135, 0, ours6, group,
                                             frames::neighbour_rest(
                                                 0, hop, frames::link_option(1, kOurMac))))));
}

TEST_F(Build, NoRequestWithoutAnAddressOrRoom) {
    const BareMbuf small({}, 8);
    EXPECT_FALSE(build_neighbour_request(small.get(), peer4, port));
    EXPECT_FALSE(build_neighbour_request(small.get(), peer6, port));
    port.addresses = {};
    const BareMbuf mbuf({}, kTailroom);
    EXPECT_FALSE(build_neighbour_request(mbuf.get(), peer4, port));
}

}  // namespace
}  // namespace skerry::net
