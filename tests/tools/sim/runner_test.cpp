// Scenarios that name traces.
#include "tools/sim/runner.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace skerry::sim {
namespace {

class Traces : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "skerry-traces.XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        s_.name = "traces";
        s_.seconds = 180;
        s_.warm_up_s = 0;
        s_.pops.count = 20;
        s_.regions.count = 4;
        s_.functions.run_noise = 0;
        s_.functions.cold_noise = 0;
        s_.trace = file("counts.csv",
                        "HashOwner,HashApp,HashFunction,Trigger,1,2,3\n"
                        "o,a,rare,http,1,0,2\n"
                        "o,a,often,http,200,100,300\n");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string file(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
        return folder_ / name;
    }
    std::string refusal() {
        auto runner = Runner::create(s_, 1);
        return runner ? "none" : runner.error().text;
    }

    std::filesystem::path folder_;
    Scenario s_;
};

TEST_F(Traces, EveryInvocationOfTheTraceComes) {
    auto runner = Runner::create(s_, 1);
    ASSERT_TRUE(runner) << runner.error().text;
    EXPECT_EQ((*runner)->world().functions.size(), 2u);
    const auto made = (*runner)->run("nearest");
    EXPECT_EQ(made.metrics.all.total(), 603u);
}

TEST_F(Traces, DurationsAreTheTracesWhereItHasThem) {
    const float generated_us = (*Runner::create(s_, 1))->world().functions[1].run_us;
    s_.durations =
        file("durations.csv", "HashOwner,HashApp,HashFunction,Average,Count\no,a,often,40,600\n");
    auto runner = Runner::create(s_, 1);
    ASSERT_TRUE(runner) << runner.error().text;
    EXPECT_FLOAT_EQ((*runner)->world().functions[0].run_us, 40'000);
    EXPECT_EQ((*runner)->world().functions[1].run_us, generated_us);
    EXPECT_NEAR((*runner)->run("nearest").metrics.run_us / 600, 40'000, 2'000);
}

TEST_F(Traces, MeansStayMeansWithNoise) {
    s_.functions.run_noise = 0.8;
    s_.durations =
        file("durations.csv", "HashOwner,HashApp,HashFunction,Average,Count\no,a,often,40,600\n");
    auto runner = Runner::create(s_, 1);
    ASSERT_TRUE(runner) << runner.error().text;
    EXPECT_FLOAT_EQ((*runner)->world().usual_run_us(0), 40'000);
}

TEST_F(Traces, ColdStartsAreOfTheSample) {
    s_.cold_starts = file("cold.csv", "id,totalcost\n1,70\n2,900\n");
    auto runner = Runner::create(s_, 1);
    ASSERT_TRUE(runner) << runner.error().text;
    for (const FunctionTraits& function : (*runner)->world().functions)
        EXPECT_TRUE(function.cold_us == 70'000 || function.cold_us == 900'000) << function.cold_us;
}

TEST_F(Traces, FilesOfNoUseAreRefused) {
    s_.durations = file("others.csv", "HashOwner,HashApp,HashFunction,Average,Count\nx,y,z,1,1\n");
    EXPECT_NE(refusal().find("found none of the trace's functions"), std::string::npos);
    s_.durations = folder_ / "missing.csv";
    EXPECT_NE(refusal().find("missing.csv"), std::string::npos);
    s_.durations.clear();
    s_.cold_starts = file("empty.csv", "totalcost\n");
    EXPECT_NE(refusal().find("found no starts"), std::string::npos);
}

}  // namespace
}  // namespace skerry::sim
