// What must hold of every plan, over random worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "control/worth/plan.hpp"

namespace skerry::worth {
namespace {

using Random = std::mt19937_64;

double between(Random& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}

std::uint32_t up_to(Random& random, std::uint32_t most) {
    return static_cast<std::uint32_t>(random() % (most + 1));
}

Candidate any(Random& random, std::uint64_t key) {
    Candidate c;
    c.key = key;
    c.current = up_to(random, 9) != 0;
    c.place = static_cast<Place>(up_to(random, 2));
    c.warm_min = up_to(random, 5) == 0 ? up_to(random, 3) : 0;
    c.warm_max = std::max(c.warm_min, 1 + up_to(random, 7));
    c.slots = 1u << up_to(random, 3);
    c.memory_mib = 64u << up_to(random, 4);
    c.rate_per_s = between(random, 0, 60);
    c.steady_per_s = between(random, 0, 60);
    c.forecast_per_s = up_to(random, 4) == 0 ? between(random, 0, 60) : 0;
    c.run_us = between(random, 0, 200'000);
    c.saved_us = between(random, 0, 100'000);
    c.start_us = between(random, 0, 100'000);
    c.workers = up_to(random, 4);
    c.was_popular = up_to(random, 1) != 0;
    c.all_busy = up_to(random, 5) == 0;
    c.expected = up_to(random, 7) == 0;
    c.held_back = up_to(random, 9) == 0;
    return c;
}

std::vector<Candidate> world(Random& random, std::size_t count) {
    std::vector<Candidate> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(any(random, i + 1));
    return all;
}

Budget any_budget(Random& random) {
    return {.is_pop = up_to(random, 5) != 0,
            .workers = 1 + up_to(random, 40),
            .memory_mib = up_to(random, 3) == 0 ? 0 : 128 + up_to(random, 8000),
            .cpus = up_to(random, 1) == 0 ? 0 : between(random, 0.5, 20),
            .starts = up_to(random, 8)};
}

TEST(PlanProperties, NoBudgetIsExceededAndMinimumsAreKept) {
    Random random(1);
    for (int round = 0; round < 500; ++round) {
        const auto all = world(random, 30);
        const Budget budget = any_budget(random);
        const auto verdicts = plan(all, budget);
        std::uint64_t memory_mib = 0, pinned_mib = 0;
        std::uint32_t workers = 0, pinned_workers = 0, starts = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const std::uint32_t own = pinned(all[i], budget.is_pop);
            ASSERT_GE(verdicts[i].workers, own);
            ASSERT_LE(verdicts[i].workers, std::max(own, all[i].warm_max));
            const bool never = !all[i].current || (budget.is_pop && all[i].place == Place::region);
            ASSERT_TRUE(!never || verdicts[i].workers == 0);
            workers += verdicts[i].workers;
            memory_mib += std::uint64_t{verdicts[i].workers} * all[i].memory_mib;
            pinned_workers += own;
            pinned_mib += std::uint64_t{own} * all[i].memory_mib;
            const std::uint32_t there = std::max(all[i].workers, own);
            starts += verdicts[i].workers - std::min(verdicts[i].workers, there);
        }
        ASSERT_LE(workers, std::max(budget.workers, pinned_workers));
        ASSERT_TRUE(budget.memory_mib == 0 ||
                    memory_mib <= std::max(budget.memory_mib, pinned_mib));
        ASSERT_LE(starts, budget.starts);
    }
}

TEST(PlanProperties, TheOrderOfCandidatesDoesNotMatter) {
    Random random(2);
    for (int round = 0; round < 200; ++round) {
        const auto all = world(random, 25);
        const Budget budget = any_budget(random);
        const auto verdicts = plan(all, budget);
        std::vector<std::size_t> order(all.size());
        std::iota(order.begin(), order.end(), 0u);
        std::shuffle(order.begin(), order.end(), random);
        std::vector<Candidate> shuffled;
        for (const std::size_t i : order) shuffled.push_back(all[i]);
        const auto again = plan(shuffled, budget);
        for (std::size_t n = 0; n < order.size(); ++n) {
            ASSERT_EQ(again[n].workers, verdicts[order[n]].workers);
            ASSERT_EQ(again[n].why, verdicts[order[n]].why);
        }
    }
}

// More requests never get a function fewer workers, whoever else is there.
TEST(PlanProperties, MonotoneInTheRate) {
    Random random(3);
    for (int round = 0; round < 300; ++round) {
        auto all = world(random, 20);
        const Budget budget = any_budget(random);
        Candidate& one = all[up_to(random, 19)];
        one.run_us = between(random, 0, 20'000);
        const auto index = static_cast<std::size_t>(&one - all.data());
        std::uint32_t before = 0;
        for (const double rate : {1.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0}) {
            one.rate_per_s = one.steady_per_s = rate;
            one.forecast_per_s = 0;
            const Verdict verdict = plan(all, budget)[index];
            if (verdict.why == Why::cpu) break;  // more requests use more of the CPUs
            ASSERT_GE(verdict.workers, before) << "at " << rate << " in round " << round;
            before = verdict.workers;
        }
    }
}

// What a Poisson process looks like to the control thread: true rates that stay, seen with noise
// of the size that their half-lives leave. Workers are as the last plan wanted them.
TEST(PlanProperties, NoiseMovesNobody) {
    Random random(4);
    std::vector<Candidate> all;
    std::vector<double> rates;
    for (std::size_t i = 0; i < 20; ++i) {
        rates.push_back(between(random, 20, 24));
        all.push_back(
            {.key = i + 1, .warm_max = 1, .run_us = 1000, .saved_us = 20'000, .start_us = 5000});
    }
    const Budget budget{.memory_mib = 10 * 128, .starts = 2};
    std::uint32_t moves = 0;
    for (int tick = 0; tick < 10'000; ++tick) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            std::normal_distribution<double> noise(1, 0.13), calm(1, 0.06);
            all[i].rate_per_s = rates[i] * std::max(0.0, noise(random));
            all[i].steady_per_s = rates[i] * std::max(0.0, calm(random));
        }
        const auto verdicts = plan(all, budget);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (tick > 50 && verdicts[i].workers > all[i].workers) ++moves;
            all[i].workers = verdicts[i].workers;
            all[i].was_popular = verdicts[i].popular;
        }
    }
    EXPECT_EQ(moves, 0u);
}

// The same plan again, when everything is as it wanted it.
TEST(PlanProperties, APlanThatWasFollowedStands) {
    Random random(5);
    for (int round = 0; round < 200; ++round) {
        auto all = world(random, 25);
        Budget budget = any_budget(random);
        budget.starts = 1000;
        for (Candidate& each : all) each.all_busy = false;
        std::vector<std::uint32_t> last;
        int same = 0;
        for (int again = 0; again < 30 && same < 3; ++again) {
            const auto verdicts = plan(all, budget);
            std::vector<std::uint32_t> now;
            for (std::size_t i = 0; i < all.size(); ++i) {
                now.push_back(verdicts[i].workers);
                all[i].workers = verdicts[i].workers;
                all[i].was_popular = verdicts[i].popular;
            }
            same = now == last ? same + 1 : 0;
            last = now;
        }
        ASSERT_EQ(same, 3) << "in round " << round;
    }
}

}  // namespace
}  // namespace skerry::worth
