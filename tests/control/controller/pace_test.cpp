#include "control/controller/pace.hpp"

#include <gtest/gtest.h>

namespace skerry::control {
namespace {

TEST(Pace, TheSameThingGoesEverMoreRarely) {
    Pace pace;
    Pace::Time now{std::chrono::hours(1)};
    EXPECT_TRUE(pace.due("f", "v1", now));
    std::chrono::milliseconds last{0};
    for (int i = 0; i < 12; ++i) {
        const Pace::Time next = pace.sent("f", "v1", now);
        const auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(next - now);
        EXPECT_EQ(delay, std::min(i == 0 ? Pace::kFirst : 2 * last, Pace::kLongest));
        EXPECT_FALSE(pace.due("f", "v1", next - std::chrono::milliseconds(1)));
        EXPECT_TRUE(pace.due("f", "v1", next));
        EXPECT_EQ(pace.next("f"), next);
        last = delay;
        now = next;
    }
    EXPECT_EQ(last, Pace::kLongest);
}

TEST(Pace, SomethingNewGoesAtOnce) {
    Pace pace;
    const Pace::Time now{std::chrono::hours(1)};
    for (int i = 0; i < 8; ++i) pace.sent("f", "v1", now);
    EXPECT_FALSE(pace.due("f", "v1", now));
    EXPECT_TRUE(pace.due("f", "v2", now));
    EXPECT_TRUE(pace.due("g", "v1", now));
    EXPECT_EQ(pace.sent("f", "v2", now), now + Pace::kFirst);
}

TEST(Pace, WhatIsLongAgoIsForgotten) {
    Pace pace;
    Pace::Time now{std::chrono::hours(1)};
    for (int i = 0; i < 8; ++i) pace.sent("f", "v1", now);
    now += Pace::kLongest + Pace::kForgotten + std::chrono::seconds(1);
    EXPECT_EQ(pace.sent("f", "v1", now), now + Pace::kFirst);
}

}  // namespace
}  // namespace skerry::control
