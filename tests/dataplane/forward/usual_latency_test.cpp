#include "dataplane/forward/usual_latency.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "dataplane/forward/hedge_budget.hpp"

namespace skerry {
namespace {

template <typename Draw>
double share_above(Draw&& draw, int warm_up, int count, bool hedged = false) {
    UsualLatency usual;
    for (int i = 0; i < warm_up; ++i) usual.answered(draw());
    int above = 0;
    for (int i = 0; i < count; ++i) {
        const std::uint32_t us = draw();
        above += us > usual.us();
        // Of what is overdue, no end is ever seen.
        if (hedged && us > usual.us()) {
            usual.overdue();
        } else {
            usual.answered(us);
        }
    }
    return static_cast<double>(above) / count;
}

TEST(UsualLatency, IsKnownAfterSoManyAnswers) {
    UsualLatency usual;
    for (std::uint32_t i = 0; i < UsualLatency::kLeast; ++i) {
        EXPECT_FALSE(usual.known());
        usual.answered(1000);
    }
    EXPECT_TRUE(usual.known());
    UsualLatency nothing;
    nothing.overdue();
    EXPECT_FALSE(nothing.known());
    EXPECT_EQ(nothing.us(), 0u);
}

// One in twenty takes longer, whatever the distribution, and whether or not their ends are seen.
TEST(UsualLatency, OneInTwentyTakesLonger) {
    std::mt19937 random(1);
    for (const double sigma : {0.05, 0.3, 1.0}) {
        std::lognormal_distribution<double> times(std::log(20'000), sigma);
        const auto draw = [&] { return static_cast<std::uint32_t>(times(random)); };
        EXPECT_NEAR(share_above(draw, 64, 20'000), 0.05, 0.006) << sigma;
        EXPECT_NEAR(share_above(draw, 64, 20'000, true), 0.05, 0.006) << sigma;
    }
    std::exponential_distribution<double> times(1.0 / 5000);
    const auto draw = [&] { return 2000 + static_cast<std::uint32_t>(times(random)); };
    EXPECT_NEAR(share_above(draw, 64, 20'000, true), 0.05, 0.006);
}

TEST(UsualLatency, FollowsARegionThatBecomesSlow) {
    UsualLatency usual;
    for (int i = 0; i < 10'000; ++i) usual.answered(1000);
    for (int i = 0; i < 60; ++i) usual.overdue();
    EXPECT_GT(usual.us(), 10'000u);
    for (int i = 0; i < 2000; ++i) usual.answered(1000);
    EXPECT_LT(usual.us(), 1200u);
}

TEST(UsualLatency, StaysANumber) {
    UsualLatency usual;
    for (int i = 0; i < 1'000'000; ++i) usual.answered(i % 2 == 0 ? 0 : ~0u);
    EXPECT_GT(usual.us(), 0u);
    for (int i = 0; i < 100'000; ++i) usual.overdue();
    EXPECT_GE(usual.us(), 3'900'000'000u);
    for (int i = 0; i < 100'000; ++i) usual.answered(0);
    EXPECT_LE(usual.us(), 2u);
}

TEST(UsualLatency, OfEachFunctionAndRegion) {
    UsualLatencies all;
    for (int i = 0; i < 64; ++i) all.of(3, 7, 1).answered(1000);
    EXPECT_TRUE(all.of(3, 7, 1).known());
    EXPECT_FALSE(all.of(3, 7, 2).known());
    EXPECT_FALSE(all.of(4, 7, 1).known());
    EXPECT_FALSE(all.of(3, 8, 1).known()) << "another function now";
    EXPECT_FALSE(all.of(3, 7, 1).known());
}

TEST(HedgeBudget, AShareOfTheRequestsAndAFewAtOnce) {
    HedgeBudget budget(5);
    EXPECT_TRUE(budget.any());
    EXPECT_FALSE(HedgeBudget(0).any());
    EXPECT_FALSE(budget.has_one());
    int spent = 0;
    for (int i = 1; i <= 10'000; ++i) {
        budget.deposit();
        if (budget.has_one()) {
            budget.withdraw();
            ++spent;
        }
        ASSERT_LE(spent * 20, i);
    }
    EXPECT_EQ(spent, 500);
    for (int i = 0; i < 10'000; ++i) budget.deposit();
    for (spent = 0; budget.has_one(); ++spent) budget.withdraw();
    EXPECT_EQ(spent, static_cast<int>(HedgeBudget::kMost));
}

}  // namespace
}  // namespace skerry
