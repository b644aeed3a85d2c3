#include "dataplane/wire/digest.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace skerry::wire {
namespace {

std::string payload(std::size_t bytes, std::uint16_t said) {
    std::string data(bytes, '\0');
    DigestHead head{};
    head.entries.set(said);
    if (bytes >= kDigestEntriesAt) std::memcpy(data.data() + kDigestAt, &head, sizeof head);
    return data;
}

std::uint32_t entries(std::size_t bytes, std::uint16_t said) {
    const std::string data = payload(bytes, said);
    return digest_entries(data.data(), static_cast<std::uint32_t>(bytes));
}

TEST(Digest, LiesBehindTheProbeAsSpecified) {
    std::string data(probe_bytes(1), '\0');
    DigestHead head{};
    head.rate_milli.set(0x0102030405060708);
    head.flags.set(digest_flag::nearest);
    head.entries.set(1);
    DigestEntry entry{};
    entry.key.set(0x1112131415161718);
    entry.warmth.set(
        pack({.state = WarmState::busy, .idle_ms = 0x212223, .rate_milli = 0x31323334}));
    std::memcpy(data.data() + kDigestAt, &head, sizeof head);
    std::memcpy(data.data() + kDigestEntriesAt, &entry, sizeof entry);
    EXPECT_EQ(data,
              std::string(64, '\0') +
                  std::string("\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x01\0\0\0\0", 16) +
                  "\x11\x12\x13\x14\x15\x16\x17\x18\x02\x21\x22\x23\x31\x32\x33\x34");
}

TEST(Digest, HasAsManyEntriesAsThereIsRoomFor) {
    EXPECT_EQ(digest_room(32), -1);
    EXPECT_EQ(digest_room(64), -1);
    EXPECT_EQ(digest_room(79), -1);
    EXPECT_EQ(digest_room(80), 0);
    EXPECT_EQ(digest_room(95), 0);
    EXPECT_EQ(digest_room(96), 1);
    EXPECT_EQ(digest_room(kLongestProbeBytes), 63);
    EXPECT_EQ(digest_room(~0u), 63);
    EXPECT_EQ(kLongestProbeBytes, 1088u);
    EXPECT_TRUE(is_probe_size(kLongestProbeBytes));
    EXPECT_FALSE(is_probe_size(kLongestProbeBytes + 1));
    EXPECT_EQ(entries(64, 5), 0u);
    EXPECT_EQ(entries(96, 0), 0u);
    EXPECT_EQ(entries(96, 1), 1u);
    EXPECT_EQ(entries(111, 0xffff), 1u);
    EXPECT_EQ(entries(kLongestProbeBytes, 0xffff), 63u);
}

TEST(Digest, AnyEightBytesAreAWarmth) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 100'000; ++i) {
        const Warmth warmth = unpack_warmth(random() & ~(std::uint64_t{0xfc} << 56));
        EXPECT_LE(warmth.idle_ms, kIdleMsMax);
        EXPECT_EQ(unpack_warmth(pack(warmth)), warmth);
    }
    EXPECT_EQ(unpack_warmth(~std::uint64_t{0}), Warmth{}) << "a state that is not known";
    EXPECT_EQ(unpack_warmth(0), Warmth{});
    EXPECT_EQ(unpack_warmth(pack({.state = WarmState::idle, .idle_ms = ~0u})).idle_ms, kIdleMsMax);
}

}  // namespace
}  // namespace skerry::wire
