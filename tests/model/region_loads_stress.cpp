// Regions' loads with real threads: all write and read the same words, and nobody sees half of one.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/load/region_loads.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kWrites = 200'000;
constexpr std::uint32_t kThreads = 4;
constexpr std::uint32_t kRegions = 3;

// All of it follows from one number.
RegionLoad load(std::uint32_t i) {
    return {.wait_us = i,
            .in_flight = static_cast<std::uint16_t>(i * 7),
            .waiting = static_cast<std::uint16_t>(~i)};
}

TEST(RegionLoadsStress, NeverHalfAndTheLastOneStays) {
    const auto loads = std::make_unique<RegionLoads>();
    for (std::uint32_t r = 0; r < kRegions; ++r) loads->write(r, load(0));
    std::atomic<std::uint64_t> torn{0};
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            for (std::uint32_t i = 1; i <= kWrites; ++i) {
                const std::uint32_t region = (i + t) % kRegions;
                loads->write(region, load(i * kThreads + t));
                const RegionLoad seen = loads->read((region + 1) % kRegions);
                torn += !(seen == load(seen.wait_us));
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(torn.load(), 0u);
    for (std::uint32_t r = 0; r < kRegions; ++r) {
        const RegionLoad last = loads->read(r);
        EXPECT_EQ(last, load(last.wait_us));
        EXPECT_GE(last.wait_us / kThreads, kWrites - kRegions) << "somebody's last one";
    }
}

}  // namespace
}  // namespace skerry
