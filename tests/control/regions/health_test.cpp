#include "control/regions/health.hpp"

#include <gtest/gtest.h>

namespace skerry::regions {
namespace {

constexpr HealthLimits kLimits{.failures_to_eject = 3, .return_us = 1'000'000};

TEST(Health, IsNotChosenBeforeItWasHeard) {
    Health health(kLimits);
    EXPECT_EQ(health.weight_permille(0), 0);
    health.on_answer(1);
    EXPECT_EQ(health.weight_permille(1), 1000);
}

TEST(Health, IsEjectedAfterConsecutiveFailuresOnly) {
    Health health(kLimits);
    health.on_answer(0);
    for (int i = 0; i < 5; ++i) {
        health.on_failure(i);
        health.on_failure(i);
        health.on_answer(i);
    }
    EXPECT_EQ(health.state(), Health::State::healthy);
    for (int i = 0; i < 3; ++i) health.on_failure(10);
    EXPECT_EQ(health.state(), Health::State::ejected);
    EXPECT_EQ(health.weight_permille(10), 0);
}

TEST(Health, ComesBackInSteps) {
    Health health(kLimits);
    health.on_answer(0);
    for (int i = 0; i < 3; ++i) health.on_failure(0);
    health.on_answer(100);
    EXPECT_EQ(health.weight_permille(100), 0) << "one answer may be chance";
    health.on_answer(200);
    std::uint16_t last = 0;
    for (std::uint64_t now = 200; now < 200 + kLimits.return_us; now += 50'000) {
        const std::uint16_t weight = health.weight_permille(now);
        EXPECT_GE(weight, last);
        EXPECT_GE(weight, 100);
        last = weight;
    }
    EXPECT_EQ(health.weight_permille(200 + kLimits.return_us), 1000);
    EXPECT_EQ(health.state(), Health::State::healthy);
}

TEST(Health, AFailureWhileReturningEjectsAtOnce) {
    Health health(kLimits);
    health.on_answer(0);
    for (int i = 0; i < 3; ++i) health.on_failure(0);
    health.on_answer(1);
    health.on_answer(2);
    health.on_failure(3);
    EXPECT_EQ(health.state(), Health::State::ejected);
}

TEST(Health, ARestartedServerStartsSlowly) {
    Health health(kLimits);
    health.on_answer(0);
    health.on_restart(10);
    EXPECT_EQ(health.weight_permille(10), 100);
    EXPECT_FALSE(health.measured());
}

TEST(Health, SmoothsRoundTripsAsRfc6298) {
    Health health(kLimits);
    health.on_round_trip(1000);
    EXPECT_EQ(health.rtt_us(), 1000u);
    EXPECT_EQ(health.rtt_variation_us(), 500u);
    health.on_round_trip(2000);
    EXPECT_EQ(health.rtt_variation_us(), (3 * 500 + 1000) / 4u);
    EXPECT_EQ(health.rtt_us(), (7 * 1000 + 2000) / 8u);
    for (int i = 0; i < 200; ++i) health.on_round_trip(3000);
    EXPECT_NEAR(health.rtt_us(), 3000, 10);
}

TEST(Health, AMuchShorterRoundTripBeginsAnew) {
    Health health(kLimits);
    health.on_round_trip(400'000);  // it waited in the buffer of a server that was starting
    health.on_round_trip(4'000);
    EXPECT_EQ(health.rtt_us(), 4'000u);
    EXPECT_EQ(health.rtt_variation_us(), 2'000u);
    health.on_round_trip(3'000);
    EXPECT_EQ(health.rtt_us(), (7 * 4'000 + 3'000) / 8u) << "not for ordinary jitter";
}

}  // namespace
}  // namespace skerry::regions
