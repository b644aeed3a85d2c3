#include "control/controller/turn.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace skerry::control {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

TEST(Turns, OneAtATime) {
    Turn turn(4);
    ASSERT_EQ(turn.take(milliseconds(0)), Turn::Taken::yes);
    EXPECT_EQ(turn.take(milliseconds(0)), Turn::Taken::busy);
    EXPECT_EQ(turn.take(milliseconds(20)), Turn::Taken::busy) << "not given back in time";
    std::thread later([&] {
        std::this_thread::sleep_for(milliseconds(50));
        turn.give_back();
    });
    EXPECT_EQ(turn.take(milliseconds(5000)), Turn::Taken::yes);
    later.join();
    { const TurnHolder holder(turn); }
    EXPECT_EQ(turn.take(milliseconds(0)), Turn::Taken::yes);
}

TEST(Turns, OnlySomeWaitAndAllAreLetGoAtTheEnd) {
    Turn turn(2);
    ASSERT_EQ(turn.take(milliseconds(0)), Turn::Taken::yes);
    std::atomic<int> busy = 0, closed = 0;
    std::vector<std::thread> threads;
    const auto begin = Clock::now();
    for (int i = 0; i < 5; ++i)
        threads.emplace_back([&] {
            const Turn::Taken taken = turn.take(milliseconds(30000));
            ++(taken == Turn::Taken::busy ? busy : closed);
        });
    while (busy < 3) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_EQ(closed, 0);
    turn.close();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(busy, 3);
    EXPECT_EQ(closed, 2);
    EXPECT_LT(Clock::now() - begin, milliseconds(5000));
    EXPECT_EQ(turn.take(milliseconds(1000)), Turn::Taken::closed);
    turn.give_back();
    EXPECT_EQ(turn.take(milliseconds(0)), Turn::Taken::closed) << "for good";
}

}  // namespace
}  // namespace skerry::control
