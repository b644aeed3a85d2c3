// Segments of TCP, and ICMP errors about them: what is handed on, what is dropped and as what; and
// the frame around a segment of ours.
#include "dataplane/net/checksum.hpp"
#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

struct Segments : Host {
    Segments() { port.tcp = true; }
    Bytes tcp4(const frames::Tcp& h, const Bytes& payload) const {
        return on_v4({.from = peer4, .to = ours4, .protocol = 6},
                     frames::tcp(h, peer4, ours4, payload));
    }
    Bytes tcp6(const frames::Tcp& h, const Bytes& payload) const {
        return on_v6({.from = peer6, .to = ours6, .next_header = 6},
                     frames::tcp(h, peer6, ours6, payload));
    }
    // An error about a segment that went from `from` to `to`.
    Bytes error4(std::uint8_t code, const Bytes& rest, const IpAddress& from,
                 std::uint8_t protocol = 6, std::size_t quoted = 8) const {
        Bytes l4 = frames::tcp({.from = 80, .to = 4000, .seq = 0x01020304}, from, peer4, {});
        Bytes all = rest;
        l4.resize(quoted);
        frames::put(all, frames::ipv4({.from = from, .to = peer4, .protocol = protocol}, l4));
        return on_v4({.from = ip("10.1.2.77"), .to = ours4, .protocol = 1},
                     frames::icmp(3, code, all));
    }
    Bytes error6(std::uint8_t type, const Bytes& rest, std::uint16_t off = 0) const {
        Bytes all = rest;
        frames::put(all, frames::ipv6({.from = ours6, .to = peer6, .next_header = 6},
                                      frames::tcp({.from = 80, .to = 4000}, ours6, peer6, {})));
        const IpAddress router = ip("2001:db8::77");
        return on_v6({.from = router, .to = ours6, .next_header = 58},
                     frames::icmp6(type, 0, router, ours6, all, off));
    }
};

TEST_F(Segments, AreHandedOnWhole) {
    for (const bool v4 : {true, false}) {
        const frames::Tcp header{.from = 4000, .to = 80, .options = {1, 1, 1, 1}};
        Bytes bytes = v4 ? tcp4(header, counting(11)) : tcp6(header, counting(11));
        bytes.resize(bytes.size() + 9);  // the wire's padding
        const BareMbuf mbuf(bytes);
        const Frame frame = receive(mbuf);
        ASSERT_EQ(frame.kind, FrameKind::tcp);
        EXPECT_EQ(frame.payload_bytes, 24 + 11);
        EXPECT_EQ(frame.payload[24], 1);
        EXPECT_EQ(frame.path.local_udp, 80);
        EXPECT_EQ(frame.path.peer_udp, 4000);
        EXPECT_EQ(frame.path.peer, v4 ? peer4 : peer6);
    }
}

TEST_F(Segments, OnlyWhereTcpIsSpoken) {
    port.tcp = false;
    EXPECT_EQ(fate(tcp4({}, {})), "drop_ip_protocol");
    EXPECT_EQ(fate(tcp6({}, {})), "drop_ip_protocol");
    EXPECT_EQ(fate(error4(1, {0, 0, 0, 0}, ours4)), "drop_icmp");
}

TEST_F(Segments, Malformed) {
    EXPECT_EQ(fate(tcp4({.from = 0}, {})), "drop_tcp_header");
    EXPECT_EQ(fate(tcp6({.to = 0}, {})), "drop_tcp_header");
    const Bytes l4 = frames::tcp({}, peer4, ours4, {});
    for (std::ptrdiff_t n = 0; n < 20; ++n)
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .protocol = 6},
                             Bytes(l4.begin(), l4.begin() + n))),
                  "drop_tcp_header");
    for (const std::uint16_t off : {1, 256, 0x8000}) {
        EXPECT_EQ(fate(tcp4({.checksum_off_by = off}, counting(9))), "drop_tcp_checksum");
        EXPECT_EQ(fate(tcp6({.checksum_off_by = off}, counting(9))), "drop_tcp_checksum");
    }
}

