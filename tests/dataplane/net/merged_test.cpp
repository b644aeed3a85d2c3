// Frames in several buffers: TCP of a port that was asked to put segments together is handed on,
// everything else is dropped, and nothing is read that is not there.
#include "dataplane/net/plain_syn.hpp"
#include "tests/dataplane/chains.hpp"
#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

using frames::BareChain;

struct Merged : Host {
    Merged() { port.tcp = port.lro = true; }
    Bytes segment(bool v4, const Bytes& payload, const frames::Tcp& header = {}) const {
        return v4 ? on_v4({.from = peer4, .to = ours4, .protocol = 6},
                          frames::tcp(header, peer4, ours4, payload))
                  : on_v6({.from = peer6, .to = ours6, .next_header = 6},
                          frames::tcp(header, peer6, ours6, payload));
    }
    Frame receive(const BareChain& chain) {
        return classify(chain.get(), kPortIndex, port, kUdpPort, neighbours, 1000);
    }
    std::string fate(const BareChain& chain) {
        const Frame frame = receive(chain);
        if (frame.kind == FrameKind::tcp) return "tcp";
        return frame.kind == FrameKind::drop ? std::string(info(frame.reason).name) : "something";
    }
    std::string fate(const Bytes& frame, std::size_t first_bytes, std::size_t piece_bytes = 2048) {
        return fate(BareChain(frame, first_bytes, piece_bytes));
    }
};

TEST_F(Merged, AreHandedOnWhole) {
    for (const bool v4 : {true, false})
        // The largest that IP's length can say, and one that just does not fit one buffer.
        for (const std::size_t bytes : {v4 ? 65491u : 65511u, 60000u, 2001u}) {
            const Bytes frame =
                segment(v4, counting(bytes), {.from = 4000, .to = 80, .options = {1, 1, 1, 1}});
            const BareChain chain(frame, 2000, 2048);
            const Frame got = receive(chain);
            ASSERT_EQ(got.kind, FrameKind::tcp) << bytes << " " << info(got.reason).name;
            EXPECT_EQ(got.payload_bytes, 24 + bytes);
            EXPECT_EQ(got.payload[24], 1);
            EXPECT_EQ(got.path.local_udp, 80);
            EXPECT_EQ(got.path.peer_udp, 4000);
        }
}

TEST_F(Merged, WithATagAndOptionsOfIp) {
    Bytes l4 = frames::tcp({}, peer4, ours4, counting(4000));
    Bytes frame = frames::ethernet({.to = kOurMac, .from = kPeerMac, .type = 0x0800, .vlan_tci = 7},
                                   frames::ipv4({.from = peer4, .to = ours4, .protocol = 6}, l4));
    EXPECT_EQ(fate(frame, 14 + 4 + 20 + 20), "tcp");
    EXPECT_EQ(fate(frame, 14 + 4 + 20 + 19), "drop_chain");
    EXPECT_EQ(fate(frame, 17), "drop_chain");
}

TEST_F(Merged, TheChecksumIsSummedOverAllBuffers) {
    for (const bool v4 : {true, false})
        for (const std::size_t piece : {1u, 7u, 1448u, 2047u}) {
            const Bytes good = segment(v4, counting(5001));
            const Bytes bad = segment(v4, counting(5001), {.checksum_off_by = 256});
            for (const std::size_t first : {74u, 75u, 1000u, 1001u}) {
                EXPECT_EQ(fate(good, first, piece), "tcp") << first << ' ' << piece;
                EXPECT_EQ(fate(bad, first, piece), "drop_tcp_checksum");
            }
        }
}

TEST_F(Merged, ThePortsWordOnTheChecksum) {
    port.rx_tcp_checksum = port.rx_ip_checksum = true;
    const Bytes wrong = segment(true, counting(4000), {.checksum_off_by = 1});
    const BareChain chain(wrong, 2000, 2000);
    chain->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    EXPECT_EQ(fate(chain), "tcp");
    // Never on a wire, or put together: what is in the packet says nothing, the port answers for
    // it.
    chain->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO;
    EXPECT_EQ(fate(chain), "tcp");
    chain->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
    EXPECT_EQ(fate(chain), "drop_tcp_checksum");
    chain->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN;
    EXPECT_EQ(fate(chain), "drop_tcp_checksum");
    port.rx_tcp_checksum = false;  // nobody asked for its word
    chain->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
    EXPECT_EQ(fate(chain), "drop_tcp_checksum");
}

