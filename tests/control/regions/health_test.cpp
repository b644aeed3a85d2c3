#include "control/regions/health.hpp"

#include <gtest/gtest.h>

namespace skerry::regions {
namespace {

constexpr HealthLimits kLimits{
    .failures_to_eject = 3, .return_us = 1'000'000, .base_ejection_us = 0};

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

constexpr std::uint64_t kSecond_us = 1'000'000;

// Fails until it is ejected, and answers until it returns; how long that took.
std::uint64_t out_for(Health& health, std::uint64_t& now_us) {
    while (health.state() != Health::State::ejected) health.on_failure(now_us);
    const std::uint64_t start_us = now_us;
    while (health.state() == Health::State::ejected) {
        now_us += 100'000;
        health.on_answer(now_us);
    }
    return now_us - start_us;
}

TEST(Health, EachEjectionIsLongerThanTheOneBefore) {
    Health health({.base_ejection_us = 2 * kSecond_us, .max_ejection_us = 7 * kSecond_us});
    health.on_answer(0);
    std::uint64_t now_us = 0;
    for (const std::uint64_t seconds : {2, 4, 6, 7, 7}) {
        EXPECT_EQ(out_for(health, now_us), seconds * kSecond_us);
        now_us += 1000;
    }
    EXPECT_EQ(health.ejections_of_late(), 5u);
}

TEST(Health, ForgetsOneEjectionWithEachIntervalThatGoesWell) {
    Health health({.base_ejection_us = kSecond_us, .forget_us = 10 * kSecond_us});
    health.on_answer(0);
    std::uint64_t now_us = 0;
    for (int i = 0; i < 4; ++i) (void)out_for(health, now_us);
    now_us += 25 * kSecond_us;  // two intervals
    EXPECT_EQ(out_for(health, now_us), 3 * kSecond_us);
    now_us += 600 * kSecond_us;
    EXPECT_EQ(out_for(health, now_us), kSecond_us);
}

TEST(Health, TimeAloneBringsNobodyBack) {
    Health health({.base_ejection_us = kSecond_us});
    health.on_answer(0);
    for (int i = 0; i < 3; ++i) health.on_failure(0);
    EXPECT_EQ(health.weight_permille(100 * kSecond_us), 0);
    health.on_answer(100 * kSecond_us);
    EXPECT_EQ(health.state(), Health::State::ejected);
    health.on_failure(100 * kSecond_us);
    health.on_answer(100 * kSecond_us);
    EXPECT_EQ(health.state(), Health::State::ejected) << "two in a row";
    health.on_answer(100 * kSecond_us);
    EXPECT_EQ(health.state(), Health::State::returning);
}

TEST(Health, ARestartDoesNotEndAnEjection) {
    Health health({.base_ejection_us = kSecond_us});
    health.on_answer(0);
    for (int i = 0; i < 3; ++i) health.on_failure(0);
    health.on_restart(10);
    EXPECT_EQ(health.state(), Health::State::ejected);
}

TEST(Health, IsEjectedForItsSuccessRateToo) {
    Health health({.base_ejection_us = kSecond_us});
    EXPECT_EQ(health.eject(0), Health::Outcome::none) << "nothing was heard of it yet";
    health.on_answer(0);
    EXPECT_EQ(health.eject(0, false), Health::Outcome::withheld);
    EXPECT_EQ(health.weight_permille(0), 1000);
    EXPECT_EQ(health.eject(0), Health::Outcome::ejected);
    EXPECT_EQ(health.eject(0), Health::Outcome::none) << "it is out";
    EXPECT_EQ(health.ejections_of_late(), 1u);
}

TEST(Health, AnEjectionThatIsWithheldIsAskedForAgain) {
    Health health(kLimits);
    health.on_answer(0);
    health.on_failure(0);
    health.on_failure(0);
    EXPECT_EQ(health.on_failure(0, false), Health::Outcome::withheld);
    EXPECT_EQ(health.state(), Health::State::healthy);
    EXPECT_EQ(health.on_failure(0, true), Health::Outcome::ejected);
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
