// Numbers that strangers must not guess: initial sequence numbers, timestamps' offsets, SYN
// cookies.
#include <gtest/gtest.h>

#include <set>

#include "dataplane/net/tcp/isn.hpp"
#include "dataplane/net/tcp/syn_cookie.hpp"

namespace skerry::net::tcp {
namespace {

constexpr SipKey kKey{0x1122334455667788ull, 0x99aabbccddeeff00ull};
constexpr std::uint64_t kNow = 5 * kCookieEpochUs + 7;

Path path(std::uint16_t peer_port = 40000, const char* peer = "192.0.2.9") {
    Path made;
    made.local = *IpAddress::parse("10.0.0.1");
    made.peer = *IpAddress::parse(peer);
    made.local_udp = 80;
    made.peer_udp = peer_port;
    return made;
}

TEST(TcpIsn, GrowsByOneEveryFourMicroseconds) {
    const std::uint32_t first = initial_sequence(kKey, path(), kNow);
    EXPECT_EQ(initial_sequence(kKey, path(), kNow + 4), first + 1);
    EXPECT_EQ(initial_sequence(kKey, path(), kNow + 4'000'000), first + 1'000'000);
}

TEST(TcpIsn, DiffersByEveryPartOfTheTupleAndTheKey) {
    std::set<std::uint32_t> seen = {initial_sequence(kKey, path(), kNow)};
    Path other = path(40001);
    EXPECT_TRUE(seen.insert(initial_sequence(kKey, other, kNow)).second);
    other = path();
    other.local_udp = 81;
    EXPECT_TRUE(seen.insert(initial_sequence(kKey, other, kNow)).second);
    other = path(40000, "192.0.2.10");
    EXPECT_TRUE(seen.insert(initial_sequence(kKey, other, kNow)).second);
    other = path();
    other.local = *IpAddress::parse("10.0.0.2");
    EXPECT_TRUE(seen.insert(initial_sequence(kKey, other, kNow)).second);
    EXPECT_TRUE(seen.insert(initial_sequence({1, 2}, path(), kNow)).second);
}

TEST(TcpIsn, TimestampsOfOneHostShareAClock) {
    EXPECT_EQ(timestamp_offset(kKey, path(1)), timestamp_offset(kKey, path(2)));
    EXPECT_NE(timestamp_offset(kKey, path()), timestamp_offset(kKey, path(1, "2001:db8::1")));
    EXPECT_NE(timestamp_offset(kKey, path()), timestamp_offset({3, 4}, path()));
}

TEST(TcpIsn, KeysOfOneSecretDiffer) {
    const std::array<std::uint8_t, 16> secret{1, 2, 3};
    EXPECT_NE(derive_key(secret, 1).k0, derive_key(secret, 2).k0);
    EXPECT_NE(derive_key(secret, 1).k0, derive_key(secret, 1).k1);
    EXPECT_EQ(derive_key(secret, 1).k1, derive_key(secret, 1).k1);
}

TEST(TcpCookie, ComesBackWithItsMss) {
    for (std::uint8_t index = 0; index < 8; ++index) {
        const std::uint32_t cookie = make_cookie(kKey, path(), 777, index, kNow);
        EXPECT_EQ(check_cookie(kKey, path(), 777, cookie, kNow), index);
    }
}

TEST(TcpCookie, IsGoodForOneEpochAtLeastAndTwoAtMost) {
    for (const std::uint64_t made : {kNow, 6 * kCookieEpochUs - 1, 6 * kCookieEpochUs}) {
        const std::uint32_t cookie = make_cookie(kKey, path(), 777, 3, made);
        EXPECT_TRUE(check_cookie(kKey, path(), 777, cookie, made + kCookieEpochUs - 1));
        EXPECT_FALSE(check_cookie(kKey, path(), 777, cookie, made + 2 * kCookieEpochUs));
        EXPECT_FALSE(check_cookie(kKey, path(), 777, cookie, made + 3 * kCookieEpochUs));
        EXPECT_FALSE(check_cookie(kKey, path(), 777, cookie, made + 20 * kCookieEpochUs));
    }
}

TEST(TcpCookie, ProvesNothingForAnybodyElse) {
    const std::uint32_t cookie = make_cookie(kKey, path(), 777, 3, kNow);
    EXPECT_FALSE(check_cookie(kKey, path(40001), 777, cookie, kNow));
    EXPECT_FALSE(check_cookie(kKey, path(40000, "192.0.2.8"), 777, cookie, kNow));
    EXPECT_FALSE(check_cookie(kKey, path(), 778, cookie, kNow));
    EXPECT_FALSE(check_cookie({1, 1}, path(), 777, cookie, kNow));
    for (int bit = 0; bit < 32; ++bit)
        EXPECT_FALSE(check_cookie(kKey, path(), 777, cookie ^ (1u << bit), kNow)) << "bit " << bit;
}

TEST(TcpCookie, GuessesAreHardlyEverRight) {
    int right = 0;
    for (std::uint32_t guess = 0; guess < 200'000; ++guess)
        right += check_cookie(kKey, path(), 777, guess * 2654435761u, kNow).has_value();
    EXPECT_EQ(right, 0);
}

TEST(TcpCookie, MssIsRoundedDown) {
    EXPECT_EQ(kCookieMss[cookie_mss_index(0)], 88) << "less than the least becomes the least";
    EXPECT_EQ(kCookieMss[cookie_mss_index(535)], 88);
    EXPECT_EQ(kCookieMss[cookie_mss_index(536)], 536);
    EXPECT_EQ(kCookieMss[cookie_mss_index(1459)], 1440);
    EXPECT_EQ(kCookieMss[cookie_mss_index(1460)], 1460);
    EXPECT_EQ(kCookieMss[cookie_mss_index(65535)], 8940);
}

TEST(TcpCookie, TimestampCarriesTheOptions) {
    for (const std::uint32_t clock : {0u, 1u, 31u, 32u, 63u, 1000u, 0x80000000u, 0xffffffffu}) {
        for (std::uint8_t scale = 0; scale <= 15; ++scale) {
            for (const bool sack : {false, true}) {
                CookieOptions options{sack, scale != 15, scale};
                if (!options.has_scale) options.scale = 0;
                const std::uint32_t value = cookie_timestamp(clock, options);
                EXPECT_EQ(cookie_options(value), options);
                EXPECT_LT(clock - value, 32u) << "never ahead of the clock, hardly behind it";
            }
        }
    }
}

}  // namespace
}  // namespace skerry::net::tcp
