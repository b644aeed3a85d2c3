#include "control/regions/rates.hpp"

#include <gtest/gtest.h>

namespace skerry::regions {
namespace {

class RatesTest : public ::testing::Test {
  protected:
    RatesTest() { shared.counters[0] = std::make_unique<CoreCounters>(); }

    // Steps of 100 ms, with so many arrivals in each, all sent to the region.
    void pass(Rates& rates, int steps, std::uint64_t each, std::uint32_t region = 0) {
        for (int i = 0; i < steps; ++i) {
            shared.counters[0]->functions[7].arrivals.add(each);
            if (each != 0) shared.counters[0]->sent[7][region].add(each);
            now_us += 100'000;
            rates.step({&tracked, 1}, now_us);
        }
    }
    std::uint32_t cold(std::uint32_t region) const {
        return shared.warmth->expected_cold_us[7][region].load();
    }

    Shared shared;
    DigestBook digests{2, 30.0};
    Tracked tracked{.function = 7, .key = 0x1234, .cold_cost_us = 100'000};
    std::uint64_t now_us = 1'000'000;
};

TEST_F(RatesTest, FollowsTheRateAndForgetsIt) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 10}, digests);
    pass(rates, 100, 10);
    EXPECT_NEAR(rates.rate_per_s(7), 100, 5);
    pass(rates, 10, 0);
    EXPECT_NEAR(rates.rate_per_s(7), 50, 5) << "one half-life later";
}

TEST_F(RatesTest, ARareFunctionIsWarmWhereItWasSent) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    pass(rates, 1, 0);
    EXPECT_GE(cold(0), 100'000u) << "cold everywhere";
    pass(rates, 1, 1, 1);
    EXPECT_LT(cold(1), 10'000u);
    EXPECT_GT(cold(0), 5'000u) << "the next one may come before a worker there is ended";
    pass(rates, 20, 0);
    EXPECT_LT(cold(1), cold(0) / 5) << "two seconds later it still is";
    pass(rates, 400, 0);
    EXPECT_NEAR(cold(1), cold(0), 10'000) << "longer than workers are kept: cold there as anywhere";
    pass(rates, 1200, 0);
    EXPECT_GE(cold(1), 95'000u) << "and the rate that one request made has faded";
}

TEST_F(RatesTest, ForAPopularFunctionColdDoesNotCount) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    pass(rates, 300, 20);
    EXPECT_LT(cold(1), 100u) << "it would be warm at once";
}

TEST_F(RatesTest, KnowsWhenAFunctionWasAskedForFromItsFirstRequestOn) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    rates.reset(7, now_us);
    EXPECT_EQ(rates.used_us(7), 0u);
    pass(rates, 1, 1);  // before the first step
    const std::uint64_t then_us = now_us;
    EXPECT_EQ(rates.used_us(7), then_us);
    pass(rates, 5, 0);
    EXPECT_EQ(rates.used_us(7), then_us);
    rates.reset(7, now_us);
    EXPECT_EQ(rates.used_us(7), 0u);
}

TEST_F(RatesTest, WhatOthersKeepWarmIsWarmForUs) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    pass(rates, 1, 0);
    ProbeCommand command;
    digests.ask(1, 1, now_us, command);
    ASSERT_EQ(command.key_count, 1u);
    ProbeResult result;
    result.digest_entries = 1;
    result.entry_count = 1;
    result.entries[0].key.set(tracked.key);
    result.entries[0].warmth.set(
        wire::pack({.state = wire::WarmState::idle, .idle_ms = 100, .rate_milli = 20}));
    digests.take(1, result, now_us);
    pass(rates, 1, 0);
    EXPECT_GE(cold(0), 95'000u);
    EXPECT_LT(cold(1), 3'000u) << "never sent there by us";
    pass(rates, 400, 0);
    EXPECT_GE(cold(1), 95'000u) << "nobody has said so for longer than workers are kept";
}

TEST_F(RatesTest, FunctionsThatShareARowAreColdEverywhereHoweverOftenTheyAreAskedForTogether) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    for (int i = 0; i < 100; ++i) {
        shared.counters[0]->functions[kCommonRow].arrivals.add(10);
        shared.counters[0]->sent[kCommonRow][1].add(10);
        now_us += 100'000;
        rates.step({&tracked, 1}, now_us);
    }
    EXPECT_NEAR(rates.rate_per_s(kCommonRow), 100, 5);
    for (const std::uint32_t region : {0u, 1u})
        EXPECT_NEAR(shared.warmth->expected_cold_us[kCommonRow][region].load(), 50'000, 100);
    ProbeCommand command;
    digests.ask(0, 1, now_us, command);
    EXPECT_NEAR(static_cast<double>(command.rate_milli), 60'000, 2'000)
        << "they are of the POP's arrivals, over a half-life of 7.5 s";
    EXPECT_EQ(command.keys[0], tracked.key) << "and no region is asked about them";
}

TEST_F(RatesTest, ARowBeginsWithWhatTheSketchHasSaid) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    pass(rates, 10, 0);
    rates.reset(7, now_us, 25);
    EXPECT_EQ(rates.rate_per_s(7), 25);
    EXPECT_EQ(rates.steady_per_s(7), 25);
}

TEST_F(RatesTest, AnIndexThatIsReusedStartsFromNothing) {
    Rates rates(shared, 2, {.half_life_s = 1, .keep_alive_s = 30}, digests);
    pass(rates, 50, 10);
    rates.reset(7, now_us);
    EXPECT_EQ(rates.rate_per_s(7), 0);
    pass(rates, 1, 0);
    EXPECT_EQ(rates.rate_per_s(7), 0);
}

}  // namespace
}  // namespace skerry::regions
