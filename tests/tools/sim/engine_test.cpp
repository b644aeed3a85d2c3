// Whole runs of small worlds.
#include "tools/sim/engine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "tools/sim/brain.hpp"
#include "tools/sim/runner.hpp"

namespace skerry::sim {
namespace {

Scenario small() {
    Scenario s;
    s.name = "small";
    s.seconds = 1200;
    s.warm_up_s = 0;
    s.requests_per_s = 20;
    s.pops.count = 40;
    s.regions.count = 8;
    s.functions.count = 500;
    return s;
}

Run run(Scenario scenario, const std::string& policy, std::uint64_t seed = 1) {
    auto runner = Runner::create(std::move(scenario), seed);
    EXPECT_TRUE(runner) << runner.error().text;
    return (*runner)->run(policy);
}

TEST(Engine, EveryRequestIsAnsweredOnce) {
    std::uint64_t total = 0;
    for (const std::string& policy : all_brains()) {
        const auto made = run(small(), policy);
        const Metrics& m = made.metrics;
        EXPECT_EQ(m.refused + m.failed, 0u) << policy;
        EXPECT_EQ(m.all.total(), made.simulated) << policy;
        if (total == 0) total = made.simulated;
        EXPECT_EQ(made.simulated, total) << policy;  // the same requests, whoever chooses
        EXPECT_NEAR(static_cast<double>(total), 24'000, 1000);
    }
}

TEST(Engine, TheSeedIsTheRun) {
    const auto a = run(small(), "skerry", 7), b = run(small(), "skerry", 7);
    EXPECT_EQ(a.metrics.all.mean(), b.metrics.all.mean());
    EXPECT_EQ(a.metrics.cold, b.metrics.cold);
    const auto c = run(small(), "skerry", 8);
    EXPECT_NE(a.metrics.all.mean(), c.metrics.all.mean());
}

TEST(Engine, NobodyIsBelowTheBound) {
    auto runner = Runner::create(small(), 3);
    ASSERT_TRUE(runner);
    const double bound_us = (*runner)->bound_us();
    EXPECT_GT(bound_us, 0);
    for (const std::string& policy : all_brains())
        EXPECT_GT((*runner)->run(policy).metrics.forwarded.mean(), bound_us) << policy;
}

TEST(Engine, LatencyIsTheSumOfItsParts) {
    const Metrics m = run(small(), "skerry").metrics;
    const double n = static_cast<double>(m.forwarded.total());
    const double parts = (m.network_us + m.wait_us + m.cold_us + m.run_us) / n;
    EXPECT_NEAR(m.forwarded.mean(), parts, 5);
}

TEST(Engine, AFailedRegionIsLeftAndNobodyIsLost) {
    Scenario s = small();
    s.seconds = 600;
    s.requests_per_s = 200;
    s.faults.push_back({.kind = FaultKind::down, .regions = {0}, .from_s = 200, .to_s = 400});
    for (const char* policy : {"nearest", "skerry"}) {
        const Metrics m = run(s, policy).metrics;
        EXPECT_GT(m.extra, 0u);
        EXPECT_EQ(m.refused, 0u);
        EXPECT_LT(m.failed, 60u);  // what it was executing when it died
        EXPECT_GE(m.left_failed_us, 0);
        EXPECT_LT(m.left_failed_us, 1'100'000) << policy;
    }
}

TEST(Engine, PartitionsHitOnlyThoseBehindThem) {
    Scenario s = small();
    s.faults.push_back({.kind = FaultKind::partition,
                        .regions = {0, 1},
                        .from_s = 100,
                        .to_s = 500,
                        .west_deg = 60,
                        .east_deg = 180});
    const Metrics m = run(s, "nearest").metrics;
    EXPECT_EQ(m.refused + m.failed, 0u);
    EXPECT_EQ(m.all.total(), run(small(), "nearest").metrics.all.total());
}

TEST(Engine, LossIsMadeGood) {
    Scenario s = small();
    s.faults.push_back({.kind = FaultKind::loss,
                        .regions = {0, 1, 2, 3},
                        .from_s = 0,
                        .to_s = 1200,
                        .factor = 0.1});
    const Metrics m = run(s, "nearest").metrics;
    EXPECT_GT(m.extra, 500u);
    EXPECT_EQ(m.refused + m.failed, 0u);
}

TEST(Engine, PopularFunctionsRunAtThePop) {
    Scenario s = small();
    s.functions.zipf = 1.5;
    s.pops.popular_per_s = 0.05;
    const Metrics m = run(s, "skerry").metrics;
    EXPECT_GT(m.local, m.all.total() / 5);
    s.pops.workers = 0;
    EXPECT_EQ(run(s, "skerry").metrics.local, 0u);
}

Scenario with_workers() {
    Scenario s;
    s.name = "workers";
    s.seconds = 60;
    s.warm_up_s = 0;
    s.requests_per_s = 50;
    s.pops = {.count = 1, .popular_per_s = 2, .half_life_s = 2, .workers = 4};
    s.regions = {.count = 3, .slots = 8, .keep_alive_s = 3, .report_ms = 100};
    s.network.rtt_ms = {{10, 20, 40}};
    s.functions.count = 12;
    s.functions.run_ms = 60;
    s.workers.modelled = true;
    return s;
}

TEST(EnginePools, EveryRequestIsAnsweredOnceAndTheSeedIsTheRun) {
    for (const bool digest : {true, false}) {
        Scenario s = with_workers();
        s.workers.digest = digest;
        auto runner = Runner::create(s, 5);
        ASSERT_TRUE(runner);
        for (const std::string& policy : all_brains()) {
            if (policy.starts_with("oracle")) continue;
            std::vector<Answer> answers;
            const auto made = (*runner)->run(policy, &answers);
            EXPECT_EQ(made.metrics.refused + made.metrics.failed, 0u) << policy;
            EXPECT_EQ(made.metrics.all.total(), made.simulated) << policy;
            EXPECT_EQ(answers.size(), made.simulated) << policy;
            EXPECT_EQ((*runner)->run(policy).metrics.all.mean(), made.metrics.all.mean()) << policy;
        }
    }
}

TEST(EnginePools, AnAnswerIsTheSumOfItsParts) {
    auto runner = Runner::create(with_workers(), 2);
    ASSERT_TRUE(runner);
    std::multimap<std::int64_t, Arrival> asked;
    auto arrivals = (*runner)->arrivals();
    for (Arrival a; arrivals->next(a);) asked.emplace(a.at_us, a);
    std::vector<Answer> answers;
    (*runner)->run("skerry", &answers);
    ASSERT_EQ(answers.size(), asked.size());
    std::array<int, 4> at{};
    for (const Answer& answer : answers) {
        const bool here = answer.region == Answer::kAtPop;
        ++at[here ? 3 : answer.region];
        if (asked.count(answer.at_us) != 1) continue;
        const Arrival& a = asked.find(answer.at_us)->second;
        ASSERT_EQ(a.function, answer.function);
        const double parts_us = (here ? 0 : (*runner)->world().rtt_us(0, answer.region)) +
                                static_cast<double>(answer.waited_us) +
                                (*runner)->world().run_us(a.function, a.seed);
        EXPECT_NEAR(static_cast<double>(answer.latency_us), parts_us, 3);
        EXPECT_TRUE(answer.waited_us > 0 || !answer.cold);
    }
    for (const int count : at) EXPECT_GT(count, 0) << "every place has a part";
}

TEST(EnginePools, APopKeepsWhatItHasRoomFor) {
    Scenario s = with_workers();
    const auto local = [&] { return run(s, "skerry").metrics.local; };
    const auto few = local();
    s.pops.workers = 12;
    EXPECT_GT(local(), few);
    s.pops.workers = 0;
    EXPECT_EQ(local(), 0u);
}

TEST(Engine, ARolloutMakesCold) {
    Scenario s = small();
    s.functions.zipf = 1.2;
    const auto before = run(s, "skerry").metrics.cold;
    s.rollout = {.at_s = 600, .share = 1, .replicate_s = 10};
    const Metrics m = run(s, "skerry").metrics;
    EXPECT_GT(m.cold, before + 50);
    EXPECT_EQ(m.refused, 0u);
}

TEST(Engine, OverloadQueuesAndSpreads) {
    Scenario s = small();
    s.regions.slots = 4;
    s.requests_per_s = 100;
    s.seconds = 300;
    const Metrics near = run(s, "nearest").metrics;
    const Metrics ours = run(s, "skerry").metrics;
    EXPECT_GT(near.wait_us, 2 * ours.wait_us);
}

}  // namespace
}  // namespace skerry::sim
