// The capacity table with real threads: for ThreadSanitizer, and for the machine's own memory
// order.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/capacity/capacity_table.hpp"

namespace skerry {
namespace {

constexpr int kCores = 4;
constexpr int kClaims = 50'000;

struct Slots {
    CapacityEntry entry;
    // Plain on purpose: whoever owns a slot owns its cell, or ThreadSanitizer says so.
    std::array<std::uint64_t, kSlotsPerEntry> uses{};
};

TEST(CapacityStress, NeverTwoOwnersAndNothingLost) {
    for (const std::uint32_t slots : {1u, 3u, 64u}) {
        const auto shared = std::make_unique<Slots>();
        for (std::uint32_t slot = 0; slot < slots; ++slot) shared->entry.add(slot);
        std::atomic<std::uint64_t> claimed{0};
        std::vector<std::thread> cores;
        for (std::uint32_t core = 0; core < kCores; ++core)
            cores.emplace_back([&, core] {
                std::uint64_t mine = 0;
                for (std::uint32_t i = 0; i < kClaims; ++i) {
                    const std::uint32_t slot = shared->entry.claim(core * 16 + i);
                    if (slot == kNoSlot) continue;
                    ++shared->uses[slot];
                    ++mine;
                    shared->entry.release(slot);
                }
                claimed += mine;
            });
        for (std::thread& core : cores) core.join();
        std::uint64_t used = 0, left = 0;
        for (const std::uint64_t n : shared->uses) used += n;
        EXPECT_EQ(used, claimed.load());
        EXPECT_GT(used, 0u);
        while (shared->entry.claim(0) != kNoSlot) ++left;
        EXPECT_EQ(left, slots);
    }
}

// Cores retire every tenth slot they get; a control thread gives retired ones a new meaning and
// puts them back, and takes idle ones away and puts them back too.
TEST(CapacityStress, RetiredAndTakenBackMeanwhile) {
    constexpr std::uint32_t kSlots = 8;
    const auto shared = std::make_unique<Slots>();
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) shared->entry.add(slot);
    std::atomic<int> running{kCores};
    std::vector<std::thread> cores;
    for (std::uint32_t core = 0; core < kCores; ++core)
        cores.emplace_back([&, core] {
            for (std::uint32_t i = 0; i < kClaims; ++i) {
                const std::uint32_t slot = shared->entry.claim(core + i);
                if (slot == kNoSlot) continue;
                if (++shared->uses[slot] % 10 == 0) {
                    shared->entry.retire(slot);
                } else {
                    shared->entry.release(slot);
                }
            }
            --running;
        });
    const auto collect = [&] {
        const std::uint64_t retired = shared->entry.take_retired();
        for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
            if ((retired >> slot & 1) == 0) continue;
            shared->uses[slot] = 0;
            shared->entry.add(slot);
        }
    };
    while (running != 0) {
        collect();
        for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
            if (!shared->entry.take_back(slot)) continue;
            shared->uses[slot] = 1;
            shared->entry.add(slot);
        }
    }
    for (std::thread& core : cores) core.join();
    collect();
    std::uint32_t left = 0;
    while (shared->entry.claim(0) != kNoSlot) ++left;
    EXPECT_EQ(left, kSlots);
}

}  // namespace
}  // namespace skerry
