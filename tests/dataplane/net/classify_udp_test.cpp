// Datagrams for us: what classify() says of them, and what checksums a port has or has not seen to.
#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

using Classify = Host;

TEST_F(Classify, ADatagramOverIpv4) {
    const Bytes payload = counting(100);
    const BareMbuf mbuf(udp4(payload));
    const Frame frame = receive(mbuf);
    ASSERT_EQ(frame.kind, FrameKind::udp);
    EXPECT_EQ(Bytes(frame.payload, frame.payload + frame.payload_bytes), payload);
    EXPECT_EQ(frame.path.local, ours4);
    EXPECT_EQ(frame.path.peer, peer4);
    EXPECT_EQ(frame.path.peer_mac, kPeerMac);
    EXPECT_EQ(frame.path.local_udp, kUdpPort);
    EXPECT_EQ(frame.path.peer_udp, 40000);
    EXPECT_EQ(frame.path.vlan_tci, 0);
    EXPECT_EQ(frame.path.port, kPortIndex);
}

TEST_F(Classify, ADatagramOverIpv6) {
    const Bytes payload = counting(101);
    const BareMbuf mbuf(udp6(payload));
    const Frame frame = receive(mbuf);
    ASSERT_EQ(frame.kind, FrameKind::udp);
    EXPECT_EQ(Bytes(frame.payload, frame.payload + frame.payload_bytes), payload);
    EXPECT_EQ(frame.path.local, ours6);
    EXPECT_EQ(frame.path.peer, peer6);
    EXPECT_EQ(frame.path.peer_udp, 40000);
}

TEST_F(Classify, EverySizeOfPayload) {
    for (std::size_t n = 0; n < 70; ++n) {
        const Frame four = receive(udp4(counting(n)));
        ASSERT_EQ(four.kind, FrameKind::udp) << n;
        EXPECT_EQ(four.payload_bytes, n);
        const Frame six = receive(udp6(counting(n)));
        ASSERT_EQ(six.kind, FrameKind::udp) << n;
        EXPECT_EQ(six.payload_bytes, n);
    }
    EXPECT_EQ(receive(udp4(counting(8900))).payload_bytes, 8900);
}

TEST_F(Classify, PaddingOfAShortFrameIsNotPayload) {
    Bytes frame = udp4(counting(3));
    frame.resize(60, 0xee);
    EXPECT_EQ(receive(frame).payload_bytes, 3);
    frame = udp6(counting(3));
    frame.resize(frame.size() + 9, 0xee);
    EXPECT_EQ(receive(frame).payload_bytes, 3);
}

TEST_F(Classify, OneVlanTag) {
    for (const bool v4 : {true, false}) {
        frames::Ethernet tagged = link(v4 ? 0x0800 : 0x86dd);
        tagged.vlan_tci = 0xa123;
        const IpAddress& from = v4 ? peer4 : peer6;
        const IpAddress& to = v4 ? ours4 : ours6;
        const Bytes l4 = frames::udp({}, from, to, counting(40));
        const Bytes l3 = v4 ? frames::ipv4({.from = from, .to = to}, l4)
                            : frames::ipv6({.from = from, .to = to}, l4);
        const Frame frame = receive(frames::ethernet(tagged, l3));
        ASSERT_EQ(frame.kind, FrameKind::udp);
        EXPECT_EQ(frame.path.vlan_tci, 0xa123);
        EXPECT_EQ(frame.payload_bytes, 40);
    }
}

TEST_F(Classify, Ipv4Options) {
    for (const std::size_t words : {1u, 5u, 10u}) {
        const Bytes frame = on_v4({.from = peer4, .to = ours4, .options = Bytes(words * 4, 1)},
                                  frames::udp({}, peer4, ours4, counting(21)));
        const BareMbuf mbuf(frame);
        const Frame result = receive(mbuf);
        ASSERT_EQ(result.kind, FrameKind::udp) << words;
        EXPECT_EQ(Bytes(result.payload, result.payload + result.payload_bytes), counting(21));
    }
}

TEST_F(Classify, Ipv4WithoutAUdpChecksum) {
    EXPECT_EQ(fate(udp4(counting(9), {.without_checksum = true})), "udp");
}

// A payload whose checksum comes out as zero, which is sent as 0xffff.
TEST_F(Classify, AChecksumThatIsZero) {
    for (const bool v4 : {true, false}) {
        const IpAddress& from = v4 ? peer4 : peer6;
        const IpAddress& to = v4 ? ours4 : ours6;
        Bytes plain = frames::udp({.without_checksum = true}, from, to, {0, 0});
        const std::uint16_t sum = frames::transport_checksum(from, to, 17, plain);
        const Bytes payload = {static_cast<std::uint8_t>(sum >> 8), static_cast<std::uint8_t>(sum)};
        const Bytes datagram = frames::udp({}, from, to, payload);
        ASSERT_EQ(frames::get16(datagram, 6), 0xffff);
        EXPECT_EQ(fate(v4 ? udp4(payload) : udp6(payload)), "udp");
    }
}

struct Offload : Host {
    Frame with_flags(const Bytes& bytes, std::uint64_t flags) {
        const BareMbuf mbuf(bytes);
        mbuf->ol_flags = flags;
        Frame frame = receive(mbuf);
        return frame;
    }
};

TEST_F(Offload, FlagsCountOnlyIfThePortVerifies) {
    const std::uint64_t bad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
    const std::uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    const Bytes right = udp4(counting(5));
    const Bytes wrong = udp4(counting(5), {.checksum_off_by = 1});
    EXPECT_EQ(with_flags(right, bad).kind, FrameKind::udp);
    EXPECT_EQ(with_flags(wrong, good).reason, Reason::drop_udp_checksum);
    port.rx_ip_checksum = port.rx_udp_checksum = true;
    EXPECT_EQ(with_flags(right, bad).reason, Reason::drop_ip_checksum);
    EXPECT_EQ(with_flags(right, RTE_MBUF_F_RX_L4_CKSUM_BAD).reason, Reason::drop_udp_checksum);
    EXPECT_EQ(with_flags(wrong, good).kind, FrameKind::udp) << "the port has looked, we need not";
}

TEST_F(Offload, WhatThePortDoesNotKnowIsComputed) {
    port.rx_ip_checksum = port.rx_udp_checksum = true;
    const std::uint64_t unknown = RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN | RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
    EXPECT_EQ(with_flags(udp4(counting(5)), unknown).kind, FrameKind::udp);
    EXPECT_EQ(with_flags(udp4(counting(5), {.checksum_off_by = 1}), unknown).reason,
              Reason::drop_udp_checksum);
    EXPECT_EQ(with_flags(udp6(counting(5), {.checksum_off_by = 1}), unknown).reason,
              Reason::drop_udp_checksum);
    const Bytes bad_ip = on_v4({.from = peer4, .to = ours4, .checksum_off_by = 1},
                               frames::udp({}, peer4, ours4, {}));
    EXPECT_EQ(with_flags(bad_ip, unknown).reason, Reason::drop_ip_checksum);
}

}  // namespace
}  // namespace skerry::net
