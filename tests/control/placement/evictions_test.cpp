#include "control/placement/evictions.hpp"

#include <gtest/gtest.h>

namespace skerry::placement {
namespace {

constexpr std::uint64_t kKeep_us = 30'000'000;
constexpr std::uint64_t kSecond_us = 1'000'000;

TEST(Evictions, WhereThereIsRoomWorkersLiveAsLongAsTheyAreKept) {
    Evictions evictions(kKeep_us, 4);
    for (std::uint64_t s = 1; s < 100; ++s) {
        evictions.started(1, s * kSecond_us);
        evictions.fade(s * kSecond_us);
    }
    EXPECT_EQ(evictions.keep_us(), kKeep_us);
    EXPECT_EQ(evictions.crowding_permille(), 0u);
}

TEST(Evictions, UnderPressureTheyLiveShorterAndSomeAreMissed) {
    Evictions evictions(kKeep_us, 4);
    for (std::uint64_t s = 1; s < 200; ++s) {
        const auto entry = static_cast<std::uint32_t>(s % 2);
        evictions.evicted(entry, 3 * kSecond_us, true, s * kSecond_us);
        if (entry == 0) evictions.started(0, s * kSecond_us + kSecond_us / 2);
    }
    EXPECT_NEAR(static_cast<double>(evictions.keep_us()), 11e6, 4e6) << "forgets as it learns";
    EXPECT_NEAR(evictions.crowding_permille(), 500, 30);
    EXPECT_EQ(evictions.count(), 199u);
}

TEST(Evictions, OneThatIsNotTheLastOrWasLongAgoIsNotMissed) {
    Evictions evictions(kKeep_us, 4);
    for (std::uint64_t i = 0; i < 10; ++i) evictions.evicted(2, 0, false, kSecond_us);
    evictions.started(2, 2 * kSecond_us);
    EXPECT_EQ(evictions.crowding_permille(), 0u);
    evictions.evicted(3, 0, true, 2 * kSecond_us);
    evictions.started(3, 2 * kSecond_us + kKeep_us);
    EXPECT_EQ(evictions.crowding_permille(), 0u);
    evictions.evicted(3, 0, true, 40 * kSecond_us);
    evictions.reset(3);
    evictions.started(3, 41 * kSecond_us);
    EXPECT_EQ(evictions.crowding_permille(), 0u) << "another version's";
}

TEST(Evictions, AreForgottenWhenThereIsRoomAgain) {
    Evictions evictions(kKeep_us, 4);
    for (std::uint64_t i = 0; i < 100; ++i) {
        evictions.evicted(0, kSecond_us, true, kSecond_us);
        evictions.started(0, kSecond_us);
    }
    EXPECT_LT(evictions.keep_us(), 2 * kSecond_us);
    EXPECT_EQ(evictions.crowding_permille(), 1000u);
    for (std::uint64_t s = 2; s < 400; ++s) evictions.fade(s * kSecond_us);
    EXPECT_GT(evictions.keep_us(), 29 * kSecond_us);
    EXPECT_EQ(evictions.crowding_permille(), 0u);
}

}  // namespace
}  // namespace skerry::placement
