// Which frames are a flood's: never more than classify() takes, and what it says of them.
#include "dataplane/net/plain_syn.hpp"

#include <random>

#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

constexpr std::uint8_t kSyn = 0x02;
const Bytes kUsual = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};

struct PlainSyns : Host {
    PlainSyns() { port.tcp = true; }
    Bytes syn4(const frames::Tcp& h, const Bytes& payload = {}) const {
        return on_v4({.from = peer4, .to = ours4, .protocol = 6},
                     frames::tcp(h, peer4, ours4, payload));
    }
    Bytes syn6(const frames::Tcp& h, const Bytes& payload = {}) const {
        return on_v6({.from = peer6, .to = ours6, .next_header = 6},
                     frames::tcp(h, peer6, ours6, payload));
    }
    // Whether it is one; and then classify() must agree.
    bool is_plain(const Bytes& frame) {
        const BareMbuf mbuf(frame);
        const bool likely = may_be_syn(mbuf.get());
        PlainSyn syn;
        if (!read_plain_syn(mbuf.get(), kPortIndex, port, syn)) return false;
        EXPECT_TRUE(likely);
        const Frame found = receive(mbuf);
        EXPECT_EQ(found.kind, FrameKind::tcp);
        EXPECT_EQ(found.path, syn.path);
        EXPECT_EQ(found.payload, syn.tcp);
        EXPECT_EQ(found.payload_bytes, syn.tcp_bytes);
        return true;
    }
};

TEST_F(PlainSyns, OfBothFamilies) {
    for (const std::uint8_t more : {0, 0x08, 0x20, 0xc0}) {  // PSH, URG, ECN's setup
        const auto flags = static_cast<std::uint8_t>(kSyn | more);
        EXPECT_TRUE(is_plain(syn4({.flags = flags, .options = kUsual})));
        EXPECT_TRUE(is_plain(syn6({.flags = flags, .options = kUsual})));
        EXPECT_TRUE(is_plain(syn4({.flags = flags})));
        EXPECT_TRUE(is_plain(syn6({.flags = flags})));
    }
    EXPECT_TRUE(is_plain(syn4({.flags = kSyn}, counting(7)))) << "with data";
    Bytes padded = syn4({.flags = kSyn});
    padded.resize(60);
    EXPECT_TRUE(is_plain(padded));
}

TEST_F(PlainSyns, OtherSegmentsAreNone) {
    for (unsigned flags = 0; flags < 64; ++flags) {
        const frames::Tcp header{.flags = static_cast<std::uint8_t>(flags)};
        const bool syn = (flags & 0x17) == kSyn;
        EXPECT_EQ(is_plain(syn4(header)), syn) << flags;
        EXPECT_EQ(is_plain(syn6(header)), syn) << flags;
    }
}

TEST_F(PlainSyns, WhatIsNotPlainIsLeftToOthers) {
    const Bytes l4 = frames::tcp({.flags = kSyn, .options = kUsual}, peer4, ours4, {});
    EXPECT_FALSE(
        is_plain(on_v4({.from = peer4, .to = ours4, .protocol = 6, .options = {1, 1, 1, 0}}, l4)));
    EXPECT_FALSE(
        is_plain(on_v4({.from = peer4, .to = ours4, .protocol = 6, .fragment = 0x2000}, l4)));
    EXPECT_FALSE(is_plain(on_v4({.from = peer4, .to = ours4, .protocol = 17}, l4)));
    EXPECT_FALSE(is_plain(on_v4({.from = peer4, .to = ip("10.1.2.4"), .protocol = 6}, l4)));
    const Bytes whole = syn4({.flags = kSyn, .options = kUsual});
    Bytes tagged(whole.begin(), whole.begin() + 12);
    frames::put(tagged, Bytes{0x81, 0, 0, 5});
    tagged.insert(tagged.end(), whole.begin() + 12, whole.end());
    EXPECT_FALSE(is_plain(tagged));
    for (std::size_t n = 0; n < whole.size(); ++n)
        EXPECT_FALSE(
            is_plain(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))));
    port.tcp = false;
    EXPECT_FALSE(is_plain(whole));
}

// Bytes changed at random, with checksums that the port has verified: what is called plain is what
// classify() takes.
TEST_F(PlainSyns, NeverMoreThanClassifyTakes) {
    std::mt19937 random(7);
    port.rx_ip_checksum = port.rx_tcp_checksum = true;
    const Bytes whole[] = {syn4({.flags = kSyn, .options = kUsual}),
                           syn6({.flags = kSyn, .options = kUsual})};
    unsigned plain = 0;
    for (int i = 0; i < 40'000; ++i) {
        Bytes frame = whole[i % 2];
        for (unsigned n = random() % 3; n != 0; --n)
            frame[random() % frame.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
        const BareMbuf mbuf(frame);
        mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
        PlainSyn syn;
        if (!read_plain_syn(mbuf.get(), kPortIndex, port, syn)) continue;
        ++plain;
        const Frame found = receive(mbuf);
        ASSERT_EQ(found.kind, FrameKind::tcp);
        ASSERT_EQ(found.path, syn.path);
        ASSERT_EQ(found.payload_bytes, syn.tcp_bytes);
    }
    EXPECT_GT(plain, 10'000u);
}

}  // namespace
}  // namespace skerry::net
