#include <gtest/gtest.h>

#include "dataplane/load/to_region_load.hpp"

namespace skerry {
namespace {

TEST(RegionLoad, AQueueIsAWait) {
    const RegionLoad idle = to_region_load({.executing = 2, .slots = 64, .service_us = 10'000});
    EXPECT_EQ(idle.wait_us, 0u);
    EXPECT_EQ(idle.in_flight, 2);
    const RegionLoad full =
        to_region_load({.executing = 4, .waiting = 8, .slots = 4, .service_us = 10'000});
    EXPECT_GE(full.wait_us, 8u * 10'000 / 4);
    EXPECT_EQ(full.in_flight, 12);
    EXPECT_EQ(full.waiting, 8);
}

TEST(RegionLoad, WhatWaitsThoughThereIsRoomWaitsForWhatExecutes) {
    const RegionLoad load =
        to_region_load({.executing = 2, .waiting = 10, .slots = 64, .service_us = 10'000});
    EXPECT_GE(load.wait_us, 10u * 10'000 / 2);
}

TEST(RegionLoad, ARegionThatDoesNotSayIsTakenForAnOrdinaryOne) {
    EXPECT_EQ(to_region_load({.executing = 5}).wait_us, 0u);
    EXPECT_GE(to_region_load({.executing = 5, .waiting = 5}).wait_us, kUnknownService_us);
}

TEST(RegionLoad, IsAWordThatAnybodyMayWriteAndRead) {
    RegionLoads loads;
    EXPECT_EQ(loads.read(63), RegionLoad{});
    const RegionLoad load{.wait_us = ~0u, .in_flight = 0xfffe, .waiting = 0xfffd};
    loads.write(63, load);
    EXPECT_EQ(loads.read(63), load);
    EXPECT_EQ(loads.read(62), RegionLoad{});
}

}  // namespace
}  // namespace skerry
