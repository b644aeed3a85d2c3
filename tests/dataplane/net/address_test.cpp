#include "dataplane/net/address.hpp"

#include <gtest/gtest.h>

namespace skerry::net {
namespace {

TEST(IpAddress, TextThereAndBack) {
    for (const char* text :
         {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"}) {
        const auto address = IpAddress::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), text);
    }
    EXPECT_TRUE(IpAddress::parse("10.1.2.3")->is_v4());
    EXPECT_FALSE(IpAddress::parse("2001:db8::1")->is_v4());
}

TEST(IpAddress, WhatIsNone) {
    for (const char* text : {"", "10.1.2", "10.1.2.3.4", "10.1.2.256", "10.1.2.3/24", " 10.1.2.3",
                             "1::2::3", "fe80::1%eth0", "host"})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpPrefix, Parse) {
    for (const char* text : {"10.1.2.3/0", "10.1.2.3/32", "::/0", "2001:db8::1/128"})
        EXPECT_TRUE(IpPrefix::parse(text)) << text;
    for (const char* text : {"", "/", "10.1.2.3", "10.1.2.3/", "10.1.2.3/33", "10.1.2.3/-1",
                             "10.1.2.3/+1", "10.1.2.3/ 1", "10.1.2.3/1 ", "10.1.2.3/1x", "::/129",
                             "10.1.2.3/4294967297", "10.1.2.3/99999999999999999999"})
        EXPECT_FALSE(IpPrefix::parse(text)) << text;
    EXPECT_EQ(IpPrefix::parse("10.1.2.3/24")->prefix_bits, 24);
}

// Every prefix length of both families: the address with its last covered bit flipped is outside,
// with its first uncovered bit flipped inside.
TEST(IpPrefix, ContainsToTheBit) {
    for (const char* text : {"10.171.85.204", "2001:db8:aaaa:5555:cccc:3333:f0f0:0f0f"}) {
        const IpAddress address = *IpAddress::parse(text);
        const unsigned family_bits = address.is_v4() ? 32 : 128;
        const unsigned first = 128 - family_bits;
        for (unsigned bits = 0; bits <= family_bits; ++bits) {
            const IpPrefix prefix{address, static_cast<std::uint8_t>(bits)};
            EXPECT_TRUE(prefix.contains(address));
            for (unsigned flipped = 0; flipped < family_bits; ++flipped) {
                IpAddress other = address;
                const unsigned at = first + flipped;
                other.bytes[at / 8] =
                    static_cast<std::uint8_t>(other.bytes[at / 8] ^ (0x80 >> at % 8));
                EXPECT_EQ(prefix.contains(other), flipped >= bits) << bits << ' ' << flipped;
            }
        }
    }
}

TEST(IpPrefix, FamiliesDoNotMix) {
    EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("2001:db8::1")));
    EXPECT_FALSE(IpPrefix::parse("::/0")->contains(*IpAddress::parse("10.0.0.1")));
}

}  // namespace
}  // namespace skerry::net
