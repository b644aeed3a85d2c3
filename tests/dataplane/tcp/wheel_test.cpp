// The timing wheel against a list that is searched: never early, never lost, a tick late at most.
#include "dataplane/net/tcp/wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace skerry::net::tcp {
namespace {

std::vector<std::uint32_t> expired(Wheel& wheel, std::uint64_t now_us, std::size_t room = 4096) {
    std::vector<std::uint32_t> ids(room);
    ids.resize(wheel.expire(now_us, ids));
    return ids;
}

TEST(TcpWheel, FiresAtItsTickAndNotBefore) {
    Wheel wheel(4, 5'000'000);
    wheel.arm(2, 5'010'000);
    EXPECT_TRUE(wheel.armed(2));
    EXPECT_TRUE(expired(wheel, 5'009'999).empty());
    EXPECT_EQ(expired(wheel, 5'010'000), std::vector<std::uint32_t>{2});
    EXPECT_FALSE(wheel.armed(2));
    EXPECT_TRUE(expired(wheel, 6'000'000).empty());
}

TEST(TcpWheel, APartOfATickIsRoundedUp) {
    Wheel wheel(1, 0);
    wheel.arm(0, 10'001);
    EXPECT_TRUE(expired(wheel, 10'999).empty());
    EXPECT_EQ(expired(wheel, 11'000).size(), 1u);
}

TEST(TcpWheel, WhatIsPastFiresAtOnce) {
    Wheel wheel(1, 1'000'000);
    wheel.arm(0, 3);
    EXPECT_EQ(expired(wheel, 1'000'000).size(), 1u);
}

TEST(TcpWheel, MovedAndCancelledTimersFireOnceOrNever) {
    Wheel wheel(3, 0);
    wheel.arm(0, 10'000);
    wheel.arm(0, 500'000);
    wheel.arm(1, 10'000);
    wheel.cancel(1);
    wheel.cancel(1);
    wheel.arm(2, 900'000'000);
    wheel.arm(2, 20'000);
    EXPECT_EQ(expired(wheel, 400'000), std::vector<std::uint32_t>{2});
    EXPECT_EQ(expired(wheel, 600'000), std::vector<std::uint32_t>{0});
    EXPECT_EQ(wheel.next_due_us(), ~std::uint64_t{0});
}

TEST(TcpWheel, FarAwayIsExactToo) {
    const std::uint64_t start = 77'777'777'777;
    for (const std::uint64_t ahead_ms : {255ull, 256ull, 257ull, 65'535ull, 65'536ull,
                                         16'777'216ull, 86'400'000ull, 4'000'000'000ull}) {
        Wheel wheel(1, start);
        const std::uint64_t due = (start / 1000 + ahead_ms) * 1000;
        wheel.arm(0, due);
        EXPECT_LE(wheel.next_due_us(), due);
        EXPECT_TRUE(expired(wheel, due - 1).empty()) << ahead_ms;
        EXPECT_EQ(expired(wheel, due).size(), 1u) << ahead_ms;
    }
}

TEST(TcpWheel, BeyondTheHorizonFiresAtTheHorizon) {
    Wheel wheel(1, 1'000'000);
    wheel.arm(0, ~std::uint64_t{0} - 5);
    EXPECT_TRUE(expired(wheel, Wheel::kHorizonUs - 1'000'000).empty());
    EXPECT_EQ(expired(wheel, Wheel::kHorizonUs + 1'000'000).size(), 1u);
}

TEST(TcpWheel, WhatDoesNotFitWaitsForTheNextCall) {
    Wheel wheel(100, 0);
    for (std::uint32_t id = 0; id < 100; ++id) wheel.arm(id, 7'000);
    std::vector<std::uint32_t> all;
    for (int call = 0; call < 10; ++call) {
        EXPECT_EQ(wheel.next_due_us(), 7'000u);
        for (const std::uint32_t id : expired(wheel, 9'000, 10)) all.push_back(id);
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all.size(), 100u);
    EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
    EXPECT_EQ(wheel.next_due_us(), ~std::uint64_t{0});
}

TEST(TcpWheel, ManyFarTimersAreMovedAFewAtATime) {
    constexpr std::uint32_t kTimers = 5000;
    Wheel wheel(kTimers, 0);
    for (std::uint32_t id = 0; id < kTimers; ++id) wheel.arm(id, 70'000'000);
    std::size_t fired = 0;
    int calls = 0;
    while (fired < kTimers && calls < 100) {
        fired += expired(wheel, 70'000'000, 64).size();
        ++calls;
        if (fired == kTimers) break;
        EXPECT_LE(wheel.next_due_us(), 70'000'000u) << "says that it is behind";
    }
    EXPECT_EQ(fired, kTimers);
}

// Any order of arming, cancelling and time passing, with steps of all sizes.
TEST(TcpWheel, AgreesWithAListThatIsSearched) {
    std::mt19937_64 random(4711);
    for (int round = 0; round < 30; ++round) {
        constexpr std::uint32_t kTimers = 60;
        std::uint64_t now = random() >> (random() % 40 + 10);
        Wheel wheel(kTimers, now);
        std::map<std::uint32_t, std::uint64_t> due;
        for (int step = 0; step < 2000; ++step) {
            const auto id = static_cast<std::uint32_t>(random() % kTimers);
            const std::uint64_t ahead = random() >> (63 - random() % 41);
            if (random() % 4 == 0) {
                wheel.cancel(id);
                due.erase(id);
            } else {
                wheel.arm(id, now + ahead);
                due[id] = (now + ahead + 999) / 1000 * 1000;
            }
            if (random() % 3 != 0) continue;
            now += random() >> (63 - random() % 40);
            const std::uint64_t said = wheel.next_due_us();
            for (const std::uint32_t fired : expired(wheel, now)) {
                ASSERT_TRUE(due.contains(fired));
                ASSERT_LE(due[fired] / 1000, now / 1000) << "early";
                ASSERT_LE(said / 1000, now / 1000) << "nothing was to be due yet";
                due.erase(fired);
            }
            for (const auto& [left, at] : due)
                ASSERT_GT(at / 1000, now / 1000) << "not told of " << left;
        }
    }
}

}  // namespace
}  // namespace skerry::net::tcp
