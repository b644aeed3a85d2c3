#include "dataplane/limits/token_bucket.hpp"

#include <gtest/gtest.h>
#include <rte_meter.h>

#include <cstdint>
#include <random>

namespace skerry::limits {
namespace {

constexpr std::uint64_t kHz = 2'450'000'000;

TEST(TokenBucket, AFullOneHasItsBurstAndThenItsRate) {
    const Rate rate = Rate::of(10, 3, kHz);
    TokenBucket bucket;
    std::uint64_t now = 5 * kHz;
    EXPECT_TRUE(bucket.full(now));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(rate, now));
    EXPECT_FALSE(bucket.take(rate, now));
    EXPECT_FALSE(bucket.full(now));
    EXPECT_EQ(bucket.wait(rate, now), kHz / 10);
    now += kHz / 10 - 1;
    EXPECT_FALSE(bucket.take(rate, now));
    EXPECT_TRUE(bucket.would_take(rate, now + 1));
    EXPECT_TRUE(bucket.take(rate, now + 1));
    EXPECT_FALSE(bucket.take(rate, now + 1));
    EXPECT_TRUE(bucket.full(now + kHz));
}

TEST(TokenBucket, WhatIsRefusedCostsNothing) {
    const Rate rate = Rate::of(100, 1, kHz);
    TokenBucket bucket;
    std::uint64_t taken = 0;
    for (std::uint64_t now = 0; now < kHz; now += kHz / 100'000) taken += bucket.take(rate, now);
    EXPECT_GE(taken, 99u);
    EXPECT_LE(taken, 101u);
}

TEST(TokenBucket, SeveralAtOnceOrNone) {
    const Rate rate = Rate::of(1, 5, kHz);
    TokenBucket bucket;
    EXPECT_FALSE(bucket.take(rate, kHz, 6));
    EXPECT_TRUE(bucket.take(rate, kHz, 5));
    EXPECT_FALSE(bucket.take(rate, kHz, 1));
}

TEST(TokenBucket, NoLimitTakesAll) {
    const Rate rate = Rate::of(0, 0, kHz);
    EXPECT_FALSE(rate.limited());
    TokenBucket bucket;
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bucket.take(rate, 7));
}

TEST(TokenBucket, TheLargestAndTheSmallestDoNotOverflow) {
    for (const std::uint32_t per_second : {1u, 7u, kRateMax, ~0u}) {
        const Rate rate = Rate::of(per_second, ~0u, kHz);
        TokenBucket bucket;
        const std::uint64_t ten_years = 10ull * 365 * 86400 * kHz;
        EXPECT_TRUE(bucket.take(rate, ten_years, kBurstMax));
        EXPECT_FALSE(bucket.take(rate, ten_years, 1));
        EXPECT_TRUE(bucket.take(rate, ten_years + kHz, 1));
    }
}

// DPDK's three-colour marker says the same. It fills its bucket at the ends of whole periods, even
// of the one in which the bucket was full already, so it gives a fraction of a token more.
TEST(TokenBucket, AsRteMeter) {
    std::mt19937_64 random(7);
    for (const std::uint32_t per_second : {3u, 1000u, 250'000u}) {
        for (const std::uint32_t burst : {20u, 5000u}) {
            // As rte_meter_srtcm_profile_config() makes it, which asks EAL for the clock's
            // frequency.
            rte_meter_srtcm_profile profile{};
            profile.cbs = burst;
            profile.cir_period = kHz / per_second;
            profile.cir_bytes_per_period = 1;
            rte_meter_srtcm meter{};
            std::uint64_t now = kHz;
            meter.time = now;
            meter.tc = burst;
            const Rate rate = Rate::of(per_second, burst, kHz);
            TokenBucket bucket;
            std::int64_t ours = 0, theirs = 0;
            for (int i = 0; i < 20000; ++i) {
                now += random() % (2 * kHz / per_second / 3 + 1);
                ours += bucket.take(rate, now);
                theirs +=
                    rte_meter_srtcm_color_blind_check(&meter, &profile, now, 1) == RTE_COLOR_GREEN;
                ASSERT_LE(std::abs(ours - theirs), 2 + theirs / 100) << per_second << ' ' << burst;
            }
            EXPECT_GT(theirs, 5000);
        }
    }
}

}  // namespace
}  // namespace skerry::limits
