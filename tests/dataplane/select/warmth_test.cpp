#include "dataplane/select/warmth.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dataplane/select/lanes.hpp"

namespace skerry::select {
namespace {

struct Row : testing::Test {
    WarmthView view;
    Column<std::int32_t> cost{};
    Row() {
        view.count = 3;
        view.cold_cost_us = 250'000;
        view.keep_s.fill(600);
        view.idle_s.fill(kNeverUsed_s);
    }
    void make(Warmth model) { expected_cold_us(model, view, cost.data()); }
};

TEST_F(Row, WhatIsWarmNowCostsLittle) {
    view.idle_s[1] = 10;
    view.idle_s[2] = 601;
    for (const Warmth model : {Warmth::now, Warmth::stream}) {
        make(model);
        EXPECT_GE(cost[0], 250'000);
        EXPECT_LT(cost[1], 10'000);
        EXPECT_GE(cost[2], 250'000);
    }
}

TEST_F(Row, AStreamKeepsItsRegionWarmWhereverItIs) {
    view.own_rate = 1;
    make(Warmth::stream);
    EXPECT_LT(cost[0], 10);
    make(Warmth::now);
    EXPECT_GE(cost[0], 250'000);
    view.own_rate = 0.0005f;
    view.rate[1] = 0.01f;
    make(Warmth::stream);
    EXPECT_GT(cost[0], 150'000);
    EXPECT_LT(cost[1], 1'000);
}

TEST_F(Row, ACatchmentCountsTheRequestsItCouldHave) {
    view.rate[2] = 0.01f;  // all of them go there now
    view.catchment[1] = 0.5f;
    make(Warmth::stream);
    EXPECT_NEAR(cost[1], 250'000 * std::exp(-0.005 * 600), 500);
    EXPECT_NEAR(cost[0], 250'000, 1);
    EXPECT_LT(cost[2], 1'000);
}

TEST_F(Row, BusyIsBetweenWarmAndCold) {
    view.idle_s.fill(1);
    view.busy = 1u << 1;
    make(Warmth::stream);
    EXPECT_GT(cost[1], 5 * cost[0]);
    EXPECT_LT(cost[1], 125'000);
}

TEST_F(Row, CrowdedRegionsAreDearer) {
    view.crowding[1] = 0.5f;
    make(Warmth::stream);
    EXPECT_GT(cost[1], cost[0] + 50'000);
    view.crowding[1] = 0;
    view.keep_s[1] = 1;
    view.own_rate = 0.01f;
    make(Warmth::stream);
    EXPECT_GT(cost[1], 10 * cost[0]);
}

TEST_F(Row, HostileNumbersStayInBounds) {
    for (const float odd : {0.0f, 1.0e30f, std::nanf(""), INFINITY}) {
        view.rate.fill(odd);
        view.keep_s.fill(odd);
        view.idle_s.fill(odd);
        view.cold_cost_us = 1.0e20f;
        make(Warmth::stream);
        for (std::uint32_t r = 0; r < 3; ++r) {
            EXPECT_GE(cost[r], 0);
            EXPECT_LE(cost[r], 300'000'000);
        }
    }
}

TEST(Lanes, ExpIsCloseAndMonotone) {
    float last = 2;
    for (float x = 0; x < 90; x += 0.0007f) {
        const float found = exp_minus(x);
        ASSERT_NEAR(found, std::exp(-x), 2e-4f * std::exp(-x) + 1e-30f) << x;
        ASSERT_LE(found, last * 1.00001f) << x;
        last = found;
    }
}

TEST(Lanes, Log2IsCloseAndMonotone) {
    float last = -100;
    for (float x = 1e-7f; x < 1; x *= 1.001f) {
        const float found = log2_rough(x);
        ASSERT_NEAR(found, std::log2(x), 0.01f);
        ASSERT_GE(found, last);
        last = found;
    }
}

}  // namespace
}  // namespace skerry::select
