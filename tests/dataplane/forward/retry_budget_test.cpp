#include "dataplane/forward/retry_budget.hpp"

#include <gtest/gtest.h>

namespace skerry {
namespace {

int spend(RetryBudget& budget, std::uint32_t now_ms) {
    int count = 0;
    while (budget.withdraw(now_ms)) ++count;
    return count;
}

TEST(RetryBudget, BeginsWithTenSecondsOfTheMinimum) {
    RetryBudget budget({.percent = 20, .min_per_s = 10}, 1, 0);
    EXPECT_EQ(spend(budget, 0), 100);
    RetryBudget quarter({.percent = 20, .min_per_s = 10}, 4, 0);
    EXPECT_EQ(spend(quarter, 0), 25) << "a core's part";
}

TEST(RetryBudget, AShareOfTheRequestsInTheLongRun) {
    RetryBudget budget({.percent = 20, .min_per_s = 0}, 1, 0);
    std::uint32_t now_ms = 0;
    int requests = 0, spent = 0;
    for (int i = 0; i < 100'000; ++i, ++now_ms) {
        budget.deposit(now_ms);
        ++requests;
        spent += budget.withdraw(now_ms);
    }
    EXPECT_NEAR(spent, requests / 5, requests / 500);
}

TEST(RetryBudget, WhatIsSavedFades) {
    RetryBudget budget({.percent = 20, .min_per_s = 0}, 1, 0xffff'ff00u);  // wraps at once
    std::uint32_t now_ms = 0xffff'ff00u;
    for (int i = 0; i < 100'000; ++i) budget.deposit(now_ms++);
    EXPECT_NEAR(budget.balance(), 2000, 40) << "ten seconds' worth of 1000 a second";
    EXPECT_NEAR(spend(budget, now_ms + 60'000), 5, 3) << "a minute without requests";
}

TEST(RetryBudget, TheMinimumComesBackByItself) {
    RetryBudget budget({.percent = 0, .min_per_s = 5}, 1, 0);
    EXPECT_EQ(spend(budget, 0), 50);
    int spent = 0;
    for (std::uint32_t ms = 0; ms < 100'000; ms += 10) spent += budget.withdraw(ms);
    EXPECT_NEAR(spent, 500, 10);
}

TEST(RetryBudget, NoneIsNone) {
    RetryBudget budget({.percent = 0, .min_per_s = 0}, 1, 0);
    for (int i = 0; i < 100; ++i) budget.deposit(0);
    EXPECT_EQ(spend(budget, 10'000), 0);
}

}  // namespace
}  // namespace skerry
