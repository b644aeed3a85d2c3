#include "tools/linkem/link.hpp"

#include <gtest/gtest.h>

namespace skerry::linkem {
namespace {

TEST(Link, DelaysAndKeepsOrderUnderJitter) {
    Link link({.delay_ns = 1000, .jitter_ns = 900}, 7);
    std::uint64_t last = 0;
    for (std::uint64_t now = 0; now < 100'000; now += 10) {
        const Link::Fate fate = link.pass(now, 100, 0);
        ASSERT_EQ(fate.copies, 1);
        EXPECT_GE(fate.due_ns[0], last);
        EXPECT_GE(fate.due_ns[0], now + 100);
        last = fate.due_ns[0];
    }
}

TEST(Link, LosesItsShare) {
    Link link({.loss = 0.25}, 1);
    for (int i = 0; i < 10'000; ++i) (void)link.pass(0, 100, 0);
    EXPECT_NEAR(static_cast<double>(link.statistics().lost), 2500, 200);
}

TEST(Link, DuplicatesItsShare) {
    Link link({.duplicate = 0.1}, 1);
    int copies = 0;
    for (int i = 0; i < 10'000; ++i) copies += link.pass(0, 100, 0).copies;
    EXPECT_NEAR(copies, 11'000, 200);
}

TEST(Link, AReorderedPacketOvertakes) {
    Link link({.delay_ns = 1000, .reorder = 1.0}, 1);
    EXPECT_EQ(link.pass(5, 100, 0).due_ns[0], 5u);
}

TEST(Link, ARateSpacesPackets) {
    Link link({.rate_bits_per_s = 8'000'000}, 1);  // a byte a microsecond
    EXPECT_EQ(link.pass(0, 100, 0).due_ns[0], 100'000u);
    EXPECT_EQ(link.pass(0, 100, 1).due_ns[0], 200'000u);
    EXPECT_EQ(link.pass(1'000'000, 100, 0).due_ns[0], 1'100'000u);
}

TEST(Link, AFullQueueDropsAndCounts) {
    Link link({.queue_packets = 2}, 1);
    EXPECT_EQ(link.pass(0, 100, 2).copies, 0);
    EXPECT_EQ(link.statistics().overflowed, 1u);
}

TEST(Link, ASeedRepeats) {
    Link one({.delay_ns = 1000, .jitter_ns = 500, .loss = 0.1}, 42);
    Link two({.delay_ns = 1000, .jitter_ns = 500, .loss = 0.1}, 42);
    for (std::uint64_t now = 0; now < 1000; ++now) {
        const Link::Fate a = one.pass(now, 100, 0);
        const Link::Fate b = two.pass(now, 100, 0);
        ASSERT_EQ(a.copies, b.copies);
        ASSERT_EQ(a.due_ns[0], b.due_ns[0]);
    }
}

TEST(Link, FlipsABitBehindTheEthernetHeader) {
    Link link({.corrupt = 0.5}, 3);
    int flipped = 0;
    for (int i = 0; i < 1000; ++i) {
        const Link::Fate fate = link.pass(0, 60, 0);
        if (fate.flipped_bit == 0) continue;
        ++flipped;
        EXPECT_GE(fate.flipped_bit, 14u * 8);
        EXPECT_LT(fate.flipped_bit, 60u * 8);
    }
    EXPECT_EQ(static_cast<std::uint64_t>(flipped), link.statistics().corrupted);
    EXPECT_NEAR(flipped, 500, 100);
    EXPECT_EQ(Link({.corrupt = 1}, 3).pass(0, 14, 0).flipped_bit, 0u) << "nothing is behind it";
}

}  // namespace
}  // namespace skerry::linkem
