// Cookies: the hash against its authors' vectors, then what a cookie must and must not prove.
#include "dataplane/wire/cookie.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace skerry::wire {
namespace {

using net::IpAddress;

constexpr CookieKey kPaperKey{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
constexpr CookieKey kKey{0x5eed5eed5eed5eedull, 0x0123456789abcdefull};

// SipHash-2-4 over bytes, written from the paper and sharing no code with cookie.hpp: it links the
// vector that the paper prints (15 bytes) with the only length that cookie.hpp computes (24).
std::uint64_t plain_siphash(const CookieKey& key, std::span<const std::uint8_t> in) {
    std::uint64_t v[4] = {key.k0 ^ 0x736f6d6570736575ull, key.k1 ^ 0x646f72616e646f6dull,
                          key.k0 ^ 0x6c7967656e657261ull, key.k1 ^ 0x7465646279746573ull};
    const auto left = [](std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); };
    const auto rounds = [&](int n) {
        while (n-- > 0) {
            v[0] += v[1];
            v[2] += v[3];
            v[1] = left(v[1], 13) ^ v[0];
            v[3] = left(v[3], 16) ^ v[2];
            v[0] = left(v[0], 32);
            v[2] += v[1];
            v[0] += v[3];
            v[1] = left(v[1], 17) ^ v[2];
            v[3] = left(v[3], 21) ^ v[0];
            v[2] = left(v[2], 32);
        }
    };
    for (std::size_t i = 0; i <= in.size() / 8; ++i) {
        std::uint64_t m = 0;
        for (std::size_t b = 0; b < 8; ++b)
            if (i * 8 + b < in.size()) m |= std::uint64_t{in[i * 8 + b]} << (8 * b);
        if (i == in.size() / 8) m |= std::uint64_t{in.size() & 0xff} << 56;
        v[3] ^= m;
        rounds(2);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    rounds(4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

std::vector<std::uint8_t> counting(std::size_t bytes) {
    std::vector<std::uint8_t> in(bytes);
    for (std::size_t i = 0; i < bytes; ++i) in[i] = static_cast<std::uint8_t>(i);
    return in;
}

TEST(SipHash, VectorOfThePaper) {
    // Appendix A: 15 bytes 00 … 0e under the key 00 … 0f.
    EXPECT_EQ(plain_siphash(kPaperKey, counting(15)), 0xa129ca6149be45e5ull);
    EXPECT_EQ(net::siphash_and_tail(kPaperKey, 0x0e0d0c0b0a0908ull, 0x0706050403020100ull),
              0xa129ca6149be45e5ull);
}

TEST(SipHash, VectorOfTheReferenceCode) {
    // vectors_sip64[24] of the authors' reference code: 24 bytes 00 … 17, the same key.
    EXPECT_EQ(plain_siphash(kPaperKey, counting(24)), 0xb8ad50c6f649af94ull);
    EXPECT_EQ(
        siphash(kPaperKey, 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull, 0x1716151413121110ull),
        0xb8ad50c6f649af94ull);
}

TEST(SipHash, AgreesWithThePlainFormForManyInputs) {
    std::uint64_t x = 1;
    const auto next = [&x] { return x = x * 6364136223846793005ull + 1442695040888963407ull; };
    for (int i = 0; i < 200; ++i) {
        const CookieKey key{next(), next()};
        const std::uint64_t words[3] = {next(), next(), next()};
        std::vector<std::uint8_t> in;
        for (const std::uint64_t word : words)
            for (int b = 0; b < 8; ++b) in.push_back(static_cast<std::uint8_t>(word >> (8 * b)));
        ASSERT_EQ(siphash(key, words[0], words[1], words[2]), plain_siphash(key, in));
    }
}

IpAddress address(const std::string& text) {
    return *IpAddress::parse(text);
}

class CookieOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, CookieOf,
                         testing::Values("192.0.2.7", "2001:db8::7", "fe80::1"));

TEST_P(CookieOf, IsGoodInItsEpochAndTheNextOnly) {
    const IpAddress source = address(GetParam());
    const std::uint64_t cookie = make_cookie(kKey, source, 100);
    EXPECT_NE(cookie, 0u);
    EXPECT_FALSE(cookie_is_good(kKey, source, 98, cookie));
    EXPECT_FALSE(cookie_is_good(kKey, source, 99, cookie));
    EXPECT_TRUE(cookie_is_good(kKey, source, 100, cookie));
    EXPECT_TRUE(cookie_is_good(kKey, source, 101, cookie));
    EXPECT_FALSE(cookie_is_good(kKey, source, 102, cookie));
}

TEST_P(CookieOf, EveryBitOfItCounts) {
    const IpAddress source = address(GetParam());
    const std::uint64_t cookie = make_cookie(kKey, source, 7);
    for (int bit = 0; bit < 64; ++bit)
        EXPECT_FALSE(cookie_is_good(kKey, source, 7, cookie ^ (std::uint64_t{1} << bit))) << bit;
}

TEST_P(CookieOf, EveryBitOfTheAddressCounts) {
    const IpAddress source = address(GetParam());
    const std::uint64_t cookie = make_cookie(kKey, source, 7);
    for (std::size_t bit = 0; bit < 128; ++bit) {
        IpAddress other = source;
        other.bytes[bit / 8] = static_cast<std::uint8_t>(other.bytes[bit / 8] ^ (1 << bit % 8));
        EXPECT_FALSE(cookie_is_good(kKey, other, 7, cookie)) << bit;
    }
}

TEST_P(CookieOf, AnotherServersKeyMakesAnother) {
    const IpAddress source = address(GetParam());
    const std::uint64_t cookie = make_cookie(kKey, source, 7);
    EXPECT_FALSE(cookie_is_good({kKey.k0 ^ 1, kKey.k1}, source, 7, cookie));
    EXPECT_FALSE(cookie_is_good({kKey.k0, kKey.k1 ^ 1}, source, 7, cookie));
}

TEST(Cookie, NoneIsNeverGood) {
    for (std::uint64_t epoch : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
        EXPECT_FALSE(cookie_is_good(kKey, address("192.0.2.1"), epoch, 0));
}

TEST(Cookie, TheFirstEpochHasAPredecessorToo) {
    const IpAddress source = address("192.0.2.1");
    EXPECT_TRUE(cookie_is_good(kKey, source, 0, make_cookie(kKey, source, 0)));
    EXPECT_TRUE(cookie_is_good(kKey, source, 0, make_cookie(kKey, source, ~std::uint64_t{0})));
}

TEST(Cookie, NeighbouringAddressesShareNone) {
    std::set<std::uint64_t> seen;
    for (std::uint32_t host = 0; host < 4096; ++host)
        seen.insert(make_cookie(kKey, IpAddress::v4(__builtin_bswap32(0x0a000000u + host)), 7));
    EXPECT_EQ(seen.size(), 4096u);
}

}  // namespace
}  // namespace skerry::wire
