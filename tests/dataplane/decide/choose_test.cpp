// Which region decide() chooses: costs, shares, holders, deadlines.
#include <gtest/gtest.h>

#include <vector>

#include "tests/dataplane/decide/field.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kDeadlineUs = 100'000;

struct Choose : testing::Test {
    Target target;
    LocalView local;
    Request request;
    std::vector<RegionView> regions = std::vector<RegionView>(3);

    Choose() {
        target.holders = ~std::uint64_t{0};
        local.is_pop = true;
        request.deadline_us = kDeadlineUs;
    }
    int chosen() const {
        const Decision decision = decide(target, local, Regions(regions).field(), request);
        return decision.verdict == Verdict::forward ? decision.region : -1;
    }
};

TEST_F(Choose, AllPartsOfTheCostCount) {
    regions[0].waiting_us = 30;
    regions[1].expected_cold_us = 20;
    regions[2].rtt_us = 110;
    EXPECT_EQ(chosen(), 2);
    regions[2].rtt_us = 121;
    EXPECT_EQ(chosen(), 1);
}

TEST_F(Choose, CostsThatAreTheMostTheyCanBeDoNotWrap) {
    constexpr std::int32_t kMost = 0x7fffffff;
    regions[0] = {.rtt_us = 100, .waiting_us = kMost, .expected_cold_us = kMost};
    regions[1].waiting_us = 501;
    regions[2].waiting_us = 500;
    EXPECT_EQ(chosen(), 2);
}

TEST_F(Choose, WhatIsBarredIsNeverChosen) {
    regions[0].rtt_us = 1;
    target.barred = 0b001;
    EXPECT_NE(chosen(), 0);
    target.barred = 0b111;
    EXPECT_EQ(chosen(), -1);
    const Decision decision = decide(target, local, Regions(regions).field(), request);
    EXPECT_EQ(decision.reason, Reason::refused_no_region);
    EXPECT_TRUE(decision.no_region);
}

TEST_F(Choose, SaysWhyAndFromHowMany) {
    regions[2].fresh = false;
    request.spread = share(0);
    const auto why = [&] {
        const Decision decision = decide(target, local, Regions(regions).field(), request);
        EXPECT_EQ(decision.selection.region, decision.region);
        return decision.selection;
    };
    EXPECT_EQ(why().why, Why::policy);
    EXPECT_EQ(why().candidates, 2);
    target.holders = 0b010;
    EXPECT_EQ(why().why, Why::only);
    regions[1].weight_permille = 10;
    request.spread = share(500);
    EXPECT_EQ(why().why, Why::returning);
}

TEST_F(Choose, TheRegionForASecondCopy) {
    regions[0].rtt_us = 50;
    request.tried = 0b001;
    target.retry = RetryPolicy::idempotent;
    const auto second = [&] { return choose_second(target, Regions(regions).field(), request); };
    regions[1].rtt_us = 60;
    EXPECT_EQ(second().region, 1);
    target.barred = 0b010;
    EXPECT_EQ(second().region, 2);
    target.holders = 0b011;
    EXPECT_FALSE(second().found());
    target.barred = 0;
    EXPECT_EQ(second().region, 1);
    regions[1].weight_permille = 10;
    request.spread = share(500);
    EXPECT_FALSE(second().found()) << "only just coming back";
    regions[1].weight_permille = 1000;
    for (const RetryPolicy retry : {RetryPolicy::unstarted, RetryPolicy::never}) {
        target.retry = retry;
        EXPECT_FALSE(second().found());
    }
    target.retry = RetryPolicy::idempotent;
    target.place = Place::pop;
    EXPECT_FALSE(second().found());
    target.place = Place::region;
    request.deadline_us = 0;
    EXPECT_FALSE(second().found());
}

TEST_F(Choose, NearestWhereThePolicyWasSlowerOrForTheControlGroup) {
    regions[0] = {.rtt_us = 50, .expected_cold_us = 900};
    Regions columns(regions);
    Field field = columns.field();
    const auto choice = [&] { return decide(target, local, field, request); };
    request.spread = share(0);
    EXPECT_NE(choice().region, 0);
    EXPECT_EQ(choice().selection.baseline, select::Choice::kNone);
    field.function.explore = true;
    EXPECT_NE(choice().region, 0);
    EXPECT_EQ(choice().selection.baseline, 0) << "what it is compared with";
    request.spread = 100;  // one in a hundred
    EXPECT_EQ(choice().region, 0);
    EXPECT_EQ(choice().selection.why, Why::control);
    request.spread = share(0);
    field.function.reverted = true;
    EXPECT_EQ(choice().region, 0);
    EXPECT_EQ(choice().selection.why, Why::reverted);
}

TEST_F(Choose, EveryPolicyIsAsked) {
    regions[0] = {.rtt_us = 1, .expected_cold_us = 10'000};
    Regions columns(regions);
    const auto chosen_by = [&](select::Policy policy) {
        columns.settings.policy = policy;
        return decide(target, local, columns.field(), request).region;
    };
    EXPECT_NE(chosen_by(select::Policy::skerry), 0);
    EXPECT_EQ(chosen_by(select::Policy::nearest), 0);
    columns.columns.outstanding[0] = 1000;
    EXPECT_NE(chosen_by(select::Policy::peak_ewma), 0);
}

TEST_F(Choose, HoldersOnly) {
    target.holders = 0b100;
    EXPECT_EQ(chosen(), 2);
    target.holders = 0;
    EXPECT_EQ(chosen(), -1);
}

TEST_F(Choose, AReturningRegionOnlyIfThereIsNoOther) {
    regions[0].weight_permille = 100;
    regions[0].rtt_us = 1;
    regions[1].weight_permille = 0;
    request.spread = share(100);  // not in region 0's share
    EXPECT_EQ(chosen(), 2);
    request.tried = 0b100;
    EXPECT_EQ(chosen(), 0);
    request.tried = 0b101;
    EXPECT_EQ(chosen(), -1) << "an ejected region is not asked, whatever happens";
    request = {.deadline_us = kDeadlineUs, .spread = share(99)};
    EXPECT_EQ(chosen(), 0);
}

TEST_F(Choose, AmongReturningOnesTheCheapest) {
    request.spread = share(999);
    for (RegionView& view : regions) view.weight_permille = 1;
    regions[1].rtt_us = 50;
    EXPECT_EQ(chosen(), 1);
}

TEST_F(Choose, TheLastRegionOfTheLargestSet) {
    regions.assign(kMaxRegions, {});
    regions[63].rtt_us = 99;
    EXPECT_EQ(chosen(), 63);
    request.tried = std::uint64_t{1} << 63;
    EXPECT_EQ(chosen(), 0);
    request.tried = ~std::uint64_t{0} >> 1;
    EXPECT_EQ(chosen(), 63);
}

TEST_F(Choose, TooFarForTheDeadline) {
    request.deadline_us = 100;
    EXPECT_EQ(chosen(), -1);
    request.deadline_us = 101;
    EXPECT_EQ(chosen(), 0);
}

}  // namespace
}  // namespace skerry
