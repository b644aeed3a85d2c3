#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "dataplane/capacity/capacity_table.hpp"
#include "dataplane/capacity/slot_table.hpp"

namespace skerry {
namespace {

TEST(Capacity, AnEmptyEntryHasNoSlot) {
    CapacityEntry entry;
    for (std::uint32_t start = 0; start < 130; ++start) EXPECT_EQ(entry.claim(start), kNoSlot);
    EXPECT_EQ(entry.take_retired(), 0u);
}

TEST(Capacity, EverySlotIsClaimedOnce) {
    for (std::uint32_t start = 0; start < kSlotsPerEntry; ++start) {
        CapacityEntry entry;
        for (std::uint32_t slot = 0; slot < kSlotsPerEntry; ++slot) entry.add(slot);
        std::set<std::uint32_t> claimed;
        for (std::uint32_t i = 0; i < kSlotsPerEntry; ++i) claimed.insert(entry.claim(start));
        EXPECT_EQ(claimed.size(), kSlotsPerEntry);
        EXPECT_EQ(*claimed.rbegin(), kSlotsPerEntry - 1);
        EXPECT_EQ(entry.claim(start), kNoSlot);
    }
}

TEST(Capacity, TheSearchBeginsWhereItIsToldAndGoesRound) {
    CapacityEntry entry;
    for (const std::uint32_t slot : {3u, 40u, 63u}) entry.add(slot);
    EXPECT_EQ(entry.claim(40), 40u);
    EXPECT_EQ(entry.claim(41), 63u);
    EXPECT_EQ(entry.claim(41), 3u);
}

TEST(Capacity, AnyStartIsGood) {
    for (const std::uint32_t start : {64u, 127u, 1000u, 0x7fffffffu, 0x80000000u, ~0u}) {
        for (const std::uint32_t slot : {0u, 1u, 31u, 32u, 63u}) {
            CapacityEntry entry;
            entry.add(slot);
            EXPECT_EQ(entry.claim(start), slot) << start;
        }
    }
}

TEST(Capacity, AReleasedSlotIsFreeAgain) {
    CapacityEntry entry;
    entry.add(9);
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(entry.claim(0), 9u);
        ASSERT_EQ(entry.claim(0), kNoSlot);
        entry.release(9);
    }
}

TEST(Capacity, ARetiredSlotIsTheControlThreads) {
    CapacityEntry entry;
    entry.add(0);
    entry.add(63);
    ASSERT_EQ(entry.claim(63), 63u);
    ASSERT_EQ(entry.claim(0), 0u);
    entry.retire(63);
    EXPECT_EQ(entry.claim(0), kNoSlot);
    EXPECT_EQ(entry.take_retired(), std::uint64_t{1} << 63);
    EXPECT_EQ(entry.take_retired(), 0u);
    entry.retire(0);
    EXPECT_EQ(entry.take_retired(), 1u);
    entry.add(63);  // collected: may stand for something else now
    EXPECT_EQ(entry.claim(0), 63u);
}

TEST(Capacity, TakeBackClaimsAFreeSlotForGood) {
    CapacityEntry entry;
    entry.add(5);
    entry.add(6);
    EXPECT_TRUE(entry.take_back(5));
    EXPECT_FALSE(entry.take_back(5));
    EXPECT_EQ(entry.claim(5), 6u);
    EXPECT_FALSE(entry.take_back(6)) << "a core has it";
    entry.release(6);
    EXPECT_TRUE(entry.take_back(6));
    EXPECT_EQ(entry.claim(0), kNoSlot);
}

TEST(Capacity, TakeBackLeavesTheOthers) {
    CapacityEntry entry;
    for (std::uint32_t slot = 0; slot < kSlotsPerEntry; ++slot) entry.add(slot);
    for (std::uint32_t slot = 0; slot < kSlotsPerEntry; slot += 2)
        EXPECT_TRUE(entry.take_back(slot));
    for (std::uint32_t slot = 1; slot < kSlotsPerEntry; slot += 2)
        EXPECT_EQ(entry.claim(slot - 1), slot);
}

TEST(Capacity, EntriesShareNoCacheLine) {
    const auto table = std::make_unique<CapacityTable>();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&table->entries[0]) % 64, 0u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&table->entries[1]) -
                  reinterpret_cast<std::uintptr_t>(&table->entries[0]),
              64u);
    EXPECT_EQ(table->refs[kMaxEntries - 1][kSlotsPerEntry - 1].channel, nullptr);
}

}  // namespace
}  // namespace skerry
