// The marks of the CPU watch with real threads: cores that pass slots on to each other, and a watch
// that looks all the time. Who uses too much is always found, and nobody else ever is.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "dataplane/capacity/capacity_table.hpp"
#include "dataplane/dispatch/cpu_marks.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kCores = 3;
constexpr std::uint32_t kInvocations = 20'000;
constexpr std::uint64_t kLimit_us = 1000;

// One slot of one worker. With more, what it uses counts for each invocation in hand.
struct Worker {
    Worker() { entry.add(0); }
    CapacityEntry entry;
    CpuMarks marks;
    std::atomic<std::uint64_t> used_us{0};
    std::atomic<std::uint64_t> innocents{0}, found{0}, served{0};

    bool is_over() const {
        const std::uint64_t over = marks.over.load();
        return over != 0 && marks.is_now(over);
    }
    void serve(bool greedy) {
        marks.count_turn(0);
        if (!greedy) {
            used_us.fetch_add(kLimit_us / 2);
            innocents += is_over();
        } else {
            // Until it is ended.
            while (!is_over()) {
                used_us.fetch_add(kLimit_us);
                std::this_thread::yield();
            }
            ++found;
        }
        marks.count_turn(0);
        ++served;
    }
};

TEST(CpuMarksStress, TheGreedyAreFoundAndNobodyElse) {
    const auto worker = std::make_unique<Worker>();
    std::atomic<std::uint64_t> told{0};
    std::atomic<bool> finished{false};
    std::thread watch([&] {
        CpuSamples samples;
        while (!finished.load())
            told += samples.look(worker->marks, 1, kLimit_us,
                                 [&] { return std::optional(worker->used_us.load()); });
    });
    std::vector<std::thread> cores;
    for (std::uint32_t core = 0; core < kCores; ++core)
        cores.emplace_back([&, core] {
            for (std::uint32_t i = 0; i < kInvocations; ++i) {
                const std::uint32_t slot = worker->entry.claim(0);
                if (slot == kNoSlot) {
                    std::this_thread::yield();
                    continue;
                }
                worker->serve((i + core) % 512 == 0);
                worker->entry.release(slot);
            }
        });
    for (std::thread& core : cores) core.join();
    finished = true;
    watch.join();
    EXPECT_EQ(worker->innocents.load(), 0u);
    EXPECT_GT(worker->found.load(), 0u);
    EXPECT_EQ(told.load(), worker->found.load()) << "nobody is marked that was not ended";
    EXPECT_GT(worker->served.load(), worker->found.load());
}

// A mark stays when its invocation is over.
TEST(CpuMarks, NamesDoNotComeAgain) {
    constexpr std::uint64_t kTurn = 1;
    CpuMarks marks;
    marks.turns[3].store(kTurn + (std::uint64_t{1} << 32));
    EXPECT_FALSE(marks.is_now(CpuMarks::name_of(3, kTurn)));
    EXPECT_TRUE(marks.is_now(CpuMarks::name_of(3, kTurn + (std::uint64_t{1} << 32))));
    EXPECT_EQ(CpuMarks::slot_of(CpuMarks::name_of(63, ~std::uint64_t{0} >> 6)), 63u);
}

}  // namespace
}  // namespace skerry
