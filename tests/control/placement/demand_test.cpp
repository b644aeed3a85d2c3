#include "control/placement/demand.hpp"

#include <gtest/gtest.h>

namespace skerry::placement {
namespace {

TEST(Demand, ARareFunctionIsNotKeptAtThePop) {
    EXPECT_EQ(wish({.rate_per_s = 1, .popular_per_s = 5}).minimum, 0u);
}

TEST(Demand, APopularOneIs) {
    const Wish found = wish({.rate_per_s = 6, .popular_per_s = 5});
    EXPECT_TRUE(found.popular);
    EXPECT_EQ(found.minimum, 1u);
}

TEST(Demand, PopularityHasInertia) {
    EXPECT_FALSE(wish({.rate_per_s = 3, .popular_per_s = 5, .was_popular = false}).popular);
    EXPECT_TRUE(wish({.rate_per_s = 3, .popular_per_s = 5, .was_popular = true}).popular);
    EXPECT_FALSE(wish({.rate_per_s = 2, .popular_per_s = 5, .was_popular = true}).popular);
}

TEST(Demand, GrowsByOneWhenAllAreBusyUpToTheMaximum) {
    Demand demand{.warm_max = 3, .rate_per_s = 100, .all_busy = true, .workers = 1};
    EXPECT_EQ(wish(demand).minimum, 2u);
    demand.workers = 3;
    EXPECT_EQ(wish(demand).minimum, 3u);
    demand.all_busy = false;
    EXPECT_EQ(wish(demand).minimum, 1u) << "the idle time-out decides about the others";
}

TEST(Demand, TheWarmMinimumIsKeptWherePeopleExpectIt) {
    EXPECT_EQ(wish({.warm_min = 2, .warm_max = 4}).minimum, 2u);
    EXPECT_EQ(wish({.place = Place::region, .warm_min = 2, .warm_max = 4}).minimum, 0u);
    EXPECT_EQ(wish({.is_pop = false, .warm_min = 2, .warm_max = 4}).minimum, 0u);
    EXPECT_EQ(wish({.is_pop = false, .place = Place::region, .warm_min = 2, .warm_max = 4}).minimum,
              2u);
}

TEST(Demand, AnOldVersionIsNotKept) {
    EXPECT_EQ(wish({.current = false, .warm_min = 2, .warm_max = 4, .rate_per_s = 100}).minimum,
              0u);
}

}  // namespace
}  // namespace skerry::placement
