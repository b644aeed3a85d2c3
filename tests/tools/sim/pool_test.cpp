#include "tools/sim/pool.hpp"

#include <gtest/gtest.h>

#include <map>

namespace skerry::sim {
namespace {

constexpr std::int64_t kMs = 1000;
constexpr std::int64_t kStart_us = 100 * kMs;

// A pool whose alarms are told when they are due.
struct PoolTest : testing::Test {
    std::unique_ptr<Pool> pool;
    std::multimap<std::int64_t, std::uint32_t> alarms;
    std::map<std::uint32_t, Pool::Begun> begun;
    std::map<std::uint32_t, std::int64_t> done;  // when, by flight
    std::int64_t now_us = 0;

    void make(std::uint32_t workers, std::uint32_t per_function = 4,
              std::int64_t keep_us = 1000 * kMs) {
        pool = std::make_unique<Pool>(
            PoolLimits{.workers = workers, .per_function = per_function, .keep_us = keep_us}, 3,
            [](std::uint32_t) { return kStart_us; });
    }
    void take() {
        for (const Pool::Alarm& alarm : pool->take_alarms())
            alarms.emplace(alarm.at_us, alarm.worker);
        for (const Pool::Begun& each : pool->take_begun()) begun[each.flight] = each;
    }
    void until(std::int64_t to_us) {
        for (take(); !alarms.empty() && alarms.begin()->first <= to_us; take()) {
            const auto [at_us, worker] = *alarms.begin();
            alarms.erase(alarms.begin());
            const std::uint32_t flight = pool->on_alarm(worker, at_us);
            if (flight != Pool::kNobody) done[flight] = at_us;
        }
        now_us = to_us;
    }
    void ask(std::uint32_t flight, std::uint32_t function, std::int64_t run_us = 20 * kMs) {
        if (!pool->run({flight, function, run_us}, now_us))
            pool->wait({flight, function, run_us}, now_us);
        take();
    }
};

TEST_F(PoolTest, TheFirstIsColdAndTheNextIsNot) {
    make(4);
    EXPECT_FALSE(pool->run({1, 0, 20 * kMs}, 0));
    ask(1, 0);
    until(500 * kMs);
    EXPECT_TRUE(begun[1].cold);
    EXPECT_EQ(begun[1].waited_us, kStart_us);
    EXPECT_EQ(done[1], kStart_us + 20 * kMs);
    ask(2, 0);
    EXPECT_FALSE(begun[2].cold);
    EXPECT_EQ(begun[2].waited_us, 0);
    EXPECT_EQ(pool->in_flight(), 1u);
    until(600 * kMs);
    EXPECT_EQ(pool->in_flight(), 0u);
}

TEST_F(PoolTest, WhoWaitsTakesTheFirstWorkerThatIsFree) {
    make(4);
    ask(1, 0);
    until(200 * kMs);
    ask(2, 0, 30 * kMs);
    ask(3, 0);  // one more is started for it, and comes later than the one that is there
    until(1000 * kMs);
    EXPECT_EQ(begun[3].waited_us, 30 * kMs);
    EXPECT_FALSE(begun[3].cold) << "somebody was at work for the function";
    EXPECT_EQ(pool->workers(0), 2u);
}

TEST_F(PoolTest, NoMoreAreStartedThanWaitOrMayBe) {
    make(8, 2);
    for (std::uint32_t flight = 1; flight <= 5; ++flight) ask(flight, 0);
    EXPECT_EQ(pool->workers(0), 2u);
    EXPECT_EQ(pool->waiting(), 5u);
    until(1000 * kMs);
    EXPECT_EQ(done.size(), 5u);
    EXPECT_EQ(done[5], kStart_us + 60 * kMs) << "two at a time, in order";
}

TEST_F(PoolTest, IdleOnesEndAfterTheKeepAliveButForThoseThatAreKept) {
    make(8);
    pool->set_target(1, 1, true);
    pool->step(0);
    ask(1, 0);
    until(120 * kMs);
    pool->step(1100 * kMs);
    EXPECT_EQ(pool->workers(0), 1u) << "it is idle from the end of its request on";
    pool->step(1120 * kMs);
    EXPECT_EQ(pool->workers(0), 0u);
    EXPECT_EQ(pool->workers(1), 1u);
    pool->set_target(1, 0, false);
    pool->step(1121 * kMs);
    EXPECT_EQ(pool->workers(), 0u);
}

TEST_F(PoolTest, AFullPoolGivesThePlaceThatWasIdleLongest) {
    make(2, 4, 60'000 * kMs);
    ask(1, 0);
    until(200 * kMs);
    ask(2, 1);
    until(400 * kMs);
    ask(3, 2);
    EXPECT_EQ(pool->waiting(), 1u) << "none has been idle for half a second";
    until(700 * kMs);
    pool->step(700 * kMs);
    EXPECT_EQ(pool->workers(0), 0u);
    EXPECT_EQ(pool->workers(1), 1u);
    until(1000 * kMs);
    EXPECT_EQ(done[3], 700 * kMs + kStart_us + 20 * kMs);
}

TEST_F(PoolTest, WhoMadeRoomAndIsMissedIsCrowding) {
    make(1, 4, 60'000 * kMs);
    ask(1, 0);
    until(1000 * kMs);
    EXPECT_EQ(pool->evictions().keep_us(), 60'000u * kMs);
    ask(2, 1);  // ends the other's only worker
    until(2000 * kMs);
    EXPECT_LT(pool->evictions().keep_us(), 60'000u * kMs);
    EXPECT_EQ(pool->evictions().crowding_permille(), 0u);
    pool->step(2000 * kMs);
    ask(3, 0);  // which is asked for again
    until(3000 * kMs);
    EXPECT_GT(pool->evictions().crowding_permille(), 400u);
    for (std::int64_t minute = 1; minute <= 20; ++minute) pool->step(minute * 60'000 * kMs);
    EXPECT_NEAR(static_cast<double>(pool->evictions().keep_us()), 60'000.0 * kMs, 100.0 * kMs)
        << "there is room again";
    EXPECT_EQ(pool->evictions().crowding_permille(), 0u);
}

TEST_F(PoolTest, WhatIsKeptGivesNoPlace) {
    make(1);
    pool->set_target(0, 1, true);
    pool->step(0);
    until(900 * kMs);
    ask(1, 1);
    pool->step(2000 * kMs);
    EXPECT_EQ(pool->workers(0), 1u);
    EXPECT_EQ(pool->waiting(), 1u);
    EXPECT_TRUE(pool->run({2, 0, kMs}, 2000 * kMs));
    EXPECT_TRUE(pool->all_busy(0));
}

}  // namespace
}  // namespace skerry::sim
