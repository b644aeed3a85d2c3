#include "tools/sim/region.hpp"

#include <gtest/gtest.h>

namespace skerry::sim {
namespace {

constexpr std::int64_t kSecond_us = 1'000'000;

struct Region : testing::Test {
    Scenario scenario;
    std::vector<Cell> cells = std::vector<Cell>(10);
    std::unique_ptr<RegionSim> region;

    RegionSim& make() {
        region = std::make_unique<RegionSim>(scenario, 0);
        return *region;
    }
    RegionSim::Outcome serve(std::uint32_t function, std::int64_t at_us, float memory = 100) {
        return region->serve(cells.data(), 1,
                             {function, 0, 20'000, 200'000, memory, 20'000, 200'000}, at_us, 1.0);
    }
};

TEST_F(Region, FirstIsColdNextIsWarmUntilTheKeepAliveEnds) {
    make();
    const auto first = serve(0, 0);
    EXPECT_TRUE(first.cold);
    EXPECT_NEAR(static_cast<double>(first.done_us), 220'000, 2);
    const auto second = serve(0, kSecond_us);
    EXPECT_FALSE(second.cold);
    EXPECT_NEAR(static_cast<double>(second.done_us - kSecond_us), 20'000, 2);
    EXPECT_FALSE(serve(0, 600 * kSecond_us).cold);
    EXPECT_TRUE(serve(0, 1201 * kSecond_us).cold);
}

TEST_F(Region, OneWorkerServesOneRequestAtATime) {
    make();
    EXPECT_TRUE(serve(0, 0).cold);
    EXPECT_TRUE(serve(0, 1000).cold);
    EXPECT_FALSE(serve(0, kSecond_us).cold);
    EXPECT_FALSE(serve(0, kSecond_us).cold);
    EXPECT_TRUE(serve(0, kSecond_us).cold);
}

TEST_F(Region, WaitsForASlotInTheOrderOfArrival) {
    scenario.regions.slots = 2;
    make();
    EXPECT_EQ(serve(0, 0).start_us, 0);
    EXPECT_EQ(serve(1, 0).start_us, 0);
    EXPECT_NEAR(static_cast<double>(serve(2, 10).start_us), 220'000, 2);
    region->publish(50'000);
    EXPECT_EQ(region->report(50'000).in_flight, 3u);
    EXPECT_EQ(region->report(50'000).waiting, 1u);
    region->publish(2 * kSecond_us);
    EXPECT_EQ(region->report(2 * kSecond_us).in_flight, 0u);
    EXPECT_EQ(region->report(kSecond_us).in_flight, 3u);  // what was known then
}

TEST_F(Region, UnderPressureTheLeastRecentlyUsedGoes) {
    scenario.regions.memory_mib = 300;
    make();
    for (std::uint32_t f = 0; f < 3; ++f) serve(f, f * kSecond_us);
    serve(0, 4 * kSecond_us);
    EXPECT_TRUE(serve(3, 5 * kSecond_us).cold);  // takes the place of 1
    EXPECT_FALSE(serve(0, 6 * kSecond_us).cold);
    EXPECT_FALSE(serve(2, 7 * kSecond_us).cold);
    EXPECT_EQ(cells[1].used_s, Cell::kNever);
    EXPECT_TRUE(serve(1, 8 * kSecond_us).cold);
    region->publish(9 * kSecond_us);
    EXPECT_LT(region->report(9 * kSecond_us).keep_s, 600);
    EXPECT_GT(region->report(9 * kSecond_us).crowding, 0);  // 1 was asked for again
}

TEST_F(Region, SaysThatItIsSlow) {
    make();
    for (int i = 0; i < 200; ++i)
        region->serve(cells.data(), 1, {0, 0, 20'000, 200'000, 100, 20'000, 200'000},
                      i * kSecond_us, i < 100 ? 1.0 : 4.0);
    region->publish(99 * kSecond_us + 1);
    region->publish(200 * kSecond_us);
    EXPECT_NEAR(region->report(200 * kSecond_us).slow_permille, 4000, 400);
}

TEST_F(Region, AnOldVersionIsNotWarm) {
    make();
    serve(0, 0);
    EXPECT_TRUE(region->is_warm(cells[0], 0, kSecond_us));
    EXPECT_FALSE(region->is_warm(cells[0], 1, kSecond_us));
    EXPECT_TRUE(
        region
            ->serve(cells.data(), 1, {0, 1, 20'000, 200'000, 100, 20'000, 200'000}, kSecond_us, 1.0)
            .cold);
}

TEST_F(Region, LosesEverythingWhenItGoesDown) {
    make();
    for (std::uint32_t f = 0; f < 5; ++f) serve(f, 0);
    region->lose_everything(cells.data(), 1, kSecond_us);
    for (std::uint32_t f = 0; f < 5; ++f) EXPECT_TRUE(serve(f, 2 * kSecond_us).cold);
}

}  // namespace
}  // namespace skerry::sim
