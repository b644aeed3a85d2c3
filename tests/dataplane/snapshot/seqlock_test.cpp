// Seqlock and region numbers on one thread; among threads: tests/model.
#include "dataplane/snapshot/seqlock.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "dataplane/snapshot/region_numbers.hpp"

namespace skerry {
namespace {

TEST(Seqlock, NeverWrittenReadsAsZeros) {
    const Seqlock<RegionNumbers> lock;
    RegionNumbers numbers{.rtt_us = 1, .cookie = 1};
    ASSERT_TRUE(lock.read(numbers));
    EXPECT_EQ(numbers.rtt_us, 0u);
    EXPECT_EQ(numbers.weight_permille, 0u);
    EXPECT_EQ(numbers.cookie, 0u);
    EXPECT_EQ(numbers.fresh_until_tsc, 0u);
}

TEST(Seqlock, ReadsTheLastWritten) {
    Seqlock<RegionNumbers> lock;
    for (std::uint32_t i = 1; i < 1000; ++i) {
        RegionNumbers in{.rtt_us = i, .rtt_variation_us = i + 1, .slots = i + 2};
        in.weight_permille = static_cast<std::uint16_t>(i);
        in.reserved = static_cast<std::uint16_t>(i + 3);
        in.cookie = ~std::uint64_t{i};
        in.fresh_until_tsc = std::uint64_t{i} << 40;
        lock.write(in);
        RegionNumbers out;
        ASSERT_TRUE(lock.read(out));
        EXPECT_EQ(std::memcmp(&in, &out, sizeof in), 0);
    }
}

TEST(Seqlock, OneCacheLineForTheNumbersOfARegion) {
    EXPECT_EQ(sizeof(Seqlock<RegionNumbers>), 64u);
    EXPECT_EQ(alignof(Seqlock<RegionNumbers>), 64u);
}

TEST(Warmth, StartsAtNothingExpected) {
    const auto table = std::make_unique<WarmthTable>();
    for (const auto& of_function : table->expected_cold_us)
        for (const auto& cell : of_function) ASSERT_EQ(cell.load(), 0u);
}

}  // namespace
}  // namespace skerry
