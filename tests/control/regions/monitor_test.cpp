// The monitor against core 0 and regions played by the test, which also moves the clock.
#include <optional>

#include "dataplane/load/to_region_load.hpp"
#include "tests/control/regions/monitor_rig.hpp"

namespace skerry::regions {
namespace {

[[maybe_unused]] const auto* environment = test::add_eal();

TEST_F(MonitorTest, ProbesEachPeriodMoreOrLess) {
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 60'000'000);
    ASSERT_GE(sent_us_.size(), 200u);
    std::uint64_t shortest_us = ~0ull, longest_us = 0;
    for (std::size_t i = 1; i < sent_us_.size(); ++i) {
        const std::uint64_t gap_us = sent_us_[i] - sent_us_[i - 1];
        shortest_us = std::min(shortest_us, gap_us);
        longest_us = std::max(longest_us, gap_us);
        EXPECT_NE(tokens_[i], 0u);
        EXPECT_NE(tokens_[i] - tokens_[i - 1], 2u) << "a counter can be guessed";
    }
    EXPECT_GE(shortest_us, kPeriod_us * 8 / 10);
    EXPECT_LE(longest_us, kPeriod_us * 12 / 10 + 2 * kStep_us);
    EXPECT_LT(shortest_us, kPeriod_us * 9 / 10) << "no jitter";
    EXPECT_GT(longest_us, kPeriod_us * 11 / 10) << "no jitter";
}

TEST_F(MonitorTest, TellsThePacketPathWhatItHeard) {
    Monitor monitor(shared_, 1, kLimits, 7);
    RegionNumbers numbers;
    pass(monitor, kStep_us);
    ASSERT_TRUE(shared_.region_numbers[0].read(numbers));
    EXPECT_EQ(numbers.weight_permille, 0) << "nothing heard yet";
    pass(monitor, 1'000'000);
    ASSERT_TRUE(shared_.region_numbers[0].read(numbers));
    EXPECT_EQ(numbers.weight_permille, 1000);
    EXPECT_NEAR(numbers.rtt_us, 20'000, 10);
    EXPECT_EQ(numbers.slots, 4u) << "what it does not say is what it has";
    EXPECT_EQ(numbers.service_us, kUnknownService_us);
    EXPECT_EQ(numbers.slow_permille, 1000u);
    EXPECT_EQ(numbers.cookie, 99u);
    EXPECT_GT(numbers.fresh_until_tsc, rte_rdtsc());
    EXPECT_TRUE(look(monitor).fresh);
}

TEST_F(MonitorTest, TheOperatorsWeightTakesItsPartOfTheShare) {
    MonitorLimits limits = kLimits;
    limits.weight_percent = {25};
    Monitor monitor(shared_, 2, limits, 7);
    pass(monitor, 1'000'000);
    RegionNumbers numbers;
    ASSERT_TRUE(shared_.region_numbers[0].read(numbers));
    EXPECT_EQ(numbers.weight_permille, 250);
    EXPECT_EQ(look(monitor).weight_permille, 250u);
    EXPECT_EQ(look(monitor).state, Health::State::healthy);
    boot_id_ = 6;  // a new server there: it returns in steps
    pass(monitor, 2 * kPeriod_us);
    EXPECT_GT(look(monitor).weight_permille, 0u);
    EXPECT_LT(look(monitor).weight_permille, 250u);
}

TEST_F(MonitorTest, AWeightOfNoneIsNoneAndASmallOneIsSome) {
    MonitorLimits limits = kLimits;
    limits.weight_percent = {0};
    Monitor none(shared_, 1, limits, 7);
    pass(none, 1'000'000);
    EXPECT_EQ(look(none).weight_permille, 0u);
    EXPECT_EQ(look(none).state, Health::State::healthy);
    limits.weight_percent = {1};
    boot_id_ = 5;
    out_.clear();
    Monitor some(shared_, 1, limits, 7);
    pass(some, 1'000'000);
    boot_id_ = 6;
    pass(some, 2 * kPeriod_us);
    EXPECT_GE(look(some).weight_permille, 1u) << "a part of one percent";
}

TEST_F(MonitorTest, ADeadRegionIsEjectedAndComesBackSlowly) {
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 2'000'000);
    up_ = false;
    pass(monitor, 2'500'000);
    EXPECT_EQ(look(monitor).state, Health::State::ejected);
    EXPECT_EQ(look(monitor).weight_permille, 0u);
    pass(monitor, 20'000'000);
    sent_us_.clear();
    up_ = true;
    pass(monitor, 10 * kPeriod_us);
    EXPECT_GE(sent_us_.size(), 2u) << "it is still asked";
    for (int i = 0; i < 1000 && look(monitor).state == Health::State::ejected; ++i)
        pass(monitor, 10'000);
    ASSERT_NE(look(monitor).state, Health::State::ejected);
    pass(monitor, kLimits.health.return_us);
    EXPECT_EQ(look(monitor).state, Health::State::healthy);
}

TEST_F(MonitorTest, WhatReturnsGetsItsShareInSteps) {
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 1'000'000);
    up_ = false;
    pass(monitor, 3'000'000);
    up_ = true;
    while (look(monitor).state == Health::State::ejected) pass(monitor, kStep_us);
    std::uint32_t last = look(monitor).weight_permille;
    EXPECT_LE(last, 200u);
    int steps = 0;
    for (int i = 0; i < 1100; ++i) {
        pass(monitor, kStep_us);
        const std::uint32_t weight = look(monitor).weight_permille;
        EXPECT_GE(weight, last);
        steps += weight != last;
        last = weight;
    }
    EXPECT_EQ(last, 1000u);
    EXPECT_GE(steps, 5);
}

TEST_F(MonitorTest, SilentRequestsCountAsFailures) {
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 1'000'000);
    RegionCounters& counters = shared_.counters[0]->regions[0];
    counters.silent.add(2);
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).consecutive_failures, 2u);
    counters.answered.add();
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).consecutive_failures, 0u) << "an answer shows that it lives";
    counters.silent.add(3);
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).state, Health::State::ejected);
    counters.answered.add();
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).state, Health::State::ejected) << "probes decide on the way back";
}

