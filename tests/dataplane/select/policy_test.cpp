// What each policy prefers, by small examples.
#include <gtest/gtest.h>

#include "tests/dataplane/select/world.hpp"

namespace skerry::select {
namespace {

TEST(Policies, NearestLooksAtNothingElse) {
    World world(3);
    world.regions.rtt_us = {30'000, 20'000, 40'000};
    world.regions.wait_us[1] = 500'000;
    world.cold[1] = 500'000;
    EXPECT_EQ(world.choose(Policy::nearest).region, 1);
}

TEST(Policies, ExpectedTimeAddsItsParts) {
    for (const Policy policy : {Policy::skerry, Policy::affinity}) {
        World world(3);
        world.regions.rtt_us = {30'000, 20'000, 40'000};
        world.cold = {0, 15'000, 0};
        EXPECT_EQ(world.choose(policy).region, 0);
        world.regions.wait_us[0] = 11'000;
        EXPECT_EQ(world.choose(policy).region, 1);
        world.cold[1] = 25'000;
        EXPECT_EQ(world.choose(policy).region, 2);
        EXPECT_EQ(world.choose(policy).cost_us, 40'000);
    }
}

TEST(Policies, ExpectedTimeKnowsSlowRegions) {
    World world(2);
    world.regions.rtt_us = {10'000, 40'000};
    world.function.run_us = 20'000;
    EXPECT_EQ(world.choose(Policy::skerry).region, 0);
    world.regions.slow_permille[0] = 2000;
    EXPECT_EQ(world.choose(Policy::skerry).region, 0);
    world.regions.slow_permille[0] = 4000;
    EXPECT_EQ(world.choose(Policy::skerry).region, 1);
}

TEST(Policies, PeakEwmaCountsWhatIsOutstanding) {
    World world(2);
    world.regions.response_us = {30'000, 50'000};
    EXPECT_EQ(world.choose(Policy::peak_ewma).region, 0);
    world.regions.outstanding[0] = 1;
    EXPECT_EQ(world.choose(Policy::peak_ewma).region, 1);
}

TEST(Policies, TwoChoicesTakesTheLessLoadedOfTwo) {
    World world(2);
    world.regions.outstanding = {5, 4};
    for (std::uint64_t i = 0; i < 100; ++i) {
        world.now.random = i * 0x9e3779b97f4a7c15ull;
        EXPECT_EQ(world.choose(Policy::two_choices).region, 1);
    }
    World many(8);  // the most loaded of all is never the better one
    many.regions.outstanding = {0, 0, 0, 0, 0, 0, 0, 1};
    int got[8] = {};
    for (std::uint64_t i = 0; i < 8000; ++i) {
        many.now.random = (i + 1) * 0x9e3779b97f4a7c15ull;
        ++got[many.choose(Policy::two_choices).region];
    }
    EXPECT_EQ(got[7], 0);
    for (int r = 0; r < 7; ++r) EXPECT_NEAR(got[r], 8000 / 7, 250);
}

TEST(Policies, C3FleesQueuesFasterThanLatency) {
    World world(2);
    world.regions.response_us = {30'000, 90'000};
    EXPECT_EQ(world.choose(Policy::c3).region, 0);
    world.regions.waiting[0] = 2;
    EXPECT_EQ(world.choose(Policy::c3).region, 1);
}

TEST(Policies, PrequalTakesTheFastestThatIsNotHot) {
    World world(5);
    world.regions.in_flight = {900, 10, 20, 30, 40};
    world.regions.rtt_us = {1'000, 30'000, 20'000, 40'000, 50'000};
    EXPECT_EQ(world.choose(Policy::prequal).region, 2);
    // All that are left are hot: the least loaded.
    world.function.allowed = 0b10001;
    world.regions.in_flight = {900, 10, 20, 30, 800};
    world.regions.hot_in_flight = 100;
    EXPECT_EQ(
        select_region({.policy = Policy::prequal}, world.function, world.regions, world.now).region,
        4);
}

TEST(Policies, RendezvousStaysNear) {
    World world(20);
    for (std::uint32_t r = 0; r < 20; ++r)
        world.regions.rtt_us[r] = static_cast<std::int32_t>(10'000 + 20'000 * r);
    std::uint32_t farthest = 0;
    for (std::uint64_t key = 1; key < 500; ++key) {
        world.function.key = key * 77;
        farthest = std::max<std::uint32_t>(farthest, world.choose(Policy::rendezvous).region);
    }
    EXPECT_EQ(farthest, 3u);  // 70 ms, the last within 60 ms of 10 ms
}

TEST(Policies, SkerryKeepsAControlGroup) {
    World world(2);
    world.regions.rtt_us = {10'000, 30'000};
    world.cold = {200'000, 0};
    world.function.explore = true;
    int control = 0;
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        world.now.random = random();
        const Choice choice = world.choose(Policy::skerry);
        control += choice.control;
        EXPECT_EQ(choice.region, choice.control ? 0 : 1);
        EXPECT_EQ(choice.baseline, 0);
    }
    EXPECT_NEAR(control, 1000, 150);
    world.function.explore = false;
    EXPECT_EQ(world.choose(Policy::skerry).region, 1);
    world.function.reverted = true;
    EXPECT_EQ(world.choose(Policy::skerry).region, 0);
}

TEST(Policies, NamesAreThereAndBack) {
    for (const Policy policy : kAll) {
        Policy found = Policy::nearest;
        ASSERT_TRUE(policy_by_name(name(policy), found));
        EXPECT_EQ(found, policy);
    }
    Policy untouched = Policy::c3;
    EXPECT_FALSE(policy_by_name("fastest", untouched));
    EXPECT_EQ(untouched, Policy::c3);
}

}  // namespace
}  // namespace skerry::select
