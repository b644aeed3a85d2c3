#include "control/worth/idle_times.hpp"

#include <gtest/gtest.h>

namespace skerry::worth {
namespace {

constexpr std::uint64_t kSecond_us = 1'000'000;
constexpr std::uint64_t kUsual_us = 30 * kSecond_us, kMost_us = 600 * kSecond_us;

IdleTimes asked_every(std::uint64_t gap_us, int times, std::uint64_t jitter_us = 0) {
    IdleTimes idle;
    std::uint64_t now_us = kSecond_us;
    for (int i = 0; i < times; ++i) {
        idle.asked(now_us);
        now_us += gap_us + (i % 7) * jitter_us / 7;
    }
    return idle;
}

TEST(IdleTimes, FewGapsSayNothing) {
    const KeepAlive keep = asked_every(60 * kSecond_us, 10).keep_alive(kUsual_us, kMost_us);
    EXPECT_FALSE(keep.learned);
    EXPECT_EQ(keep.keep_us, kUsual_us);
    EXPECT_EQ(keep.from_us, 0u);
}

TEST(IdleTimes, AWorkerOutlivesTheUsualGap) {
    const KeepAlive keep =
        asked_every(40 * kSecond_us, 100, 15 * kSecond_us).keep_alive(kUsual_us, kMost_us);
    EXPECT_TRUE(keep.learned);
    EXPECT_GT(keep.keep_us, 55 * kSecond_us);
    EXPECT_LT(keep.keep_us, 80 * kSecond_us);
    EXPECT_EQ(keep.from_us, 0u);
}

TEST(IdleTimes, AndEndsSoonerThanUsualWhenNothingMoreWillCome) {
    EXPECT_LT(asked_every(3 * kSecond_us, 100).keep_alive(kUsual_us, kMost_us).keep_us,
              5 * kSecond_us);
}

TEST(IdleTimes, AfterALongPauseItIsThereAheadOfTheNext) {
    const IdleTimes idle = asked_every(900 * kSecond_us, 20);
    const KeepAlive keep = idle.keep_alive(kUsual_us, kMost_us);
    EXPECT_TRUE(keep.learned);
    EXPECT_EQ(keep.keep_us, kUsual_us);
    EXPECT_LT(keep.from_us, 900 * kSecond_us);
    EXPECT_GT(keep.from_us, 600 * kSecond_us);
    EXPECT_GT(keep.until_us, 900 * kSecond_us);
    EXPECT_FALSE(is_due(keep, idle.last_us(), idle.last_us() + 500 * kSecond_us));
    EXPECT_TRUE(is_due(keep, idle.last_us(), idle.last_us() + 890 * kSecond_us));
    EXPECT_FALSE(is_due(keep, idle.last_us(), idle.last_us() + 1400 * kSecond_us));
}

TEST(IdleTimes, GapsOfAllSizesSayNothing) {
    IdleTimes idle;
    std::uint64_t now_us = kSecond_us, gap_us = kSecond_us;
    for (int i = 0; i < 200; ++i) {
        idle.asked(now_us);
        now_us += gap_us;
        gap_us = gap_us > 8000 * kSecond_us ? kSecond_us : gap_us + gap_us / 5 + 1;
    }
    EXPECT_FALSE(idle.keep_alive(kUsual_us, kMost_us).learned);
}

TEST(IdleTimes, ABurstIsNoGap) {
    IdleTimes idle;
    for (std::uint64_t i = 0; i < 1000; ++i) idle.asked(kSecond_us + i * 100'000);
    EXPECT_FALSE(idle.keep_alive(kUsual_us, kMost_us).learned);
}

TEST(IdleTimes, OldHabitsAreForgotten) {
    IdleTimes idle = asked_every(3 * kSecond_us, 2000);
    std::uint64_t now_us = idle.last_us();
    for (int i = 0; i < 2000; ++i) idle.asked(now_us += 50 * kSecond_us);
    EXPECT_GT(idle.keep_alive(kUsual_us, kMost_us).keep_us, 50 * kSecond_us);
}

TEST(IdleTimes, OffWhenNoIdleWorkerMayLiveLonger) {
    EXPECT_FALSE(asked_every(40 * kSecond_us, 100).keep_alive(kUsual_us, kUsual_us).learned);
}

}  // namespace
}  // namespace skerry::worth
