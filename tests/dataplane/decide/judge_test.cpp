// judge(): one region's standing, and which obstacle is named when there are several.
#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/decide/field.hpp"

namespace skerry {
namespace {

struct Judge : testing::Test {
    Target target;
    RegionView view{.rtt_us = 100, .waiting_us = 20, .expected_cold_us = 3};
    Request request{.deadline_us = 1000};
    static constexpr std::uint8_t kRegion = 5;

    Judge() { target.holders = 1u << kRegion; }
    Candidate judged() const {
        std::vector<RegionView> views(kRegion + 1);
        views[kRegion] = view;
        return judge(target, kRegion, Regions(views).field(), request);
    }
    Eligibility standing() const { return judged().eligibility; }
};

TEST_F(Judge, Eligible) {
    EXPECT_EQ(standing(), Eligibility::eligible);
    EXPECT_EQ(judged().cost, 123);
}

TEST_F(Judge, EachObstacleAlone) {
    request.tried = 1u << kRegion;
    EXPECT_EQ(standing(), Eligibility::tried);
    request.tried = ~(std::uint64_t{1} << kRegion);
    EXPECT_EQ(standing(), Eligibility::eligible);
    target.holders = ~(std::uint64_t{1} << kRegion);
    EXPECT_EQ(standing(), Eligibility::no_version);
    target.holders = ~std::uint64_t{0};
    target.barred = 1u << kRegion;
    EXPECT_EQ(standing(), Eligibility::barred);
    target.barred = ~target.barred;
    view.fresh = false;
    EXPECT_EQ(standing(), Eligibility::not_fresh);
    view.fresh = true;
    view.weight_permille = 0;
    EXPECT_EQ(standing(), Eligibility::ejected);
    view.weight_permille = 1;
    request.spread = share(1);
    EXPECT_EQ(standing(), Eligibility::returning);
    view.weight_permille = 1000;
    request.deadline_us = 100;
    EXPECT_EQ(standing(), Eligibility::too_far);
}

// Taken away one by one from the front: the next one is named.
TEST_F(Judge, TheFirstObstacleIsNamed) {
    request.tried = ~std::uint64_t{0};
    target.holders = 0;
    target.barred = ~std::uint64_t{0};
    view.fresh = false;
    view.weight_permille = 0;
    view.rtt_us = 5000;
    request.spread = share(999);
    EXPECT_EQ(standing(), Eligibility::tried);
    request.tried = 0;
    EXPECT_EQ(standing(), Eligibility::barred);
    target.barred = 0;
    EXPECT_EQ(standing(), Eligibility::no_version);
    target.holders = ~std::uint64_t{0};
    EXPECT_EQ(standing(), Eligibility::not_fresh);
    view.fresh = true;
    EXPECT_EQ(standing(), Eligibility::ejected);
    view.weight_permille = 500;
    EXPECT_EQ(standing(), Eligibility::too_far);
    view.rtt_us = 1;
    EXPECT_EQ(standing(), Eligibility::returning);
    request.spread = share(499);
    EXPECT_EQ(standing(), Eligibility::eligible);
}

TEST_F(Judge, AShareIsWhatItSays) {
    for (const unsigned weight : {1u, 10u, 250u, 999u}) {
        view.weight_permille = static_cast<std::int32_t>(weight);
        unsigned chosen = 0;
        for (std::uint64_t spread = 7000; spread < 8000; ++spread) {
            request.spread = share(spread);
            chosen += standing() == Eligibility::eligible;
        }
        EXPECT_EQ(chosen, weight);
    }
}

TEST_F(Judge, AWeightBeyondAllIsAll) {
    view.weight_permille = 65535;
    request.spread = share(999);
    EXPECT_EQ(standing(), Eligibility::eligible);
}

// What judge() says of each region, select_region() does, whatever the numbers.
TEST(JudgeAndDecide, Agree) {
    std::mt19937_64 random(11);
    for (int i = 0; i < 5000; ++i) {
        std::vector<RegionView> views(1 + random() % 8);
        for (RegionView& each : views) {
            each.rtt_us = static_cast<std::int32_t>(random() % 2000);
            each.weight_permille =
                random() % 3 == 0 ? static_cast<std::int32_t>(random() % 1001) : 1000;
            each.max_payload_bytes = random() % 4 == 0 ? 10 : 1360;
            each.fresh = random() % 4 != 0;
        }
        Target target;
        target.holders = random();
        target.barred = random() & random();
        LocalView local;
        local.is_pop = true;
        const Request request{.deadline_us = 1000,
                              .payload_bytes = 100,
                              .tried = random() & random() & random(),
                              .spread = random()};
        const Regions regions(views);
        int eligible = 0, returning = 0;
        for (std::uint8_t r = 0; r < views.size(); ++r) {
            const Eligibility standing = judge(target, r, regions.field(), request).eligibility;
            eligible += standing == Eligibility::eligible;
            returning += standing == Eligibility::returning;
        }
        const Decision decision = decide(target, local, regions.field(), request);
        ASSERT_EQ(decision.verdict == Verdict::forward, eligible + returning != 0) << i;
        if (decision.verdict != Verdict::forward) continue;
        ASSERT_EQ(decision.selection.candidates, eligible != 0 ? eligible : returning) << i;
        const Eligibility chosen =
            judge(target, decision.region, regions.field(), request).eligibility;
        ASSERT_EQ(chosen, eligible != 0 ? Eligibility::eligible : Eligibility::returning) << i;
    }
}

TEST(MayRunHere, NeedsAnEntryAndAPlace) {
    Target target;
    EXPECT_FALSE(may_run_here(target, true));
    EXPECT_FALSE(may_run_here(target, false));
    target.entry = 0;
    for (const Place place : {Place::automatic, Place::pop, Place::region}) {
        target.place = place;
        EXPECT_TRUE(may_run_here(target, false));
        EXPECT_EQ(may_run_here(target, true), place != Place::region);
    }
}

}  // namespace
}  // namespace skerry
