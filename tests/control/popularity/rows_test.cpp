#include "control/popularity/rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace skerry::popularity {
namespace {

TEST(Rows, FreeOnesGoToTheMostPopular) {
    const std::vector<Asker> askers = {{1, 1.0}, {2, 3.0}, {3, 2.0}};
    const auto changes = reassign({}, askers, 2, {});
    EXPECT_EQ(changes, (std::vector<Change>{{2, kFreeRow}, {3, kFreeRow}}));
}

TEST(Rows, WhomNobodyAsksForGetsNone) {
    const std::vector<Asker> askers = {{1, 0.0}};
    const std::vector<Holder> holders = {{.row = 4}};
    EXPECT_TRUE(reassign(holders, askers, 5, {}).empty());
}

TEST(Rows, TheLeastPopularGivesWay) {
    const std::vector<Holder> holders = {{.row = 1, .per_s = 5}, {.row = 2, .per_s = 1}};
    const std::vector<Asker> askers = {{9, 4.0}};
    EXPECT_EQ(reassign(holders, askers, 0, {}), (std::vector<Change>{{9, 2}}));
}

TEST(Rows, OnlyToOneThatIsClearlyMorePopular) {
    const std::vector<Holder> holders = {{.row = 1, .per_s = 1}};
    const Terms terms{.factor = 2, .more_per_s = 0.5};
    const auto asked = [&](double per_s) {
        return reassign(holders, std::vector<Asker>{{9, per_s}}, 0, terms).size();
    };
    EXPECT_EQ(asked(2.4), 0u);
    EXPECT_EQ(asked(2.6), 1u);
}

TEST(Rows, PinnedBusyAndFreshHoldersKeepTheirs) {
    const std::vector<Holder> holders = {{.row = 1, .pinned = true, .held_s = 99},
                                         {.row = 2, .busy = true, .held_s = 99},
                                         {.row = 3, .held_s = 1}};
    const std::vector<Asker> askers = {{9, 100.0}};
    EXPECT_TRUE(reassign(holders, askers, 0, {.settled_s = 2}).empty());
    EXPECT_EQ(reassign(holders, askers, 0, {.settled_s = 0.5}), (std::vector<Change>{{9, 3}}));
}

TEST(Rows, SoManyAtOnceAndNoMore) {
    std::vector<Holder> holders;
    std::vector<Asker> askers;
    for (std::uint32_t i = 0; i < 100; ++i) {
        holders.push_back({.row = i, .per_s = 0.1});
        askers.push_back({1000 + i, 10.0});
    }
    EXPECT_EQ(reassign(holders, askers, 3, {.changes = 16}).size(), 16u);
}

TEST(Rows, ForOneThatMustHaveARowTheCheapest) {
    std::vector<Holder> holders = {{.row = 1, .pinned = true},
                                   {.row = 2, .busy = true, .per_s = 1},
                                   {.row = 3, .per_s = 7},
                                   {.row = 4, .per_s = 6}};
    EXPECT_EQ(cheapest(holders), 4u) << "idle ones first";
    holders.resize(2);
    EXPECT_EQ(cheapest(holders), 2u);
    holders.resize(1);
    EXPECT_EQ(cheapest(holders), std::nullopt);
}

// Forty functions of nearly the same rate, and rows for twenty: seen through noise of a fifth,
// nothing moves in ten thousand looks. Then one of those without becomes popular, and gets one.
TEST(RowsProperties, NothingFlaps) {
    std::mt19937_64 random(1);
    std::normal_distribution<double> noise(1.0, 0.2);
    std::map<std::uint32_t, std::uint32_t> holder_of;  // row → function
    for (std::uint32_t row = 0; row < 20; ++row) holder_of[row] = row;
    std::uint32_t moved = 0, got = 0;
    for (int look = 0; look < 10'000; ++look) {
        const auto rate = [&](std::uint32_t function) {
            const double own = function == 33 && look >= 9'000 ? 10.0 : 1.0;
            return std::max(0.0, own * noise(random));
        };
        std::vector<Holder> holders;
        for (const auto& [row, function] : holder_of)
            holders.push_back({.row = row, .per_s = rate(function), .held_s = 1e9});
        std::vector<Asker> askers;
        for (std::uint32_t function = 0; function < 40; ++function)
            if (std::none_of(holder_of.begin(), holder_of.end(),
                             [&](const auto& each) { return each.second == function; }))
                askers.push_back({function, rate(function)});
        for (const Change& change :
             reassign(holders, askers, 0, {.factor = 2, .more_per_s = 1.5})) {
            ++(change.id == 33 ? got : moved);
            holder_of[change.row] = change.id;
        }
    }
    EXPECT_EQ(moved, 0u);
    EXPECT_EQ(got, 1u);
}

}  // namespace
}  // namespace skerry::popularity
