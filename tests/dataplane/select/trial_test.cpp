#include "dataplane/select/trial.hpp"

#include <gtest/gtest.h>

#include <random>

namespace skerry::select {
namespace {

constexpr std::uint32_t kNow = 1000;

// A hundred requests, of which one is a control; how long they take is up to the caller.
template <typename Chosen, typename Control>
bool reverts(Trial& trial, int hundreds, const Chosen& chosen, const Control& control) {
    for (int i = 0; i < hundreds; ++i) {
        for (int j = 0; j < 99; ++j) trial.observe(false, chosen(i), kNow);
        trial.observe(true, control(i), kNow);
        if (trial.reverted(kNow)) return true;
    }
    return false;
}

TEST(Trial, RevertsWhatProvesSlowerAndForgetsIt) {
    Trial trial;
    const auto slow = [](int) { return 200e3f; };
    const auto fast = [](int) { return 100e3f; };
    for (int i = 0; i < 100; ++i) trial.observe(false, 200e3f, kNow);
    EXPECT_FALSE(trial.reverted(kNow)) << "nothing to compare with";
    EXPECT_FALSE(reverts(trial, Trial::kLeastControls - 1, slow, fast)) << "too few";
    EXPECT_TRUE(reverts(trial, 1, slow, fast));
    EXPECT_TRUE(trial.reverted(kNow + Trial::kRevert_ms - 1000));
    EXPECT_FALSE(trial.reverted(kNow + Trial::kRevert_ms + 1));
}

TEST(Trial, KeepsWhatIsFaster) {
    Trial trial;
    EXPECT_FALSE(reverts(
        trial, 1000, [](int) { return 100e3f; }, [](int) { return 150e3f; }));
}

TEST(Trial, WithoutOthersAControlSaysNothing) {
    Trial trial;
    for (int i = 0; i < 1000; ++i) trial.observe(true, 1, kNow);
    EXPECT_FALSE(trial.reverted(kNow));
}

// Latencies as they are: most are short, some are ten times as long.
class TrialOfNoise : public testing::Test {
  protected:
    float latency_us(double mean_us) {
        return static_cast<float>(mean_us * spread_(random_) / std::exp(0.5));
    }
    std::mt19937_64 random_{7};
    std::lognormal_distribution<double> spread_{0, 1};
};

TEST_F(TrialOfNoise, NoiseIsNoReason) {
    for (int run = 0; run < 20; ++run) {
        Trial trial;
        EXPECT_FALSE(reverts(
            trial, 5'000, [&](int) { return latency_us(30e3); },
            [&](int) { return latency_us(30e3); }))
            << run;
    }
}

// Nor is a day whose nights are quick: an average of all that was chosen of late, beside one of
// controls that are days old, would differ.
TEST_F(TrialOfNoise, NorIsTheTimeOfDay) {
    Trial trial;
    const auto of_hour = [&](int i) { return latency_us(i / 500 % 2 == 0 ? 20e3 : 60e3); };
    EXPECT_FALSE(reverts(trial, 20'000, of_hour, of_hour));
}

TEST_F(TrialOfNoise, HalfAsSlowAgainIsFoundInSpiteOfIt) {
    for (int run = 0; run < 20; ++run) {
        Trial trial;
        EXPECT_TRUE(reverts(
            trial, 5'000, [&](int) { return latency_us(45e3); },
            [&](int) { return latency_us(30e3); }))
            << run;
    }
}

}  // namespace
}  // namespace skerry::select
