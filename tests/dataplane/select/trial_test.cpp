#include "dataplane/select/trial.hpp"

#include <gtest/gtest.h>

namespace skerry::select {
namespace {

TEST(Trial, RevertsWhatProvesSlowerAndForgetsIt) {
    Trial trial;
    for (int i = 0; i < 100; ++i) trial.observe(false, 200e3f, 1000);
    EXPECT_FALSE(trial.reverted(1000));  // nothing to compare with
    for (int i = 0; i < 8; ++i) trial.observe(true, 100e3f, 2000);
    EXPECT_TRUE(trial.reverted(2000));
    EXPECT_TRUE(trial.reverted(2000 + Trial::kRevert_ms - 1000));
    EXPECT_FALSE(trial.reverted(2000 + Trial::kRevert_ms + 1));
}

TEST(Trial, KeepsWhatIsFaster) {
    Trial trial;
    for (int i = 0; i < 1000; ++i) {
        trial.observe(false, 100e3f, 1000);
        if (i % 10 == 0) trial.observe(true, 150e3f, 1000);
    }
    EXPECT_FALSE(trial.reverted(1000));
}

TEST(Trial, NoiseIsNoReason) {
    Trial trial;
    for (int i = 0; i < 1000; ++i) {
        trial.observe(false, i % 2 == 0 ? 50e3f : 160e3f, 1000);
        if (i % 50 == 0) trial.observe(true, i % 100 == 0 ? 50e3f : 150e3f, 1000);
    }
    EXPECT_FALSE(trial.reverted(1000));
}

}  // namespace
}  // namespace skerry::select
