#include "control/regions/outliers.hpp"

#include <gtest/gtest.h>

namespace skerry::regions {
namespace {

using Found = std::vector<std::uint32_t>;

TEST(Outliers, AShareOfFailuresIsTooMuch) {
    const OutlierLimits limits{.request_volume = 100, .failure_percent = 50};
    const Outcomes regions[] = {{1000, 499}, {1000, 500}, {99, 99}, {100, 100}, {0, 0}};
    EXPECT_EQ(outliers(regions, limits), (Found{3, 1})) << "the worst first";
    OutlierLimits none = limits;
    none.failure_percent = 0;
    EXPECT_EQ(outliers(regions, none), Found{});
}

TEST(Outliers, OneThatIsWorseThanTheOthersStandsOut) {
    const OutlierLimits limits{.failure_percent = 0, .stdev_permille = 1900, .stdev_regions = 5};
    const Outcomes regions[] = {{1000, 10}, {1000, 12}, {1000, 11}, {1000, 9}, {1000, 300}};
    EXPECT_EQ(outliers(regions, limits), Found{4});
    EXPECT_EQ(outliers(std::span(regions).subspan(1), limits), Found{}) << "of too few";
    const Outcomes alike[] = {{1000, 10}, {1000, 10}, {1000, 10}, {1000, 10}, {1000, 10}};
    EXPECT_EQ(outliers(alike, limits), Found{});
    const Outcomes all_fail[] = {{100, 100}, {100, 100}, {100, 100}, {100, 100}, {100, 100}};
    EXPECT_EQ(outliers(all_fail, limits), Found{});
}

TEST(Outliers, NothingIsSaidOfThoseThatAreOut) {
    const Outcomes regions[] = {{.requests = 100, .failures = 100, .ejected = true}, {100, 100}};
    EXPECT_EQ(outliers(regions, {}), Found{1});
    EXPECT_EQ(outliers({}, {}), Found{});
    const Outcomes impossible[] = {{100, 1000}};
    EXPECT_EQ(outliers(impossible, {}), Found{0});
}

TEST(Outliers, OneMayAlwaysBeEjectedAndThenAShare) {
    EXPECT_TRUE(may_eject_one_more(0, 3, 10));
    EXPECT_FALSE(may_eject_one_more(1, 3, 50));
    EXPECT_TRUE(may_eject_one_more(1, 4, 50));
    EXPECT_FALSE(may_eject_one_more(2, 4, 50));
    EXPECT_TRUE(may_eject_one_more(3, 4, 100));
    EXPECT_FALSE(may_eject_one_more(0, 4, 0)) << "the operator wants none";
}

TEST(Outliers, PanicIsWhenLessThanTheShareIsLeft) {
    EXPECT_FALSE(is_panic(1, 2, 50));
    EXPECT_TRUE(is_panic(1, 3, 50));
    EXPECT_TRUE(is_panic(0, 1, 50));
    EXPECT_FALSE(is_panic(0, 0, 50));
    EXPECT_FALSE(is_panic(0, 5, 0)) << "off";
}

}  // namespace
}  // namespace skerry::regions
