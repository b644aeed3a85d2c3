#include "dataplane/dispatch/seats.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

namespace skerry {
namespace {

struct SeatsOfACore : testing::Test {
    static constexpr std::uint32_t kChannels = 6;
    Seats seats;
    std::unique_ptr<Channel[]> channels = std::make_unique<Channel[]>(kChannels);

    SeatsOfACore() {
        for (std::uint32_t i = 0; i < kChannels; ++i) channels[i].index = i * 200;
    }
    std::set<const Channel*> active() {
        std::set<const Channel*> result;
        for (std::uint32_t i = 0; i < seats.active_count(); ++i)
            result.insert(seats.active(i).channel);
        return result;
    }
};

TEST_F(SeatsOfACore, NothingAtFirst) {
    EXPECT_EQ(seats.active_count(), 0u);
    EXPECT_EQ(seats[kMaxChannels - 1].in_flight, 0u);
}

TEST_F(SeatsOfACore, TakenAndGivenBack) {
    seats.take(&channels[2], 63, 17);
    ASSERT_EQ(seats.active_count(), 1u);
    Seat& seat = seats.active(0);
    EXPECT_EQ(seat.channel, &channels[2]);
    EXPECT_EQ(seat.in_flight, std::uint64_t{1} << 63);
    EXPECT_EQ(seat.owner[63], 17u);
    EXPECT_EQ(&seat, &seats[400]);
    seats.give_back(seat, 63);
    EXPECT_EQ(seats.active_count(), 0u);
    EXPECT_EQ(seat.in_flight, 0u);
}

TEST_F(SeatsOfACore, ASlotGivenBackIsNotRungFor) {
    seats.take(&channels[0], 1, 10);
    seats.take(&channels[0], 2, 11);
    Seat& seat = seats[0];
    seat.to_ring = seat.in_flight;
    seats.give_back(seat, 1);
    EXPECT_EQ(seat.to_ring, 0b100u);
    EXPECT_EQ(seats.active_count(), 1u);
    seats.give_back(seat, 2);
    EXPECT_EQ(seat.to_ring, 0u);
}

TEST_F(SeatsOfACore, AgreeWithAPlainMapOverRandomWork) {
    std::mt19937 random(5);
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> taken;
    for (std::uint32_t step = 0; step < 20'000; ++step) {
        const std::uint32_t c = random() % kChannels, slot = random() % 64;
        if (const auto it = taken.find({c, slot}); it != taken.end()) {
            ASSERT_EQ(seats[channels[c].index].owner[slot], it->second);
            seats.give_back(seats[channels[c].index], slot);
            taken.erase(it);
        } else if (random() % 3 == 0) {
            seats.take(&channels[c], slot, step);
            taken[{c, slot}] = step;
        }
        std::set<const Channel*> expected;
        std::map<std::uint32_t, std::uint64_t> in_flight;
        for (const auto& [where, owner] : taken) {
            expected.insert(&channels[where.first]);
            in_flight[where.first] |= std::uint64_t{1} << where.second;
        }
        ASSERT_EQ(active(), expected);
        ASSERT_EQ(seats.active_count(), expected.size());
        for (std::uint32_t i = 0; i < kChannels; ++i)
            ASSERT_EQ(seats[channels[i].index].in_flight, in_flight[i]);
    }
}

}  // namespace
}  // namespace skerry
