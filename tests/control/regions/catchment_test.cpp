#include "control/regions/catchment.hpp"

#include <gtest/gtest.h>

namespace skerry::regions {
namespace {

class CatchmentTest : public ::testing::Test {
  protected:
    void hear(std::uint64_t address, std::uint64_t rate_milli, bool nearest = true) {
        catchment.note({.address = {7, address}, .rate_milli = rate_milli, .nearest = nearest},
                       now_us);
    }
    Shared shared;
    Catchment catchment{shared};
    std::uint64_t now_us = 1'000'000;
};

TEST_F(CatchmentTest, SumsUpThoseThatItIsNearestTo) {
    hear(1, 1000);
    hear(2, 500);
    hear(3, 9999, false);
    hear(1, 2000);
    catchment.step(now_us);
    EXPECT_EQ(catchment.pops(), 3u);
    EXPECT_EQ(shared.own_warmth->catchment_milli.load(), 2500u);
    hear(2, 500, false);
    catchment.step(now_us);
    EXPECT_EQ(shared.own_warmth->catchment_milli.load(), 2000u);
}

TEST_F(CatchmentTest, ForgetsWhoIsSilent) {
    hear(1, 1000);
    now_us += Catchment::kForget_us - 1;
    hear(2, 10);
    catchment.step(now_us);
    EXPECT_EQ(catchment.pops(), 2u);
    now_us += 1;
    catchment.step(now_us);
    EXPECT_EQ(catchment.pops(), 1u);
    EXPECT_EQ(shared.own_warmth->catchment_milli.load(), 10u);
}

TEST_F(CatchmentTest, WhenItIsFullNewOnesAreNotCounted) {
    for (std::uint64_t i = 0; i < Catchment::kPops + 5; ++i) hear(i, 1);
    hear(0, 3);
    EXPECT_EQ(catchment.pops(), Catchment::kPops);
    EXPECT_EQ(catchment.not_counted(), 5u);
    EXPECT_EQ(catchment.rate_milli(), Catchment::kPops + 2);
}

TEST_F(CatchmentTest, NobodysWordIsMoreThanAPopCanHave) {
    for (std::uint64_t i = 0; i < Catchment::kPops; ++i) hear(i, ~std::uint64_t{0});
    EXPECT_EQ(catchment.rate_milli(), Catchment::kPops * Catchment::kMostOfOne_milli)
        << "no overflow";
}

}  // namespace
}  // namespace skerry::regions