TEST_F(Segments, ThePortsWordOnTheChecksum) {
    port.rx_tcp_checksum = true;
    const BareMbuf wrong(tcp4({.checksum_off_by = 1}, {}));
    wrong->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    EXPECT_EQ(receive(wrong).kind, FrameKind::tcp);
    const BareMbuf right(tcp4({}, {}));
    right->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
    EXPECT_EQ(receive(right).reason, Reason::drop_tcp_checksum);
}

TEST_F(Segments, NoFragments) {
    EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .protocol = 6, .fragment = 0x2000},
                         frames::tcp({}, peer4, ours4, {}))),
              "drop_fragment");
}

TEST_F(Segments, AnErrorNamesTheSegmentAndTheMtu) {
    const BareMbuf mbuf(error4(4, {0, 0, 0x05, 0x14}, ours4));
    const Frame frame = receive(mbuf);
    ASSERT_EQ(frame.kind, FrameKind::tcp_error);
    EXPECT_EQ(frame.mtu, 0x514);
    EXPECT_EQ(frame.path.peer, peer4) << "not the router that says so";
    EXPECT_EQ(frame.path.local, ours4);
    EXPECT_EQ(frame.path.local_udp, 80);
    EXPECT_EQ(frame.path.peer_udp, 4000);
    ASSERT_GE(frame.payload_bytes, 8);
    EXPECT_EQ(frame.payload[7], 4);
    EXPECT_EQ(receive(error4(4, {0, 0, 0, 0}, ours4)).mtu, 576) << "RFC 1191: an old router";
    EXPECT_EQ(receive(error4(1, {0, 0, 0, 0}, ours4)).mtu, 0) << "unreachable";
}

TEST_F(Segments, AnErrorOverIpv6) {
    const Frame big = receive(error6(2, {0, 0, 0x05, 0x14}));
    EXPECT_EQ(big.kind, FrameKind::tcp_error);
    EXPECT_EQ(big.mtu, 0x514);
    EXPECT_EQ(big.path.peer, peer6);
    EXPECT_EQ(receive(error6(2, {0, 0, 0, 9})).mtu, 1280) << "RFC 8201: not below";
    EXPECT_EQ(receive(error6(2, {1, 0, 0, 0})).mtu, 65535);
    EXPECT_EQ(receive(error6(1, {0, 0, 0, 0})).mtu, 0);
    EXPECT_EQ(fate(error6(2, {0, 0, 5, 0}, 1)), "drop_icmp");
}

TEST_F(Segments, ErrorsThatAreNotAboutUs) {
    EXPECT_EQ(fate(error4(4, {0, 0, 5, 0}, ip("10.1.2.4"))), "drop_icmp");
    EXPECT_EQ(fate(error4(4, {0, 0, 5, 0}, ours4, 17)), "drop_icmp");
    EXPECT_EQ(fate(error4(4, {0, 0, 5, 0}, ours4, 6, 7)), "drop_icmp");
}

TEST_F(Segments, BuiltAroundOurs) {
    for (const bool offloaded : {false, true}) {
        port.tx_tcp_checksum = offloaded;
        for (const IpAddress& peer : {peer4, peer6}) {
            const IpAddress& us = peer.is_v4() ? ours4 : ours6;
            Bytes l4 = frames::tcp({.from = 80, .to = 4000}, us, peer, counting(33));
            const Bytes right = l4;
            l4[16] = l4[17] = 0;
            const BareMbuf mbuf(l4, 0, kMaxTcpHeadroom);
            Path path{.local = us, .peer = peer, .peer_mac = kPeerMac};
            path.local_udp = 80;
            path.peer_udp = 4000;
            path.vlan_tci = 0x2005;
            build_tcp(mbuf.get(), path, port, partial_sum(l4.data(), 20));
            const Bytes frame = mbuf.bytes();
            const std::size_t l3 = 18;
            const Bytes sent(frame.end() - static_cast<std::ptrdiff_t>(right.size()), frame.end());
            EXPECT_EQ(frames::get16(frame, 12), 0x8100);
            if (offloaded) {
                EXPECT_NE(mbuf->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM, 0u);
                EXPECT_EQ(mbuf->l4_len, 20);
            } else {
                EXPECT_EQ(sent, right);
            }
            if (peer.is_v4()) {
                EXPECT_EQ(frames::internet_checksum(std::span(frame).subspan(l3, 20)), 0);
            }
        }
    }
}

}  // namespace
}  // namespace skerry::net
