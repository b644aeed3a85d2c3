// What holds for every policy, whatever the numbers: tried with thousands of arbitrary worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "tests/dataplane/select/world.hpp"

namespace skerry::select {
namespace {

constexpr int kWorlds = 5000;

// The rule written down a second time, plainly.
bool can_be_chosen(const World& w, std::uint32_t r) {
    const Candidates& c = w.regions;
    return (w.function.allowed >> r & 1) && !(w.now.tried >> r & 1) &&
           static_cast<std::int32_t>(c.fresh_until_ms[r] - w.now.now_ms) > 0 &&
           c.weight_permille[r] > 0 && c.rtt_us[r] < w.now.deadline_us &&
           c.max_payload_bytes[r] >= w.now.payload_bytes;
}

class EveryPolicy : public testing::TestWithParam<Policy> {};
INSTANTIATE_TEST_SUITE_P(Select, EveryPolicy, testing::ValuesIn(kAll), [](const auto& info) {
    std::string text(name(info.param));
    std::replace(text.begin(), text.end(), '-', '_');
    return text;
});

TEST_P(EveryPolicy, NeverChoosesAnIneligibleRegionAndFindsOneIfThereIsOne) {
    std::mt19937_64 random(1);
    for (int i = 0; i < kWorlds; ++i) {
        World world = arbitrary(random);
        bool there_is = false;
        for (std::uint32_t r = 0; r < world.regions.count; ++r) there_is |= can_be_chosen(world, r);
        const Choice choice = world.choose(GetParam());
        ASSERT_EQ(choice.found(), there_is) << i;
        if (!there_is) continue;
        ASSERT_LT(choice.region, world.regions.count) << i;
        ASSERT_TRUE(can_be_chosen(world, choice.region)) << i;
    }
}

TEST_P(EveryPolicy, ReturningRegionsTakeTheirShareOnly) {
    World world(3);
    world.regions.weight_permille[0] = 100;
    world.regions.rtt_us[0] = 1;
    world.regions.rtt_us[1] = world.regions.rtt_us[2] = 50'000;
    std::mt19937_64 random(2);
    int taken = 0;
    constexpr int kTries = 20'000;
    for (int i = 0; i < kTries; ++i) {
        world.now.random = random();
        taken += world.choose(GetParam()).region == 0;
    }
    EXPECT_LE(taken, kTries * 115 / 1000);
    world.function.allowed = 1;
    for (int i = 0; i < 100; ++i) {
        world.now.random = random();
        ASSERT_EQ(world.choose(GetParam()).region, 0);  // better than a refusal
    }
}

TEST_P(EveryPolicy, TheOrderOfCandidatesMeansNothing) {
    std::mt19937_64 random(3);
    for (int i = 0; i < kWorlds; ++i) {
        World world = arbitrary(random);
        if (i % 3 == 0) {  // with many ties
            world.regions.rtt_us.fill(1000);
            world.regions.outstanding.fill(0);
            world.regions.response_us.fill(0);
            world.cold.fill(0);
        }
        std::vector<std::uint32_t> to(world.regions.count);
        std::iota(to.begin(), to.end(), 0u);
        std::shuffle(to.begin(), to.end(), random);
        World other = world.permuted(to);
        const Choice a = world.choose(GetParam());
        const Choice b = other.choose(GetParam());
        ASSERT_EQ(a.found(), b.found()) << i;
        if (!a.found()) continue;
        ASSERT_EQ(to[a.region], b.region) << i;
    }
}

// A region that comes nearer does not lose a request that it would have had.
TEST_P(EveryPolicy, IsMonotoneInLatency) {
    std::mt19937_64 random(4);
    for (int i = 0; i < kWorlds; ++i) {
        World world = arbitrary(random);
        const Choice before = world.choose(GetParam());
        if (!before.found()) continue;
        const auto r = before.region;
        const auto by = static_cast<std::int32_t>(
            random() % static_cast<std::uint64_t>(world.regions.rtt_us[r] + 1));
        // A nearer region draws the band of `rendezvous` nearer, but not past itself.
        world.regions.rtt_us[r] -= by;
        world.regions.response_us[r] = std::max(0, world.regions.response_us[r] - by);
        ASSERT_EQ(world.choose(GetParam()).region, r) << i;
    }
}

TEST_P(EveryPolicy, IsPure) {
    std::mt19937_64 random(5);
    for (int i = 0; i < 1000; ++i) {
        World world = arbitrary(random);
        const Choice first = world.choose(GetParam());
        const Choice second = world.choose(GetParam());
        ASSERT_EQ(first.region, second.region);
        ASSERT_EQ(first.cost_us, second.cost_us);
    }
}

// Where a region leaves, only the functions that were its own move.
TEST(Rendezvous, MovesNothingThatNeedNotMove) {
    World world(30);
    const Settings settings{.policy = Policy::rendezvous, .band_us = 0};
    std::map<std::uint64_t, std::uint8_t> home;
    for (std::uint64_t key = 1; key <= 5000; ++key) {
        world.function.key = key * 0x9e3779b97f4a7c15ull;
        home[key] = select_region(settings, world.function, world.regions, world.now).region;
    }
    world.regions.weight_permille[11] = 0;
    int moved = 0;
    for (const auto& [key, was] : home) {
        world.function.key = key * 0x9e3779b97f4a7c15ull;
        const auto is = select_region(settings, world.function, world.regions, world.now).region;
        moved += is != was;
        if (was == 11) continue;
        ASSERT_EQ(is, was);
    }
    EXPECT_NEAR(moved, 5000 / 30, 60);
}

TEST(Skerry, ALeavingRegionMovesItsOwnRequestsOnly) {
    std::mt19937_64 random(6);
    for (int i = 0; i < 5000; ++i) {
        World world = arbitrary(random);
        world.function.explore = world.function.reverted = false;
        const Choice before = world.choose(Policy::skerry);
        if (!before.found()) continue;
        const auto leaves = static_cast<std::uint32_t>(random() % world.regions.count);
        if (leaves == before.region) continue;
        world.regions.weight_permille[leaves] = 0;
        ASSERT_EQ(world.choose(Policy::skerry).region, before.region);
    }
}

// However skewed the functions are, no region has more than `bound` × the average, rounded up.
TEST(Rendezvous, LoadIsBounded) {
    std::mt19937_64 random(7);
    for (const int functions : {1, 3, 1000}) {
        World world(10);
        const Settings settings{.policy = Policy::rendezvous, .band_us = 0, .bound_permille = 1250};
        int total = 0;
        for (; total < 2000; ++total) {
            world.function.key = random() % static_cast<std::uint64_t>(functions) + 1;
            const Choice choice = select_region(settings, world.function, world.regions, world.now);
            ASSERT_TRUE(choice.found());
            ++world.regions.outstanding[choice.region];
        }
        const auto most = *std::max_element(world.regions.outstanding.begin(),
                                            world.regions.outstanding.begin() + 10);
        EXPECT_LE(most, (total * 1.25 + 9.999) / 10 + 1) << functions;
    }
}

TEST(Rendezvous, WeightsAreShares) {
    World world(4);
    // Half the share each by weight; draws of the health share are left aside.
    world.regions.weight_permille = {1000, 1000, 500, 500};
    world.now.random = 0;
    const Settings settings{.policy = Policy::rendezvous, .band_us = 0};
    int got[4] = {};
    std::mt19937_64 random(8);
    for (int i = 0; i < 30'000; ++i) {
        world.function.key = random();
        ++got[select_region(settings, world.function, world.regions, world.now).region];
    }
    EXPECT_NEAR(got[0], 10'000, 600);
    EXPECT_NEAR(got[2], 5'000, 600);
}

}  // namespace
}  // namespace skerry::select
