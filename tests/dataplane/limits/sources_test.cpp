#include "dataplane/limits/sources.hpp"

#include <gtest/gtest.h>

#include <string>

#include "dataplane/net/source.hpp"
#include "tests/dataplane/frames.hpp"

namespace skerry::limits {
namespace {

using frames::BareMbuf;
using frames::Bytes;
using frames::ip;

constexpr std::uint64_t kHz = 1'000'000'000;

Bytes frame_from(const net::IpAddress& source, bool tagged = false) {
    Bytes out(12, 2);
    if (tagged) {
        frames::put16(out, 0x8100);
        frames::put16(out, 5);
    }
    const bool v4 = source.is_v4();
    frames::put16(out, v4 ? 0x0800 : 0x86dd);
    out.resize(out.size() + (v4 ? 12 : 8));
    const std::span<const std::uint8_t> address(source.bytes);
    frames::put(out, v4 ? address.subspan(12) : address);
    out.resize(out.size() + (v4 ? 4 : 16) + 20);
    return out;
}

TEST(SourceOf, FindsItWhereItIs) {
    for (const char* text : {"10.1.2.3", "2001:db8::7"}) {
        for (const bool tagged : {false, true}) {
            const Bytes whole = frame_from(ip(text), tagged);
            const std::size_t header = 14 + (tagged ? 4 : 0) + (ip(text).is_v4() ? 20 : 40);
            for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
                const Bytes part(whole.data(), whole.data() + bytes);
                const BareMbuf mbuf(part);
                net::IpAddress source;
                ASSERT_EQ(net::source_of(mbuf.get(), source), bytes >= header) << bytes;
                if (bytes >= header) {
                    EXPECT_EQ(source.to_string(), text);
                }
            }
        }
    }
    Bytes arp = frame_from(ip("10.1.2.3"));
    arp[12] = 0x08;
    arp[13] = 0x06;
    const BareMbuf mbuf(arp);
    net::IpAddress source;
    EXPECT_FALSE(net::source_of(mbuf.get(), source));
}

class SourcesTest : public ::testing::Test {
  protected:
    SourceLimits limits{.per_second = 10,
                        .burst = 10,
                        .connections = 3,
                        .places = 1024,
                        .shed_ms = 100,
                        .exempt = {}};
    std::unique_ptr<Sources> sources;
    void make() { sources = std::make_unique<Sources>(limits, kHz, 64, net::SipKey{1, 2}); }
    bool sheds(const std::string& address, std::uint64_t now) const {
        const BareMbuf mbuf(frame_from(ip(address)));
        return sources->shedding(now) && sources->sheds(mbuf.get(), now);
    }
    int taken(const std::string& address, int asked, std::uint64_t now) {
        int count = 0;
        for (int i = 0; i < asked; ++i) count += sources->datagram(ip(address), now);
        return count;
    }
};

TEST_F(SourcesTest, AnAddressOfIPv4AndANetworkOfIPv6) {
    make();
    EXPECT_EQ(taken("10.0.0.1", 20, kHz), 10);
    EXPECT_EQ(taken("10.0.0.2", 20, kHz), 10);
    EXPECT_EQ(taken("2001:db8:0:1::1", 20, kHz), 10);
    EXPECT_EQ(taken("2001:db8:0:1:8000::1", 20, kHz), 0);
    EXPECT_EQ(taken("2001:db8:0:2::1", 20, kHz), 10);
    EXPECT_EQ(taken("10.0.0.1", 20, 2 * kHz), 10);
}

TEST_F(SourcesTest, PrefixesMayBeOthers) {
    limits.v4_bits = 23;
    limits.v6_bits = 72;
    make();
    EXPECT_EQ(taken("10.0.0.1", 20, kHz), 10);
    EXPECT_EQ(taken("10.0.1.77", 20, kHz), 0);
    EXPECT_EQ(taken("10.0.2.1", 20, kHz), 10);
    EXPECT_EQ(taken("2001:db8:0:1::1", 20, kHz), 10);
    EXPECT_EQ(taken("2001:db8:0:1:100::1", 20, kHz), 10);
    EXPECT_EQ(taken("2001:db8:0:1:1::1", 20, kHz), 0);
}

TEST_F(SourcesTest, ShedIsWhoWasRefusedTooOften) {
    make();
    EXPECT_EQ(taken("10.0.0.1", 20, kHz), 10);
    EXPECT_FALSE(sheds("10.0.0.1", kHz));  // its refusals were as many as there may be
    EXPECT_EQ(taken("10.0.0.1", 1, kHz), 0);
    EXPECT_TRUE(sheds("10.0.0.1", kHz));
    EXPECT_FALSE(sheds("10.0.0.2", kHz));
    EXPECT_TRUE(sheds("10.0.0.1", kHz + kHz / 10 - 1));
    EXPECT_FALSE(sheds("10.0.0.1", kHz + kHz / 10));
    // The network of an IPv6 address as a whole.
    EXPECT_EQ(taken("2001:db8::1", 21, kHz), 10);
    EXPECT_TRUE(sheds("2001:db8::ffff", kHz));
    EXPECT_FALSE(sheds("2001:db8:0:1::1", kHz));
}

TEST_F(SourcesTest, OrNobodyIs) {
    limits.shed_ms = 0;
    make();
    EXPECT_EQ(taken("10.0.0.1", 1000, kHz), 10);
    EXPECT_FALSE(sources->shedding(kHz));
}

TEST_F(SourcesTest, ConnectionsAreHeldUntilTheyAreGone) {
    limits.per_second = 0;
    make();
    for (std::uint32_t c = 0; c < 3; ++c) EXPECT_TRUE(sources->connected(c, ip("10.0.0.1"), 0));
    EXPECT_FALSE(sources->connected(3, ip("10.0.0.1"), 0));
    EXPECT_TRUE(sources->connected(4, ip("10.0.0.2"), 0));
    sources->gone(3);  // was refused: without effect
    EXPECT_FALSE(sources->connected(5, ip("10.0.0.1"), 0));
    sources->gone(1);
    sources->gone(1);
    EXPECT_TRUE(sources->connected(1, ip("10.0.0.1"), 0));
    EXPECT_FALSE(sources->connected(5, ip("10.0.0.1"), 0));
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(sources->request(1, 0));  // no limit of those
    // Who keeps on trying is shed as well.
    EXPECT_FALSE(sheds("10.0.0.1", 0));
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(sources->connected(5, ip("10.0.0.1"), 0));
    EXPECT_TRUE(sheds("10.0.0.1", 0));
}

TEST_F(SourcesTest, ConnectionsShareTheRateOfTheirSource) {
    make();
    EXPECT_TRUE(sources->connected(0, ip("10.0.0.1"), kHz));
    EXPECT_TRUE(sources->connected(1, ip("10.0.0.1"), kHz));
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(sources->request(0, kHz));
        EXPECT_TRUE(sources->request(1, kHz));
    }
    EXPECT_FALSE(sources->request(0, kHz));
    EXPECT_FALSE(sources->request(1, kHz));
    EXPECT_FALSE(sources->datagram(ip("10.0.0.1"), kHz));
    EXPECT_TRUE(sources->request(0, kHz + kHz / 10));
}

TEST_F(SourcesTest, ExemptAreCountedNowhere) {
    limits.exempt = {*net::IpPrefix::parse("10.0.0.0/24"), *net::IpPrefix::parse("fd00::/8")};
    make();
    EXPECT_EQ(taken("10.0.0.1", 1000, kHz), 1000);
    EXPECT_EQ(taken("fd00::1", 1000, kHz), 1000);
    EXPECT_EQ(taken("10.0.1.1", 1000, kHz), 10);
    for (std::uint32_t c = 0; c < 60; ++c) EXPECT_TRUE(sources->connected(c, ip("fd00::2"), kHz));
}

}  // namespace
}  // namespace skerry::limits