TEST_F(MonitorTest, TellsTheLoadThatProbesBring) {
    Monitor monitor(shared_, 1, kLimits, 7);
    in_flight_ = 4;
    waiting_ = 6;
    slots_ = 4;
    service_us_ = 50'000;
    slow_permille_ = 3'000;
    pass(monitor, 1'000'000);
    RegionNumbers numbers;
    ASSERT_TRUE(shared_.region_numbers[0].read(numbers));
    EXPECT_EQ(numbers.slots, 4u);
    EXPECT_EQ(numbers.service_us, 50'000u);
    EXPECT_EQ(numbers.slow_permille, 3'000u);
    const RegionLoad load = shared_.region_loads.read(0);
    EXPECT_EQ(load.in_flight, 10);
    EXPECT_EQ(load.waiting, 6);
    EXPECT_GT(load.wait_us, 6u * 50'000 / 4);
}

TEST_F(MonitorTest, NoNumberOfARegionsIsTakenAsItIs) {
    Monitor monitor(shared_, 1, kLimits, 7);
    in_flight_ = waiting_ = slots_ = service_us_ = slow_permille_ = ~0u;
    pass(monitor, 1'000'000);
    RegionNumbers numbers;
    ASSERT_TRUE(shared_.region_numbers[0].read(numbers));
    EXPECT_LE(numbers.service_us, 600'000'000u);
    EXPECT_LE(numbers.region_us, 600'000'000u);
    EXPECT_EQ(numbers.slow_permille, 100'000u);
    EXPECT_EQ(shared_.region_loads.read(0).wait_us, 60'000'000u);
}

TEST_F(MonitorTest, ProbesAreLongerWhereThatIsUnderstood) {
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 1'000'000);
    EXPECT_EQ(probe_bytes_, 32u);
    longer_ = 1;
    pass(monitor, 1'000'000);
    EXPECT_EQ(probe_bytes_, 64u);
    up_ = false;  // an older server takes its place, which refuses such a probe
    pass(monitor, 1'000'000);
    EXPECT_EQ(probe_bytes_, 32u);
}

constexpr OutlierLimits kOutliers{.interval_us = 1'000'000, .request_volume = 10};

TEST_F(MonitorTest, ARegionThatFailsItsRequestsIsEjectedThoughItAnswersProbes) {
    MonitorLimits limits = kLimits;
    limits.outliers = kOutliers;
    all_up_ = true;
    Monitor monitor(shared_, 3, limits, 7);
    pass(monitor, 2'000'000);
    const auto fail = [&](std::uint32_t region, std::uint64_t requests, std::uint64_t failures) {
        shared_.counters[0]->regions[region].replies.add(requests);
        shared_.counters[0]->regions[region].answered.add(requests);
        shared_.counters[0]->regions[region].faulty.add(failures);
    };
    fail(0, 100, 60);
    fail(1, 9, 9);
    fail(2, 100, 40);
    bool out = false;
    for (int i = 0; i < 1500 && !out; ++i) {
        pass(monitor, kStep_us);
        out = look(monitor).state == Health::State::ejected;
    }
    EXPECT_TRUE(out);
    EXPECT_EQ(look(monitor).ejections_rate, 1u);
    EXPECT_GT(look(monitor).ejected_for_us, 0u);
    EXPECT_EQ(monitor.standing(1, now_us_).state, Health::State::healthy) << "too few to say";
    EXPECT_EQ(monitor.standing(2, now_us_).state, Health::State::healthy);
    pass(monitor, 3'000'000);
    EXPECT_EQ(look(monitor).state, Health::State::healthy);
}

TEST_F(MonitorTest, NoMoreThanAShareIsEjected) {
    MonitorLimits limits = kLimits;
    limits.outliers = kOutliers;
    limits.health.base_ejection_us = 60'000'000;
    all_up_ = true;
    Monitor monitor(shared_, 4, limits, 7);
    pass(monitor, 2'000'000);
    for (std::uint32_t r = 0; r < 4; ++r) {
        shared_.counters[0]->regions[r].replies.add(100);
        shared_.counters[0]->regions[r].faulty.add(60 + r);
    }
    pass(monitor, 1'100'000);
    std::uint32_t ejected = 0, withheld = 0;
    for (std::uint32_t r = 0; r < 4; ++r) {
        ejected += monitor.standing(r, now_us_).state == Health::State::ejected;
        withheld += monitor.standing(r, now_us_).ejections_withheld != 0;
    }
    EXPECT_EQ(ejected, 2u) << "half of them";
    EXPECT_EQ(withheld, 2u);
    EXPECT_EQ(monitor.standing(3, now_us_).state, Health::State::ejected) << "the worst first";
    EXPECT_EQ(monitor.standing(3, now_us_).weight_permille, 0u);
    shared_.counters[0]->regions[0].silent.add(5);
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).state, Health::State::healthy) << "nor for silence of requests";
}

TEST_F(MonitorTest, WhenTooManyAreEjectedNoneIs) {
    MonitorLimits limits = kLimits;
    limits.outliers = kOutliers;
    limits.outliers.max_ejected_percent = 100;
    limits.health.base_ejection_us = 60'000'000;
    all_up_ = true;
    Monitor monitor(shared_, 3, limits, 7);
    pass(monitor, 2'000'000);
    const auto silence = [&](std::uint32_t region) {
        shared_.counters[0]->regions[region].silent.add(3);
        monitor.step(now_us_);
    };
    silence(0);
    EXPECT_EQ(look(monitor).weight_permille, 0u);
    EXPECT_FALSE(look(monitor).in_panic);
    silence(1);
    EXPECT_EQ(monitor.standing(1, now_us_).state, Health::State::ejected);
    EXPECT_TRUE(look(monitor).in_panic) << "one of three is left";
    EXPECT_EQ(look(monitor).weight_permille, 1000u);
    EXPECT_EQ(monitor.standing(1, now_us_).weight_permille, 1000u);
    RegionNumbers numbers;
    ASSERT_TRUE(shared_.region_numbers[1].read(numbers));
    EXPECT_EQ(numbers.weight_permille, 1000u);
    up_ = false;  // now no probe is answered either: nothing could be had of them
    pass(monitor, 2'000'000);
    EXPECT_FALSE(look(monitor).in_panic);
    EXPECT_EQ(look(monitor).weight_permille, 0u);
}

TEST_F(MonitorTest, ANewServerAtTheAddressIsNoticed) {
    Monitor monitor(shared_, 2, kLimits, 7);
    pass(monitor, 1'000'000);
    EXPECT_EQ(monitor.take_changed(), 1u) << "heard for the first time";
    EXPECT_EQ(monitor.take_changed(), 0u);
    boot_id_ = 6;
    pass(monitor, 2 * kPeriod_us);
    EXPECT_EQ(monitor.take_changed(), 1u);
    EXPECT_EQ(look(monitor).state, Health::State::returning);
    EXPECT_EQ(look(monitor).boot_id, 6u);
    catalog_epoch_ = 2;
    pass(monitor, 2 * kPeriod_us);
    EXPECT_EQ(monitor.take_changed(), 1u);
}

// The first probe waits while the region starts; of those that follow, single ones get lost.
TEST_F(MonitorTest, OneLostProbeDoesNotTakeAHealthyRegionAway) {
    rtt_us_ = 450'000;
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 500'000);
    for (const std::uint64_t usual_us : {4'000, 100'000, 300'000}) {
        rtt_us_ = usual_us;
        pass(monitor, 3'000'000);
        const std::size_t probes = tokens_.size();
        up_ = false;
        while (tokens_.size() == probes) pass(monitor, kStep_us);
        const std::uint64_t lost_us = now_us_;
        up_ = true;
        const std::uint64_t heard = look(monitor).probes_answered;
        while (look(monitor).probes_answered == heard) pass(monitor, kStep_us);
        EXPECT_LT(now_us_ - lost_us, 900'000u) << usual_us << ": less than fresh_us since the last";
        EXPECT_EQ(look(monitor).state, Health::State::healthy);
    }
}

TEST_F(MonitorTest, AnsweredRequestsKeepItFresh) {
    Monitor monitor(shared_, 1, kLimits, 7);
    pass(monitor, 1'000'000);
    RegionNumbers before, after;
    ASSERT_TRUE(shared_.region_numbers[0].read(before));
    shared_.counters[0]->regions[0].answered.add();
    monitor.step(now_us_);
    ASSERT_TRUE(shared_.region_numbers[0].read(after));
    EXPECT_GT(after.fresh_until_tsc, before.fresh_until_tsc);
}

TEST_F(MonitorTest, ALongerWayIsLearned) {
    for (const std::uint64_t rtt_us : {300'000, 600'000, 900'000, 1'500'000, 1'900'000}) {
        SCOPED_TRACE(rtt_us);
        rtt_us_ = 20'000;
        out_.clear();
        Monitor monitor(shared_, 1, kLimits, 7);
        pass(monitor, 10'000'000);
        EXPECT_EQ(look(monitor).state, Health::State::healthy);
        rtt_us_ = rtt_us;
        pass(monitor, 60'000'000);
        EXPECT_EQ(look(monitor).state, Health::State::healthy);
        EXPECT_NEAR(look(monitor).rtt_us, rtt_us, rtt_us / 5);
        EXPECT_EQ(look(monitor).consecutive_failures, 0u);
    }
}

TEST_F(MonitorTest, AnAnswerNobodyAskedForIsNotTaken) {
    Monitor monitor(shared_, 1, kLimits, 7);
    up_ = false;
    pass(monitor, kStep_us);
    ASSERT_EQ(tokens_.size(), 1u);
    answer({tokens_[0] + 2, 0, 1});
    answer({0, 0, 1});
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).probes_answered, 0u);
    answer({tokens_[0], 0, 1});
    answer({tokens_[0], 0, 1});
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).probes_answered, 1u) << "once";
    answer({0, 0, 1});
    monitor.step(now_us_);
    EXPECT_EQ(look(monitor).probes_answered, 1u) << "none is out";
}

}  // namespace
}  // namespace skerry::regions
