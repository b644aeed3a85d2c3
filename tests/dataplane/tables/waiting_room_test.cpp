#include "dataplane/dispatch/waiting_room.hpp"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <random>
#include <set>

namespace skerry {
namespace {

struct Room : testing::Test {
    InvocationPool pool{64};
    WaitingRoom room{pool, 48};

    std::uint32_t join(std::uint32_t entry) {
        const std::uint32_t index = pool.allocate();
        pool[index].entry = entry;
        room.join(index);
        return index;
    }
    void leave(std::uint32_t index) {
        room.leave(index);
        pool.release(index);
    }
    std::set<std::uint32_t> firsts() const {
        std::set<std::uint32_t> result;
        for (std::uint32_t i = 0; i < room.queues(); ++i) result.insert(room.first_of(i));
        return result;
    }
};

TEST_F(Room, StartsEmpty) {
    EXPECT_EQ(room.size(), 0u);
    EXPECT_EQ(room.queues(), 0u);
    EXPECT_TRUE(room.has_room(0));
    EXPECT_FALSE(WaitingRoom(pool, 0).has_room(0));
}

TEST_F(Room, OneQueueInOrderOfArrival) {
    const std::uint32_t a = join(5), b = join(5), c = join(5);
    EXPECT_EQ(room.queues(), 1u);
    EXPECT_EQ(room.first_of(0), a);
    leave(a);
    EXPECT_EQ(room.first_of(0), b);
    leave(b);
    EXPECT_EQ(room.first_of(0), c);
    leave(c);
    EXPECT_EQ(room.queues(), 0u);
    EXPECT_EQ(room.size(), 0u);
}

TEST_F(Room, LeavingFromTheMiddleAndTheEnd) {
    const std::uint32_t a = join(5), b = join(5), c = join(5);
    leave(b);
    leave(c);
    const std::uint32_t d = join(5);
    EXPECT_EQ(room.first_of(0), a);
    leave(a);
    EXPECT_EQ(room.first_of(0), d);
}

TEST_F(Room, OneQueueForEachEntryAndTheLastEntryToo) {
    const std::uint32_t a = join(0), b = join(kMaxEntries - 1), c = join(7);
    join(7);
    EXPECT_EQ(room.queues(), 3u);
    EXPECT_EQ(firsts(), (std::set<std::uint32_t>{a, b, c}));
    leave(a);
    EXPECT_EQ(firsts(), (std::set<std::uint32_t>{b, c}));
    EXPECT_EQ(room.size(), 3u);
}

TEST_F(Room, HasRoomUpToItsLimit) {
    for (std::uint32_t i = 0; i < 48; ++i) {
        ASSERT_TRUE(room.has_room(0));
        join(i % 5);
    }
    EXPECT_FALSE(room.has_room(0));
    leave(room.first_of(0));
    EXPECT_TRUE(room.has_room(0));
}

TEST_F(Room, NoEntryTakesMoreThanItsShare) {
    for (int i = 0; i < 16; ++i) {
        ASSERT_TRUE(room.has_room(3));
        join(3);
    }
    EXPECT_FALSE(room.has_room(3));
    EXPECT_TRUE(room.has_room(4));
    EXPECT_FALSE(room.has_room(kNoEntry));
    leave(room.first_of(0));
    EXPECT_TRUE(room.has_room(3));
}

TEST_F(Room, AgreesWithPlainListsOverRandomWork) {
    std::mt19937 random(11);
    std::map<std::uint32_t, std::list<std::uint32_t>> lists;
    std::vector<std::uint32_t> inside;
    for (int step = 0; step < 20'000; ++step) {
        if (room.has_room(0) && random() % 2 == 0) {
            const std::uint32_t entry = random() % 9;
            inside.push_back(join(entry));
            lists[entry].push_back(inside.back());
        } else if (!inside.empty()) {
            const std::size_t at = random() % inside.size();
            const std::uint32_t index = inside[at];
            auto& list = lists[pool[index].entry];
            list.remove(index);
            if (list.empty()) lists.erase(pool[index].entry);
            inside.erase(inside.begin() + static_cast<std::ptrdiff_t>(at));
            leave(index);
        }
        ASSERT_EQ(room.size(), inside.size());
        ASSERT_EQ(room.queues(), lists.size());
        std::set<std::uint32_t> expected;
        for (const auto& [entry, list] : lists) expected.insert(list.front());
        ASSERT_EQ(firsts(), expected);
    }
}

}  // namespace
}  // namespace skerry
