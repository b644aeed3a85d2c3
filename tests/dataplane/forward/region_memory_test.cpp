// What a core remembers of its regions.
#include "dataplane/forward/region_memory.hpp"

#include <gtest/gtest.h>

namespace skerry {
namespace {

TEST(RegionMemory, CountsWhatRegionsHave) {
    RegionMemory memory;
    EXPECT_EQ(memory.outstanding(3), 0);
    memory.sent(3);
    memory.sent(3);
    memory.sent(63);
    memory.ended(3);
    EXPECT_EQ(memory.outstanding(3), 1);
    EXPECT_EQ(memory.outstanding(63), 1);
    EXPECT_EQ(memory.outstanding(0), 0);
}

TEST(RegionMemory, APeakIsTakenOverAtOnceAndFades) {
    RegionMemory memory;
    EXPECT_EQ(memory.response_us(1, 5'000), 0) << "nothing is known";
    memory.took(1, 10'000, 5'000);
    memory.took(1, 90'000, 5'010);
    EXPECT_EQ(memory.response_us(1, 5'010), 90'000);
    memory.took(1, 10'000, 5'020);
    EXPECT_GT(memory.response_us(1, 5'020), 85'000) << "one that was faster says little";
    const auto later = static_cast<std::uint32_t>(5'020 + RegionMemory::kForget_ms);
    EXPECT_LT(memory.response_us(1, later), 40'000);
    EXPECT_EQ(memory.response_us(2, later), 0);
}

TEST(RegionMemory, AnswersThatStayFastBringItDown) {
    RegionMemory memory;
    std::uint32_t now_ms = 1'000;
    memory.took(1, 500'000, now_ms);
    for (int i = 0; i < 600; ++i) memory.took(1, 20'000, now_ms += 100);
    EXPECT_NEAR(memory.response_us(1, now_ms), 20'000, 3'000);
}

TEST(RegionMemory, TheClockMayWrap) {
    RegionMemory memory;
    memory.took(1, 10'000, 0xffffff00u);
    EXPECT_NEAR(memory.response_us(1, 0x00000010u), 10'000, 400);
}

// 30 ms slower where the policy sends it than where `nearest` would.
void observe_a_slow_choice(select::Trial& trial) {
    for (std::uint32_t i = 0; i < 8 * select::Trial::kLeastControls; ++i) {
        trial.observe(false, 80'000, 1'000);
        if (i % 8 == 0) trial.observe(true, 50'000, 1'000);
    }
}

TEST(RegionMemory, EachFunctionHasItsOwnControlGroup) {
    RegionMemory memory;
    observe_a_slow_choice(memory.trial(7, 0xabc));
    EXPECT_TRUE(memory.trial(7, 0xabc).reverted(2'000));
    EXPECT_FALSE(memory.trial(8, 0xabc).reverted(2'000));
    EXPECT_FALSE(memory.trial(7, 0xabc).reverted(1'000 + select::Trial::kRevert_ms + 1));
}

TEST(RegionMemory, AnIndexThatStandsForAnotherFunctionBeginsAnew) {
    RegionMemory memory;
    observe_a_slow_choice(memory.trial(7, 0xabc));
    EXPECT_FALSE(memory.trial(7, 0xdef).reverted(2'000));
    EXPECT_FALSE(memory.trial(7, 0xabc).reverted(2'000)) << "what was forgotten stays so";
}

TEST(RegionMemory, TellsARegionsLoadOnceAMillisecond) {
    RegionMemory memory;
    EXPECT_TRUE(memory.may_tell(1, 0)) << "the first time, whatever the clock says";
    EXPECT_FALSE(memory.may_tell(1, 0));
    EXPECT_TRUE(memory.may_tell(2, 0)) << "each region for itself";
    EXPECT_TRUE(memory.may_tell(1, 1));
    EXPECT_TRUE(memory.may_tell(1, 0xffffffffu));
}

}  // namespace
}  // namespace skerry