TEST_F(Merged, NotOfAPortThatWasNotAsked) {
    const Bytes frame = segment(true, counting(4000));
    EXPECT_EQ(fate(frame, 2000), "tcp");
    port.lro = false;
    EXPECT_EQ(fate(frame, 2000), "drop_chain");
    port.lro = true;
    port.tcp = false;
    EXPECT_EQ(fate(frame, 2000), "drop_chain");
}

TEST_F(Merged, NothingButTcp) {
    EXPECT_EQ(fate(udp4(counting(1000)), 500), "drop_chain");
    EXPECT_EQ(fate(udp6(counting(1000)), 500), "drop_chain");
    EXPECT_EQ(
        fate(on_v4({.from = peer4, .to = ours4, .protocol = 1}, frames::icmp(8, 0, counting(1000))),
             500),
        "drop_chain");
    EXPECT_EQ(fate(frames::ethernet(link(0x0806), counting(100)), 50), "drop_chain");
    EXPECT_EQ(fate(frames::ethernet(link(0x0801), counting(100)), 50), "drop_chain");
}

TEST_F(Merged, AllHeadersAreInTheFirstBuffer) {
    for (const bool v4 : {true, false}) {
        const Bytes frame = segment(v4, counting(100), {.options = {1, 1, 1, 1, 1, 1, 1, 1}});
        const std::size_t headers = v4 ? 14 + 20 + 28 : 14 + 40 + 28;
        EXPECT_EQ(fate(frame, headers), "tcp");
        for (std::size_t first = 0; first < headers; ++first)
            EXPECT_EQ(fate(frame, first), first < 14 ? "drop_runt" : "drop_chain") << first;
    }
}

TEST_F(Merged, WhatElseIsWrong) {
    const Bytes l4 = frames::tcp({}, peer4, ours4, counting(4000));
    const auto v4 = [&](const frames::Ipv4& h) { return fate(on_v4(h, l4), 2000); };
    EXPECT_EQ(v4({.from = ours4, .to = ours4, .protocol = 6}), "drop_source");
    EXPECT_EQ(v4({.from = peer4, .to = ip("10.1.2.4"), .protocol = 6}), "drop_not_for_us");
    EXPECT_EQ(v4({.from = peer4, .to = ours4, .protocol = 6, .fragment = 0x2000}), "drop_fragment");
    EXPECT_EQ(v4({.from = peer4, .to = ours4, .protocol = 6, .total_bytes = 5000}), "drop_runt");
    // Padding behind it, in a buffer of its own.
    Bytes padded = segment(true, counting(1946));
    ASSERT_EQ(padded.size(), 2000u);
    padded.resize(2009);
    const BareChain chain(padded, 2000, 2000);
    ASSERT_EQ(receive(chain).kind, FrameKind::tcp);
    EXPECT_EQ(receive(chain).payload_bytes, 1966);
    // Shorter than it says, whatever the port says of its sum.
    port.rx_tcp_checksum = true;
    const Bytes whole = segment(true, counting(4000));
    const std::span<const std::uint8_t> all = whole;
    const BareChain cut(all.first(3000), 2000, 2000);
    cut->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    EXPECT_EQ(fate(cut), "drop_runt");
}

TEST_F(Merged, IsNoPlainSyn) {
    PlainSyn syn;
    const Bytes frame = segment(true, counting(4000), {.flags = 2});
    EXPECT_FALSE(read_plain_syn(BareChain(frame, 2000, 2048).get(), 0, port, syn));
}

// RFC 1071, and rte_mbuf_core.h: "the L4 checksum is not correct in the packet data, but the
// integrity of the L4 data is verified". So of one buffer as of several.
TEST_F(Merged, ADatagramThatNeverWasOnAWire) {
    port.rx_udp_checksum = true;
    const BareMbuf mbuf(udp4(counting(20), {.checksum_off_by = 1}));
    mbuf->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
    EXPECT_EQ(Host::receive(mbuf).kind, FrameKind::udp);
}

}  // namespace
}  // namespace skerry::net
