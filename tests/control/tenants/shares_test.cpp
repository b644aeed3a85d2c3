// What is fair: properties that hold for any claimants.
#include "control/tenants/shares.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace skerry::tenants {
namespace {

double sum(const std::vector<double>& all) {
    return std::accumulate(all.begin(), all.end(), 0.0);
}

TEST(Shares, AreByWeightWhenEverybodyWantsAll) {
    const Claimant all[] = {{1, 100}, {3, 100}};
    EXPECT_EQ(fair_shares(all, 8), (std::vector<double>{2, 6}));
}

TEST(Shares, WhatOneDoesNotWantIsTheOthers) {
    const Claimant all[] = {{1, 100}, {3, 1}, {2, 0}};
    EXPECT_EQ(fair_shares(all, 8), (std::vector<double>{7, 1, 0}));
    const Claimant alone[] = {{1, 100}, {1000, 0}};
    EXPECT_EQ(fair_shares(alone, 8), (std::vector<double>{8, 0}));
    EXPECT_TRUE(fair_shares({}, 8).empty());
}

TEST(Shares, AnAttackerTakesNothingThatIsAnothersShare) {
    const Claimant calm[] = {{1, 4}, {1, 4}};
    const Claimant attacked[] = {{1, 4}, {1, 40000}};
    EXPECT_EQ(fair_shares(calm, 8)[0], 4);
    EXPECT_EQ(fair_shares(attacked, 8)[0], 4);
}

// Of any claimants: all is given out that is wanted, nobody gets more than he wants, and who gets
// less than he wants has no less by his weight than anybody else.
TEST(Shares, AreMaxMinFair) {
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
        std::vector<Claimant> all(1 + random() % 8);
        for (Claimant& each : all)
            each = {1.0 + random() % 100, random() % 4 == 0 ? 0.0 : random() % 50 * 1.0};
        const double total = random() % 100;
        const auto shares = fair_shares(all, total);
        double wanted = 0;
        for (const Claimant& each : all) wanted += each.demand;
        ASSERT_NEAR(sum(shares), std::min(total, wanted), 1e-6);
        for (std::size_t i = 0; i < all.size(); ++i) {
            ASSERT_GE(shares[i], 0);
            ASSERT_LE(shares[i], all[i].demand);
            if (shares[i] >= all[i].demand) continue;
            for (std::size_t j = 0; j < all.size(); ++j)
                ASSERT_LE(shares[j] / all[j].weight, shares[i] / all[i].weight + 1e-6);
        }
    }
}

TEST(WholeShares, SumUpEachTimeAndAreRightOverTime) {
    std::mt19937 random(2);
    for (int round = 0; round < 50; ++round) {
        const auto total = static_cast<std::uint32_t>(1 + random() % 20);
        std::vector<Claimant> all(1 + random() % 6);
        for (Claimant& each : all) each = {1.0 + random() % 20, 1000};
        const auto shares = fair_shares(all, total);
        WholeShares whole;
        std::vector<double> given(all.size());
        constexpr int kTimes = 1000;
        for (int i = 0; i < kTimes; ++i) {
            const auto now = whole.round(shares, total);
            ASSERT_EQ(std::accumulate(now.begin(), now.end(), 0u), total);
            for (std::size_t c = 0; c < now.size(); ++c) given[c] += now[c];
        }
        // Nobody starves, however small its weight.
        for (std::size_t c = 0; c < all.size(); ++c)
            ASSERT_NEAR(given[c] / kTimes, shares[c], 0.01) << c << " of " << all.size();
    }
}

}  // namespace
}  // namespace skerry::tenants
