#include "control/popularity/merged.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>

namespace skerry::popularity {
namespace {

class MergedTest : public ::testing::Test {
  protected:
    static constexpr double kHalfLife_s = 10;

    void add(std::uint32_t core, std::uint64_t function, std::uint32_t times) {
        for (std::uint32_t i = 0; i < times; ++i) all_[core]->add(key_, function);
    }
    void step(double passed_s = 1) {
        const Sketch* both[] = {all_[0].get(), all_[1].get()};
        merged_.step(both, passed_s);
    }

    SketchKey key_;
    std::unique_ptr<Sketch> all_[2] = {std::make_unique<Sketch>(), std::make_unique<Sketch>()};
    Merged merged_{key_, 2, kHalfLife_s};
};

TEST_F(MergedTest, NothingIsNothing) {
    step();
    EXPECT_EQ(merged_.per_s(7), 0);
    EXPECT_EQ(merged_.all_per_s(), 0);
    EXPECT_EQ(merged_.noise_per_s(), 0);
}

TEST_F(MergedTest, CoresAreAddedAndTheRateComesOut) {
    for (int i = 0; i < 100; ++i) {
        add(0, 7, 10);
        add(1, 7, 20);
        step();
    }
    EXPECT_NEAR(merged_.per_s(7), 30, 1);
    EXPECT_NEAR(merged_.all_per_s(), 30, 1);
}

TEST_F(MergedTest, ItFades) {
    for (int i = 0; i < 100; ++i) {
        add(0, 7, 10);
        step();
    }
    const double before = merged_.per_s(7);
    for (int i = 0; i < 10; ++i) step();
    EXPECT_NEAR(merged_.per_s(7), before / 2, before * 0.01) << "one half-life later";
    step(1000);
    EXPECT_LT(merged_.per_s(7), 1e-6);
}

TEST_F(MergedTest, StepsOfAnyLengthComeToTheSame) {
    for (int i = 0; i < 40; ++i) {
        add(0, 7, i % 4 == 3 ? 40 : 0);
        step(0.25);
    }
    Merged other(key_, 2, kHalfLife_s);
    const Sketch* both[] = {all_[0].get(), all_[1].get()};
    other.step(both, 10);
    EXPECT_NEAR(merged_.per_s(7), other.per_s(7), other.per_s(7) * 0.1);
}

TEST_F(MergedTest, WhatHasBeenTakenIsNotTakenAgain) {
    add(0, 7, 5);
    step();
    const double once = merged_.per_s(7);
    EXPECT_GT(once, 0);
    step();
    EXPECT_LT(merged_.per_s(7), once);
}

TEST_F(MergedTest, AmongManyItIsRightOnAverageAndTheBusyOnesStandOut) {
    std::mt19937_64 random(5);
    std::vector<std::uint64_t> crowd(20'000);
    for (std::uint64_t& each : crowd) each = random();
    const std::uint64_t busy = random();
    for (int i = 0; i < 60; ++i) {
        for (std::size_t f = static_cast<std::size_t>(i) % 10; f < crowd.size(); f += 10)
            add(0, crowd[f], 1);
        add(1, busy, 20);
        step();
    }
    double sum = 0;
    std::uint32_t above = 0;
    for (const std::uint64_t each : crowd) {
        sum += merged_.per_s(each);
        above += merged_.per_s(each) > 5 * merged_.noise_per_s();
    }
    const double truth = 0.1 * (1 - std::exp2(-6));
    EXPECT_NEAR(sum / static_cast<double>(crowd.size()), truth, truth)
        << "five others are in each cell, and are not taken for its own";
    EXPECT_NEAR(merged_.per_s(busy), 20, 2);
    EXPECT_GT(merged_.per_s(busy), 5 * merged_.noise_per_s());
    EXPECT_LT(above, crowd.size() / 1000);
}

}  // namespace
}  // namespace skerry::popularity
