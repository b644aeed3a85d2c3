#include "tools/sim/trace.hpp"

#include <gtest/gtest.h>

namespace skerry::sim {
namespace {

constexpr const char* kCounts =
    "HashOwner,HashApp,HashFunction,Trigger,1,2,3\n"
    "o,a,f1,http,0,1,0\n"
    "o,a,f2,timer,5,6,7\r\n";

TEST(Trace, ReadsCountsMostPopularFirst) {
    const auto trace = read_azure_invocations(kCounts, "t");
    ASSERT_TRUE(trace) << trace.error().text;
    EXPECT_EQ(trace->minutes, 3u);
    ASSERT_EQ(trace->functions.size(), 2u);
    EXPECT_EQ(trace->functions[0].key, "o/a/f2");
    EXPECT_EQ(trace->functions[0].total, 18u);
    EXPECT_EQ(trace->count(0, 2), 7u);
    EXPECT_EQ(trace->count(1, 1), 1u);
}

TEST(Trace, AddsDurationsByName) {
    auto trace = read_azure_invocations(kCounts, "t");
    ASSERT_TRUE(trace);
    const auto known = read_azure_durations(
        "HashOwner,HashApp,HashFunction,Average,Count,Minimum\no,a,f1,12.5,9,1\no,b,f1,99,1,1\n",
        "d", *trace);
    ASSERT_TRUE(known) << known.error().text;
    EXPECT_EQ(*known, 1u);
    EXPECT_FLOAT_EQ(trace->functions[1].run_ms, 12.5f);
    EXPECT_FLOAT_EQ(trace->functions[0].run_ms, 0);
}

TEST(Trace, ReadsColdStartsByColumnName) {
    const auto costs = read_cold_starts("id,podallocationcost,totalcost\n1,3,250.5\n2,3,80\n", "c");
    ASSERT_TRUE(costs) << costs.error().text;
    EXPECT_EQ(*costs, (std::vector<float>{250.5f, 80}));
}

TEST(Trace, SaysWhichLineIsWrong) {
    const std::string head = "HashOwner,HashApp,HashFunction,Trigger,1,2\n";
    EXPECT_EQ(read_azure_invocations("", "t").error().text.rfind("t:1:", 0), 0u);
    EXPECT_EQ(read_azure_invocations("a,b\n", "t").error().text.rfind("t:1:", 0), 0u);
    EXPECT_EQ(read_azure_invocations(head + "o,a,f,http,1\n", "t").error().text.rfind("t:2:", 0),
              0u);
    EXPECT_EQ(
        read_azure_invocations(head + "\no,a,f,http,1,-3\n", "t").error().text.rfind("t:3:", 0),
        0u);
    EXPECT_EQ(read_cold_starts("totalcost\nx\n", "c").error().text.rfind("c:2:", 0), 0u);
    EXPECT_EQ(read_cold_starts("cost\n1\n", "c").error().text.rfind("c:1:", 0), 0u);
}

}  // namespace
}  // namespace skerry::sim
