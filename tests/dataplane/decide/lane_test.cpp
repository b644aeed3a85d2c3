// What a core reads of regions and functions.
#include "dataplane/decide/lane.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace skerry {
namespace {

constexpr LaneClock kClock{.now_tsc = 1'000'000, .ms_a_tick = 0.001, .now_ms = 0xfffffff0u};

std::int32_t left_ms(std::uint64_t fresh_until_tsc) {
    select::Candidates c;
    RegionNumbers numbers;
    numbers.fresh_until_tsc = fresh_until_tsc;
    write_lane(c, 0, numbers, {}, kClock);
    return static_cast<std::int32_t>(c.fresh_until_ms[0] - kClock.now_ms);
}

TEST(Lane, AnInstantOfTheCounterBecomesOneOfTheMilliseconds) {
    EXPECT_EQ(left_ms(0), 0);
    EXPECT_EQ(left_ms(1'000'000), 0) << "over";
    EXPECT_EQ(left_ms(1'000'001), 1) << "one that has begun counts";
    EXPECT_NEAR(left_ms(1'250'000), 250, 1);
    EXPECT_NEAR(left_ms(~std::uint64_t{0}), 60'000, 1) << "far off: the milliseconds wrap";
}

TEST(Lane, NumbersThatAreTooLargeStayPositive) {
    select::Candidates c;
    RegionNumbers numbers;
    numbers.rtt_us = numbers.slots = numbers.service_us = 0xffffffffu;
    write_lane(c, 5, numbers, {0xffffffffu, 0xffff, 0xffff}, kClock);
    EXPECT_EQ(c.rtt_us[5], 0x7fffffff);
    EXPECT_EQ(c.slots[5], 0x7fffffff);
    EXPECT_EQ(c.wait_us[5], 0x7fffffff);
    EXPECT_EQ(c.in_flight[5], 0xffff);
    EXPECT_EQ(c.waiting[5], 0xffff);
}

TEST(Lane, AFunctionIsReadAsThePolicyNeedsIt) {
    const auto warmth = std::make_unique<WarmthTable>();
    Target target;
    target.function_key = 77;
    target.function = 3;
    warmth->expected_cold_us[3][1].store(4'000);
    warmth->run_us[3].store(900);
    warmth->rate_milli[3].store(5'000);
    select::Column<std::int32_t> row{};
    auto function = read_function(*warmth, target, select::Policy::skerry, 2, row);
    EXPECT_EQ(function.key, 77u);
    ASSERT_EQ(function.cold_us, row.data());
    EXPECT_EQ(row[1], 4'000);
    EXPECT_EQ(function.run_us, 900);
    EXPECT_TRUE(function.explore);
    function = read_function(*warmth, target, select::Policy::affinity, 2, row);
    EXPECT_EQ(function.cold_us, row.data());
    EXPECT_FALSE(function.explore) << "it has no control group";
    function = read_function(*warmth, target, select::Policy::nearest, 2, row);
    EXPECT_EQ(function.cold_us, nullptr);
    warmth->rate_milli[3].store(100);
    EXPECT_FALSE(read_function(*warmth, target, select::Policy::skerry, 2, row).explore);
}

}  // namespace
}  // namespace skerry
