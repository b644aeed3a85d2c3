// The CPU time of invocations, measured of this process itself.
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "control/placement/cpu_watch.hpp"

namespace skerry::placement {
namespace {

cgroup::CpuMeter own_meter() {
    return cgroup::CpuMeter(cgroup::Groups(), "", ::getpid());
}

void burn(std::uint64_t us) {
    const cgroup::CpuMeter meter = own_meter();
    const std::uint64_t until = *meter.read_us() + us;
    while (*meter.read_us() < until) {
    }
}

class Watched : public ::testing::Test {
  protected:
    Watched() {
        channel_.slot_count = 2;
        channel_.cpu_limit_us = 500'000;
    }
    std::uint64_t over() const { return channel_.cpu.over.load(); }
    Channel channel_;
    CpuWatch watch_{own_meter()};
};

TEST_F(Watched, WhatIsUsedWhileNothingIsInHandCountsForNobody) {
    burn(510'000);
    EXPECT_FALSE(watch_.look(channel_));
    channel_.cpu.count_turn(0);
    EXPECT_FALSE(watch_.look(channel_));
    EXPECT_FALSE(watch_.look(channel_));
    burn(510'000);
    EXPECT_TRUE(watch_.look(channel_));
    EXPECT_EQ(over(), CpuMarks::name_of(0, 1));
    EXPECT_FALSE(watch_.look(channel_)) << "told already";
    channel_.cpu.count_turn(0);
    channel_.cpu.count_turn(0);
    EXPECT_FALSE(watch_.look(channel_)) << "the next one has used nothing";
}

TEST_F(Watched, TheOldestIsOverFirst) {
    channel_.cpu.count_turn(1);
    EXPECT_FALSE(watch_.look(channel_));
    burn(300'000);
    channel_.cpu.count_turn(0);
    EXPECT_FALSE(watch_.look(channel_));
    burn(210'000);
    EXPECT_TRUE(watch_.look(channel_));
    EXPECT_EQ(over(), CpuMarks::name_of(1, 1));
}

}  // namespace
}  // namespace skerry::placement
