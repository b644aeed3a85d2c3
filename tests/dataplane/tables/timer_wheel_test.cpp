// The wheel against a plain list of deadlines, and its edges: pauses longer than a round, little
// room for what is due, timers in the past.
#include "dataplane/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace skerry {
namespace {

constexpr std::uint64_t kTick = 100;
constexpr std::uint64_t kRound = TimerWheel::kSlots * kTick;

std::vector<std::uint32_t> expired(TimerWheel& wheel, std::uint64_t now, std::size_t room = 64) {
    std::vector<std::uint32_t> due(room);
    due.resize(wheel.expire(now, due));
    std::sort(due.begin(), due.end());
    return due;
}
using Ids = std::vector<std::uint32_t>;

TEST(TimerWheel, NothingArmedNothingDue) {
    TimerWheel wheel(4, kTick, 1000);
    EXPECT_EQ(wheel.next_due_tsc(), ~std::uint64_t{0});
    EXPECT_EQ(expired(wheel, 1'000'000), Ids{});
    EXPECT_EQ(wheel.next_due_tsc(), ~std::uint64_t{0});
    wheel.cancel(2);
    EXPECT_EQ(expired(wheel, 2'000'000), Ids{});
}

TEST(TimerWheel, NeverEarlyAndAtMostOneTickLate) {
    for (std::uint64_t due = 1000; due < 1000 + 3 * kTick; ++due) {
        TimerWheel wheel(1, kTick, 1000);
        wheel.arm(0, due);
        std::uint64_t now = 1000;
        while (expired(wheel, now).empty()) ++now;
        EXPECT_GE(now, due);
        EXPECT_LT(now, due + kTick + 1);
    }
}

TEST(TimerWheel, FiresOnce) {
    TimerWheel wheel(1, kTick, 0);
    wheel.arm(0, 500);
    EXPECT_EQ(expired(wheel, 500), Ids{0});
    EXPECT_EQ(expired(wheel, 500 + 3 * kRound), Ids{});
}

TEST(TimerWheel, ADeadlineInThePastIsDueWithTheNextTick) {
    TimerWheel wheel(2, kTick, 10'000);
    EXPECT_EQ(expired(wheel, 10'000), Ids{});
    wheel.arm(0, 0);
    wheel.arm(1, 10'000);
    EXPECT_EQ(expired(wheel, 10'000 + kTick), (Ids{0, 1}));
}

TEST(TimerWheel, ManyRoundsAhead) {
    TimerWheel wheel(3, kTick, 0);
    wheel.arm(0, 500);
    wheel.arm(1, 500 + kRound);
    wheel.arm(2, 500 + 5 * kRound);
    EXPECT_EQ(expired(wheel, 500), Ids{0});
    for (std::uint64_t now = 600; now < 500 + kRound; now += kTick)
        ASSERT_EQ(expired(wheel, now), Ids{}) << now;
    EXPECT_EQ(expired(wheel, 500 + kRound), Ids{1});
    EXPECT_LE(wheel.next_due_tsc(), 500 + 5 * kRound);
    EXPECT_EQ(expired(wheel, 499 + 5 * kRound), Ids{});
    EXPECT_EQ(expired(wheel, 500 + 5 * kRound), Ids{2});
}

TEST(TimerWheel, APauseLongerThanARoundLosesNothing) {
    for (const std::uint64_t pause : {kRound - kTick, kRound, kRound + kTick, 7 * kRound + 350}) {
        TimerWheel wheel(TimerWheel::kSlots, kTick, 0);
        for (std::uint32_t id = 0; id < TimerWheel::kSlots; ++id) wheel.arm(id, id * kTick + 1);
        const std::uint64_t first_not_due = pause / kTick;
        const Ids due = expired(wheel, pause, 2 * TimerWheel::kSlots);
        EXPECT_EQ(due.size(), std::min<std::uint64_t>(first_not_due, TimerWheel::kSlots));
        EXPECT_EQ(expired(wheel, pause + kRound).size() + due.size(), TimerWheel::kSlots);
    }
}

TEST(TimerWheel, WhatDoesNotFitWaitsForTheNextCall) {
    TimerWheel wheel(100, kTick, 0);
    for (std::uint32_t id = 0; id < 100; ++id) wheel.arm(id, (id / 30) * kTick + 1);
    Ids all;
    for (int call = 0; call < 15; ++call) {
        const Ids some = expired(wheel, 10 * kTick, 7);
        EXPECT_EQ(some.size(), call < 14 ? 7u : 2u);
        if (call < 14) {
            EXPECT_LE(wheel.next_due_tsc(), 10 * kTick);
        }
        all.insert(all.end(), some.begin(), some.end());
    }
    std::sort(all.begin(), all.end());
    for (std::uint32_t id = 0; id < 100; ++id) ASSERT_EQ(all[id], id);
    EXPECT_EQ(wheel.next_due_tsc(), ~std::uint64_t{0});
}

TEST(TimerWheel, WhatDoesNotFitSurvivesALongPause) {
    TimerWheel wheel(200, kTick, 0);
    for (std::uint32_t id = 0; id < 200; ++id) wheel.arm(id, id * 5 * kTick + 1);
    std::size_t seen = expired(wheel, kRound, 50).size();
    EXPECT_EQ(seen, 50u);
    for (std::uint64_t pause = 2; pause < 8; ++pause)
        seen += expired(wheel, pause * 3 * kRound / 2, 30).size();
    EXPECT_EQ(seen, 200u);
}

TEST(TimerWheel, NoRoomNothingTaken) {
    TimerWheel wheel(1, kTick, 0);
    wheel.arm(0, 100);
    EXPECT_EQ(expired(wheel, 1000, 0), Ids{});
    EXPECT_EQ(expired(wheel, 1000, 1), Ids{0});
}

TEST(TimerWheel, ArmingAgainMoves) {
    TimerWheel wheel(1, kTick, 0);
    wheel.arm(0, 500);
    wheel.arm(0, 900);
    EXPECT_EQ(expired(wheel, 800), Ids{});
    EXPECT_EQ(expired(wheel, 900), Ids{0});
    wheel.arm(0, 2000);
    wheel.arm(0, 1500);
    EXPECT_EQ(expired(wheel, 1500), Ids{0});
    EXPECT_EQ(expired(wheel, 2500), Ids{});
}

// Three timers of one slot: first, middle and last of its list.
TEST(TimerWheel, CancellingAnyOfASlot) {
    for (std::uint32_t gone = 0; gone < 3; ++gone) {
        TimerWheel wheel(3, kTick, 0);
        for (std::uint32_t id = 0; id < 3; ++id) wheel.arm(id, 500);
        wheel.cancel(gone);
        wheel.cancel(gone);
        Ids rest = {0, 1, 2};
        rest.erase(rest.begin() + gone);
        EXPECT_EQ(expired(wheel, 500), rest);
    }
}

TEST(TimerWheel, NextDueIsExactWithinARound) {
    for (std::uint64_t start = 0; start < TimerWheel::kSlots; start += 61) {
        for (const std::uint64_t ahead : {0u, 1u, 62u, 63u, 64u, 65u, 500u, 1022u, 1023u}) {
            TimerWheel wheel(1, kTick, start * kTick);
            wheel.arm(0, (start + ahead) * kTick);
            EXPECT_EQ(wheel.next_due_tsc(), (start + ahead) * kTick) << start << ' ' << ahead;
        }
    }
}

struct Model {
    std::map<std::uint32_t, std::uint64_t> due_ticks;
    std::uint64_t cursor = 0;

    void arm(std::uint32_t id, std::uint64_t due) {
        due_ticks[id] = std::max((due + kTick - 1) / kTick, cursor);
    }
    Ids expire(std::uint64_t now) {
        Ids due;
        for (auto it = due_ticks.begin(); it != due_ticks.end();) {
            if (it->second > now / kTick) {
                ++it;
                continue;
            }
            due.push_back(it->first);
            it = due_ticks.erase(it);
        }
        cursor = std::max(cursor, now / kTick + 1);
        return due;
    }
    std::uint64_t earliest() const {
        std::uint64_t first = ~std::uint64_t{0};
        for (const auto& [id, tick] : due_ticks) first = std::min(first, tick * kTick);
        return first;
    }
};

TEST(TimerWheel, AgreesWithAPlainListOverRandomWork) {
    constexpr std::uint32_t kTimers = 300;
    std::mt19937_64 random(7);
    TimerWheel wheel(kTimers, kTick, 12'345);
    Model model;
    model.cursor = 12'345 / kTick;
    std::uint64_t now = 12'345;
    for (int step = 0; step < 100'000; ++step) {
        const auto id = static_cast<std::uint32_t>(random() % kTimers);
        switch (random() % 8) {
            case 0:
                wheel.cancel(id);
                model.due_ticks.erase(id);
                break;
            case 1:
            case 2:
            case 3: {
                const std::uint64_t span = random() % 20 == 0 ? 5 * kRound : kRound / 8;
                const std::uint64_t due = now + random() % span - std::min<std::uint64_t>(now, 50);
                wheel.arm(id, due);
                model.arm(id, due);
                break;
            }
            default:
                now += random() % 1000 == 0 ? random() % (4 * kRound) : random() % (3 * kTick);
                ASSERT_EQ(expired(wheel, now, kTimers), model.expire(now)) << step;
        }
        const std::uint64_t next = wheel.next_due_tsc();
        ASSERT_LE(next, model.earliest()) << step;
        ASSERT_EQ(next == ~std::uint64_t{0}, model.due_ticks.empty());
    }
}

}  // namespace
}  // namespace skerry
