// expected_cold_us(): bounds, directions and the tie-break, for every kind of input.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dataplane/decide/decide.hpp"

namespace skerry {
namespace {

constexpr WarmthView kIdle{.keep_alive_s = 600, .cold_cost_us = 100'000};

TEST(ExpectedCold, NobodyCallsAndNobodyIsThere) {
    EXPECT_EQ(expected_cold_us(kIdle), 100'000u);
}

TEST(ExpectedCold, AFunctionThatStartsAtOnceCostsNothing) {
    WarmthView view = kIdle;
    view.cold_cost_us = 0;
    view.tie = 1023;
    EXPECT_EQ(expected_cold_us(view), 0u);
}

TEST(ExpectedCold, WarmIsCheaperThanBusyIsCheaperThanCold) {
    WarmthView warm = kIdle;
    warm.warm = true;
    WarmthView busy = warm;
    busy.busy = true;
    EXPECT_LT(expected_cold_us(warm), expected_cold_us(busy));
    EXPECT_LT(expected_cold_us(busy), expected_cold_us(kIdle));
    EXPECT_GT(expected_cold_us(warm), 0u);
}

TEST(ExpectedCold, MoreCallsNeverMakeItColder) {
    for (const bool own : {false, true}) {
        std::uint32_t before = ~0u;
        for (double rate = 0; rate < 0.1; rate += 0.0005) {
            WarmthView view = kIdle;
            (own ? view.own_rate : view.region_rate) = rate;
            const std::uint32_t cost = expected_cold_us(view);
            EXPECT_LE(cost, before);
            before = cost;
        }
        EXPECT_EQ(before, 0u);
    }
}

TEST(ExpectedCold, IsThePoissonChanceOfAGap) {
    WarmthView view = kIdle;
    view.region_rate = 0.001;
    view.own_rate = 0.0005;
    EXPECT_NEAR(expected_cold_us(view), 100'000 * std::exp(-0.9), 1.0);
}

TEST(ExpectedCold, LongerKeptAliveIsWarmer) {
    WarmthView view = kIdle;
    view.region_rate = 0.001;
    view.keep_alive_s = 60;
    const std::uint32_t soon_gone = expected_cold_us(view);
    view.keep_alive_s = 6000;
    EXPECT_LT(expected_cold_us(view), soon_gone);
}

TEST(ExpectedCold, TheTieAddsAtMostATenth) {
    for (std::uint64_t tie = 0; tie < 4096; tie += 17) {
        WarmthView view = kIdle;
        view.tie = tie;
        EXPECT_GE(expected_cold_us(view), 100'000u);
        EXPECT_LT(expected_cold_us(view), 110'000u);
    }
}

TEST(ExpectedCold, TheTieDecidesBetweenEquals) {
    WarmthView one = kIdle, two = kIdle;
    one.tie = 100;
    two.tie = 900;
    EXPECT_LT(expected_cold_us(one), expected_cold_us(two));
}

TEST(ExpectedCold, TheLargestCostFits) {
    WarmthView view = kIdle;
    view.cold_cost_us = ~0u;
    view.tie = 1023;
    EXPECT_EQ(expected_cold_us(view), 4'000'000'000u);
}

TEST(ExpectedCold, NonsenseIsBounded) {
    WarmthView view = kIdle;
    view.region_rate = -5;
    view.own_rate = -1;
    view.keep_alive_s = -600;
    EXPECT_EQ(expected_cold_us(view), 100'000u);
    view = kIdle;
    view.region_rate = 1e300;
    EXPECT_EQ(expected_cold_us(view), 0u);
    view = kIdle;
    view.region_rate = std::numeric_limits<double>::quiet_NaN();
    EXPECT_LE(expected_cold_us(view), 110'000u);
}

}  // namespace
}  // namespace skerry
