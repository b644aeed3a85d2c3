// Reservations with real threads: for ThreadSanitizer, and for the machine's own memory order.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/capacity/reservations.hpp"

namespace skerry {
namespace {

constexpr int kCores = 4;
constexpr int kTries = 50'000;

TEST(ReservationsStress, NeverMoreThanTheLimitAndNothingLost) {
    for (const std::uint32_t limit : {0u, 1u, 2u, 3u}) {
        const auto shared = std::make_unique<Reservations>();
        std::atomic<std::uint32_t> inside{0}, most{0};
        std::atomic<std::uint64_t> entered{0};
        std::vector<std::thread> cores;
        for (int core = 0; core < kCores; ++core)
            cores.emplace_back([&] {
                for (int i = 0; i < kTries; ++i) {
                    if (!shared->enter(7, limit)) continue;
                    const std::uint32_t now = inside.fetch_add(1) + 1;
                    std::uint32_t seen = most.load();
                    while (now > seen && !most.compare_exchange_weak(seen, now)) {
                    }
                    entered.fetch_add(1);
                    inside.fetch_sub(1);
                    shared->leave(7);
                }
            });
        for (std::thread& core : cores) core.join();
        EXPECT_LE(most.load(), limit);
        EXPECT_EQ(entered.load() != 0, limit != 0);
        EXPECT_EQ(shared->in(7), 0u);
        EXPECT_EQ(shared->in(6), 0u);
    }
}

}  // namespace
}  // namespace skerry
