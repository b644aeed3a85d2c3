// The shared token bucket with real threads and a clock of their own making.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "dataplane/limits/shared_bucket.hpp"

namespace skerry::limits {
namespace {

constexpr std::uint64_t kHz = 1'000'000;
constexpr int kThreads = 4;
constexpr std::uint64_t kAsked = 100'000;

// Each asks at the instants of one clock that all of them push on: what is taken is what one bucket
// alone would have given.
TEST(SharedBucketStress, NeverMoreThanTheRateAllows) {
    constexpr std::uint32_t kPerSecond = 50'000, kBurst = 100;
    const Rate rate = Rate::of(kPerSecond, kBurst, kHz);
    SharedBucket bucket;
    std::atomic<std::uint64_t> clock{kHz}, taken{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&] {
            std::uint64_t mine = 0;
            for (std::uint64_t i = 0; i < kAsked; ++i)
                mine += bucket.take(rate, clock.fetch_add(1, std::memory_order_relaxed));
            taken += mine;
        });
    for (std::thread& thread : threads) thread.join();
    const std::uint64_t passed = clock.load() - kHz;
    const std::uint64_t most = kBurst + passed * kPerSecond / kHz + 1;
    EXPECT_LE(taken.load(), most);
    EXPECT_GE(taken.load(), most * 9 / 10);
}

}  // namespace
}  // namespace skerry::limits
