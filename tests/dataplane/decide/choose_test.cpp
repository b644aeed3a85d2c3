// Which region decide() chooses: costs, shares, holders, deadlines.
#include <gtest/gtest.h>

#include <vector>

#include "dataplane/decide/decide.hpp"

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
        for (RegionView& view : regions)
            view = {.rtt_us = 100, .weight_permille = 1000, .fresh = true};
    }
    int chosen() const {
        const Decision decision = decide(target, local, regions, request);
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

TEST_F(Choose, CostsBeyond32BitsDoNotWrap) {
    regions[0].waiting_us = ~0u;
    regions[0].expected_cold_us = 101;
    regions[1].waiting_us = 500;
    regions[2].waiting_us = 501;
    EXPECT_EQ(chosen(), 1);
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
    request.spread = 100;  // not in region 0's share
    EXPECT_EQ(chosen(), 2);
    request.tried = 0b100;
    EXPECT_EQ(chosen(), 0);
    request.tried = 0b101;
    EXPECT_EQ(chosen(), -1) << "an ejected region is not asked, whatever happens";
    request = {.deadline_us = kDeadlineUs, .spread = 99};
    EXPECT_EQ(chosen(), 0);
}

TEST_F(Choose, AmongReturningOnesTheCheapest) {
    request.spread = 999;
    for (RegionView& view : regions) view.weight_permille = 1;
    regions[1].rtt_us = 50;
    EXPECT_EQ(chosen(), 1);
}

TEST_F(Choose, TheLastRegionOfTheLargestSet) {
    regions.assign(kMaxRegions, {.rtt_us = 100, .weight_permille = 1000, .fresh = true});
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
