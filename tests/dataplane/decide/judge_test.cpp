// judge(): one region's standing, and which obstacle is named when there are several.
#include <gtest/gtest.h>

#include <string>

#include "dataplane/decide/decide.hpp"

namespace skerry {
namespace {

struct Judge : testing::Test {
    Target target;
    RegionView view{.rtt_us = 100,
                    .rtt_variation_us = 7,
                    .waiting_us = 20,
                    .expected_cold_us = 3,
                    .weight_permille = 1000,
                    .fresh = true};
    Request request{.deadline_us = 1000};
    static constexpr std::uint8_t kRegion = 5;

    Judge() { target.holders = 1u << kRegion; }
    Eligibility standing() const { return judge(target, kRegion, view, request).eligibility; }
};

TEST_F(Judge, Eligible) {
    EXPECT_EQ(standing(), Eligibility::eligible);
    EXPECT_EQ(judge(target, kRegion, view, request).cost_us, 123u);
}

TEST_F(Judge, EachObstacleAlone) {
    request.tried = 1u << kRegion;
    EXPECT_EQ(standing(), Eligibility::tried);
    request.tried = ~(std::uint64_t{1} << kRegion);
    EXPECT_EQ(standing(), Eligibility::eligible);
    target.holders = ~(std::uint64_t{1} << kRegion);
    EXPECT_EQ(standing(), Eligibility::no_version);
    target.holders = ~std::uint64_t{0};
    view.fresh = false;
    EXPECT_EQ(standing(), Eligibility::not_fresh);
    view.fresh = true;
    view.weight_permille = 0;
    EXPECT_EQ(standing(), Eligibility::ejected);
    view.weight_permille = 1;
    request.spread = 1;
    EXPECT_EQ(standing(), Eligibility::returning);
    view.weight_permille = 1000;
    request.deadline_us = 100;
    EXPECT_EQ(standing(), Eligibility::too_far);
}

// Taken away one by one from the front: the next one is named.
TEST_F(Judge, TheFirstObstacleIsNamed) {
    request.tried = ~std::uint64_t{0};
    target.holders = 0;
    view.fresh = false;
    view.weight_permille = 0;
    view.rtt_us = 5000;
    request.spread = 999;
    EXPECT_EQ(standing(), Eligibility::tried);
    request.tried = 0;
    EXPECT_EQ(standing(), Eligibility::no_version);
    target.holders = ~std::uint64_t{0};
    EXPECT_EQ(standing(), Eligibility::not_fresh);
    view.fresh = true;
    EXPECT_EQ(standing(), Eligibility::ejected);
    view.weight_permille = 500;
    EXPECT_EQ(standing(), Eligibility::too_far);
    view.rtt_us = 1;
    EXPECT_EQ(standing(), Eligibility::returning);
    request.spread = 499;
    EXPECT_EQ(standing(), Eligibility::eligible);
}

TEST_F(Judge, AShareIsWhatItSays) {
    for (const unsigned weight : {1u, 10u, 250u, 999u}) {
        view.weight_permille = static_cast<std::uint16_t>(weight);
        unsigned chosen = 0;
        for (std::uint64_t spread = 7000; spread < 8000; ++spread) {
            request.spread = spread;
            chosen += standing() == Eligibility::eligible;
        }
        EXPECT_EQ(chosen, weight);
    }
}

TEST_F(Judge, AWeightBeyondAllIsAll) {
    view.weight_permille = 65535;
    request.spread = 999;
    EXPECT_EQ(standing(), Eligibility::eligible);
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
