#include "control/load/own_load_meter.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace skerry {
namespace {

class OwnLoadTest : public ::testing::Test {
  protected:
    OwnLoadTest() {
        shared_.server.core_count = 2;
        for (int core : {0, 1}) shared_.counters[core] = std::make_unique<CoreCounters>();
    }
    // So many executions of the function within 100 ms, each of so long.
    void pass(std::uint32_t function, std::uint64_t count, std::uint64_t us,
              std::uint64_t wait = 0) {
        for (std::uint64_t i = 0; i < count; ++i) {
            CoreCounters& core = *shared_.counters[i % 2];
            core.functions[function].local_done.add();
            core.functions[function].run_us_sum.add(us);
            core.queued_us_sum.add(wait);
        }
        now_us_ += 100'000;
        meter_->step(kFunctions, now_us_);
    }
    static constexpr std::array<std::uint32_t, 2> kFunctions{3, 9};
    Shared shared_;
    std::unique_ptr<OwnLoadMeter> meter_ = std::make_unique<OwnLoadMeter>(shared_);
    const OwnLoad& own_ = shared_.own_load;
    std::uint64_t now_us_ = 5'000'000;
};

TEST_F(OwnLoadTest, FollowsWhatExecutionsTake) {
    pass(3, 0, 0);
    EXPECT_EQ(own_.service_us, 0u) << "nothing was seen";
    EXPECT_EQ(own_.slow_permille, 1000u);
    pass(3, 10, 2'000, 500);
    EXPECT_EQ(own_.service_us, 2'000u);
    for (int i = 0; i < 30; ++i) pass(3, 10, 2'000, 500);
    EXPECT_EQ(own_.service_us, 2'000u);
    EXPECT_NEAR(own_.region_us, 2'500, 5);
    for (int i = 0; i < 30; ++i) pass(3, 10, 8'000);
    EXPECT_NEAR(own_.service_us, 8'000, 20);
    EXPECT_NEAR(own_.region_us, 8'000, 30);
}

TEST_F(OwnLoadTest, WhatTakesLongerThanUsualIsSlow) {
    for (int i = 0; i < 20; ++i) {
        pass(3, 20, 1'000);
        pass(9, 5, 90'000);  // another mix is not another speed
    }
    for (int i = 0; i < 20; ++i) pass(9, 5, 90'000);
    EXPECT_EQ(own_.slow_permille, 1000u);
    for (int i = 0; i < 8; ++i) {
        pass(3, 10, 4'000);
        pass(9, 5, 360'000);
    }
    EXPECT_GT(own_.slow_permille, 2'000u);
    EXPECT_LT(own_.slow_permille, 4'000u);
    for (int i = 0; i < 600; ++i) pass(3, 0, 0);
    EXPECT_EQ(own_.slow_permille, 1000u) << "a minute of silence: nobody knows any more";
}

TEST_F(OwnLoadTest, WhatStaysIsUsual) {
    for (int i = 0; i < 20; ++i) pass(3, 20, 1'000);
    for (int i = 0; i < 300; ++i) pass(3, 20, 3'000);
    EXPECT_EQ(own_.slow_permille, 1000u);
}

TEST_F(OwnLoadTest, AnIndexThatIsReusedStartsFromNothing) {
    for (int i = 0; i < 20; ++i) pass(3, 20, 1'000);
    shared_.counters[0]->functions[3].run_us_sum.add(99'000'000);
    meter_->reset(3);
    for (int i = 0; i < 5; ++i) pass(3, 5, 50'000);
    EXPECT_EQ(own_.slow_permille, 1000u) << "not slow, another function";
}

}  // namespace
}  // namespace skerry
