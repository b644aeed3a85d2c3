// What a pattern costs, and what is said of it. No time is asserted: the limits are the test's.
#include "control/routes/judge.hpp"

#include <gtest/gtest.h>

namespace skerry::routes {
namespace {

TEST(Judge, MeasuresWhatAPatternCosts) {
    const Costs costs = measure("/a[0-9]+/.*");
    EXPECT_GT(costs.database_bytes, 0u);
    EXPECT_GT(costs.longest_ns, 0u);
}

TEST(Judge, SaysWhatIsHeavyAndRefusesWhatIsTooMuch) {
    const CostLimits limits;
    EXPECT_EQ(judge_costs({1000, 1000}, limits).judgement, Judgement::fine);
    EXPECT_EQ(judge_costs({1000, 1000}, limits).text, "");
    const Verdict slow = judge_costs({1000, limits.heavy_ns + 1}, limits);
    EXPECT_EQ(slow.judgement, Judgement::heavy);
    EXPECT_NE(slow.text.find("20001 ns"), std::string::npos) << slow.text;
    EXPECT_EQ(judge_costs({limits.heavy_bytes + 1, 0}, limits).judgement, Judgement::heavy);
    EXPECT_EQ(judge_costs({limits.refused_bytes + 1, 0}, limits).judgement, Judgement::refused);
    EXPECT_EQ(judge_costs({limits.heavy_bytes + 1, limits.refused_ns + 1}, limits).judgement,
              Judgement::refused);
}

TEST(Judge, RefusesWhatHyperscanRefuses) {
    const Verdict bad = judge("/a(");
    EXPECT_EQ(bad.judgement, Judgement::refused);
    EXPECT_EQ(bad.at, 2);
    EXPECT_NE(bad.text.find("parenthesis"), std::string::npos);
    // Compiles in no memory.
    const Verdict large = judge("/(a{1,30000}b{1,30000}){100}");
    EXPECT_EQ(large.judgement, Judgement::refused) << large.text;
}

TEST(Judge, ALargeDatabaseIsRefusedForItsSize) {
    CostLimits limits;
    limits.heavy_ns = limits.refused_ns = ~0ull;
    limits.heavy_bytes = 10;
    limits.refused_bytes = 100;
    EXPECT_EQ(judge("/(.*a.{200}b|.*c.{100}d)", limits).judgement, Judgement::refused);
}

}  // namespace
}  // namespace skerry::routes
