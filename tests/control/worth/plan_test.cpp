#include "control/worth/plan.hpp"

#include <gtest/gtest.h>

namespace skerry::worth {
namespace {

Candidate popular(std::uint64_t key, double rate_per_s, std::uint32_t workers = 0) {
    return {.key = key,
            .warm_max = 16,
            .rate_per_s = rate_per_s,
            .steady_per_s = rate_per_s,
            .run_us = 1000,
            .saved_us = 20'000,
            .start_us = 5000,
            .workers = workers,
            .was_popular = workers != 0};
}

Verdict alone(const Candidate& candidate, const Budget& budget = {}) {
    return plan(std::span(&candidate, 1), budget)[0];
}

TEST(ErlangB, KnownValues) {
    EXPECT_DOUBLE_EQ(erlang_b(0, 3), 1);
    EXPECT_DOUBLE_EQ(erlang_b(1, 1), 0.5);
    EXPECT_NEAR(erlang_b(10, 5), 0.018385, 1e-6);  // from published tables
    EXPECT_NEAR(erlang_b(20, 12), 0.0098, 5e-5);
    EXPECT_EQ(erlang_b(1, 0), 0);
}

TEST(Plan, UnpopularFunctionsGetNothing) {
    const Verdict verdict = alone(popular(1, 1));
    EXPECT_EQ(verdict.workers, 0u);
    EXPECT_EQ(verdict.why, Why::unpopular);
    EXPECT_FALSE(verdict.popular);
}

TEST(Plan, HalfTheRateToStay) {
    EXPECT_FALSE(alone(popular(1, 3)).popular);
    EXPECT_TRUE(alone(popular(1, 3, 1)).popular);
    EXPECT_FALSE(alone(popular(1, 2, 1)).popular);
}

TEST(Plan, AsManyAsCatchEnough) {
    EXPECT_EQ(alone(popular(1, 6)).workers, 1u);
    Candidate slow = popular(1, 100);
    slow.run_us = 20'000;  // two are busy on average
    const Verdict verdict = alone(slow, {.starts = 64});
    EXPECT_GE(verdict.workers, 4u);
    EXPECT_LE(verdict.workers, 7u);
    EXPECT_EQ(verdict.why, Why::enough);
    slow.slots = 8;  // of one worker
    EXPECT_EQ(alone(slow, {.starts = 64}).workers, 1u);
}

TEST(Plan, OneMoreWhenAllAreBusyWhateverTheMeanSays) {
    Candidate bursty = popular(1, 10, 3);
    bursty.all_busy = true;
    EXPECT_EQ(alone(bursty).workers, 4u);
    bursty.warm_max = 3;
    EXPECT_EQ(alone(bursty).why, Why::most);
}

TEST(Plan, TheOwnersPolicyHolds) {
    Candidate candidate = popular(1, 50);
    candidate.warm_min = 2;
    candidate.place = Place::region;
    EXPECT_EQ(alone(candidate).workers, 0u);
    EXPECT_EQ(alone(candidate, {.is_pop = false}).workers, 2u);
    candidate.place = Place::automatic;
    EXPECT_EQ(alone(candidate).workers, 2u);
    EXPECT_EQ(alone(candidate, {.is_pop = false}).workers, 0u);
    candidate.rate_per_s = candidate.steady_per_s = 0;
    EXPECT_EQ(alone(candidate).workers, 2u);
    EXPECT_EQ(alone(candidate).why, Why::pinned);
    candidate.current = false;
    EXPECT_EQ(alone(candidate).workers, 0u);
    EXPECT_EQ(alone(candidate).why, Why::old_version);
}

TEST(Plan, NothingForWhatARegionAnswersAsSoon) {
    Candidate candidate = popular(1, 50);
    candidate.saved_us = 0;
    EXPECT_EQ(alone(candidate).why, Why::no_gain);
    candidate.place = Place::pop;  // nobody else may
    EXPECT_GE(alone(candidate).workers, 1u);
}

TEST(Plan, MemoryGoesToWhoSavesMost) {
    std::vector<Candidate> all = {popular(1, 20), popular(2, 40), popular(3, 30)};
    const auto verdicts = plan(all, {.memory_mib = 256});
    EXPECT_EQ(verdicts[0].workers, 0u);
    EXPECT_EQ(verdicts[0].why, Why::no_room);
    EXPECT_EQ(verdicts[1].workers, 1u);
    EXPECT_EQ(verdicts[2].workers, 1u);
    all[0].saved_us *= 10;  // its regions are far
    EXPECT_EQ(plan(all, {.memory_mib = 256})[0].workers, 1u);
    all[0].saved_us /= 10;
    all[0].weight = 10;  // its owner cares
    EXPECT_EQ(plan(all, {.memory_mib = 256})[0].workers, 1u);
}

TEST(Plan, MemoryIsPartOfThePrice) {
    std::vector<Candidate> all = {popular(1, 40), popular(2, 30), popular(3, 30)};
    for (Candidate& each : all) each.warm_max = 1;
    all[0].memory_mib = 512;
    const auto verdicts = plan(all, {.workers = 1000, .memory_mib = 512});
    EXPECT_EQ(verdicts[0].workers, 0u);
    EXPECT_EQ(verdicts[1].workers + verdicts[2].workers, 2u);
}

TEST(Plan, CpusAreABudgetToo) {
    std::vector<Candidate> all = {popular(1, 20), popular(2, 20)};
    all[0].run_us = all[1].run_us = 40'000;
    all[1].saved_us *= 2;
    const auto verdicts = plan(all, {.cpus = 0.6});
    EXPECT_EQ(verdicts[0].workers, 0u);
    EXPECT_EQ(verdicts[0].why, Why::cpu);
    EXPECT_EQ(verdicts[1].workers, 1u);
}

TEST(Plan, WhoIsThereYieldsOnlyToWhoIsWorthMuchMore) {
    std::vector<Candidate> all = {popular(1, 20, 1), popular(2, 24)};
    auto verdicts = plan(all, {.memory_mib = 128});
    EXPECT_EQ(verdicts[0].workers, 1u);
    EXPECT_FALSE(verdicts[0].yields);
    all[1].rate_per_s = all[1].steady_per_s = 40;
    verdicts = plan(all, {.memory_mib = 128});
    EXPECT_EQ(verdicts[0].workers, 0u);
    EXPECT_TRUE(verdicts[0].yields);
    EXPECT_EQ(verdicts[1].workers, 1u);
    all[1].steady_per_s = 10;  // a moment's fashion
    EXPECT_EQ(plan(all, {.memory_mib = 128})[0].workers, 1u);
}

TEST(Plan, NobodyYieldsWhereThereIsRoom) {
    std::vector<Candidate> all = {popular(1, 1, 3), popular(2, 40)};
    for (const Verdict& verdict : plan(all, {})) EXPECT_FALSE(verdict.yields);
}

TEST(Plan, FewStartsAtOnceTheBestFirst) {
    std::vector<Candidate> all;
    for (std::uint64_t i = 0; i < 10; ++i) all.push_back(popular(i, 10 + static_cast<double>(i)));
    const auto verdicts = plan(all, {.starts = 3});
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(verdicts[i].workers, i < 7 ? 0u : 1u);
        EXPECT_EQ(verdicts[i].why, i < 7 ? Why::turn : Why::enough);
    }
}

TEST(Plan, WhatDoesNotStartTakesNoRoom) {
    std::vector<Candidate> all = {popular(1, 20), popular(2, 40)};
    all[1].held_back = true;
    const auto verdicts = plan(all, {.memory_mib = 128});
    EXPECT_EQ(verdicts[0].workers, 1u);
    EXPECT_EQ(verdicts[1].why, Why::failing);
}

TEST(Plan, AForecastIsEnough) {
    Candidate candidate = popular(1, 0);
    candidate.forecast_per_s = 20;
    EXPECT_EQ(alone(candidate).workers, 1u);
    EXPECT_TRUE(alone(candidate).popular);
}

TEST(Plan, WhatIsDueIsThereOnARegionToo) {
    Candidate candidate = popular(1, 0.01);
    candidate.expected = true;
    EXPECT_EQ(alone(candidate, {.is_pop = false}).workers, 1u);
    EXPECT_EQ(alone(candidate, {.is_pop = false}).why, Why::expected);
    std::vector<Candidate> all = {candidate, popular(2, 20)};
    EXPECT_EQ(plan(all, {.memory_mib = 128})[1].workers, 1u) << "one request is worth less";
}

}  // namespace
}  // namespace skerry::worth
