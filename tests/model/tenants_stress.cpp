// Tenants with real threads: for ThreadSanitizer, and for the machine's own memory order.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/capacity/tenants.hpp"

namespace skerry {
namespace {

constexpr int kCores = 4;
constexpr int kTries = 30'000;
constexpr std::uint32_t kReserved = 1, kCommon = 2;

// The most that a number has been.
struct Most {
    std::atomic<std::uint32_t> now{0}, most{0};
    void enter() {
        const std::uint32_t n = now.fetch_add(1) + 1;
        std::uint32_t seen = most.load();
        while (n > seen && !most.compare_exchange_weak(seen, n)) {
        }
    }
    void leave() { now.fetch_sub(1); }
};

TEST(TenantsStress, PermitsAreNeverMoreThanThereAreAndNothingIsLost) {
    const auto shared = std::make_unique<Tenants>();
    Most own, common;
    std::array<std::atomic<std::uint64_t>, 2> taken{};
    std::atomic<bool> over{false};
    // The control thread's part: caps that change all the time.
    std::thread control([&] {
        for (std::uint32_t i = 0; !over.load(); ++i) {
            shared->set_cap(0, 1 + i % 2);
            shared->set_cap(1, 2 - i % 2);
            std::this_thread::yield();
        }
    });
    std::vector<std::thread> cores;
    for (int core = 0; core < kCores; ++core)
        cores.emplace_back([&, tenant = static_cast<std::uint32_t>(core % 2)] {
            for (int i = 0; i < kTries; ++i) {
                if (!shared->admit(tenant, 3)) continue;
                const Permit permit = shared->take(tenant, tenant == 0 ? kReserved : 0, kCommon);
                if (permit != Permit::none) {
                    Most& count = permit == Permit::own ? own : common;
                    count.enter();
                    taken[tenant].fetch_add(1);
                    count.leave();
                    shared->give_back(tenant, permit);
                }
                shared->done(tenant);
            }
        });
    for (std::thread& core : cores) core.join();
    over = true;
    control.join();
    EXPECT_LE(own.most.load(), kReserved);
    EXPECT_LE(common.most.load(), kCommon);
    for (std::uint32_t tenant = 0; tenant < 2; ++tenant) {
        EXPECT_NE(taken[tenant].load(), 0u);
        EXPECT_EQ(shared->line(tenant).in_hand.count.load(), 0u);
        EXPECT_EQ(shared->line(tenant).own.count.load(), 0u);
        EXPECT_EQ(shared->line(tenant).common.count.load(), 0u);
    }
    EXPECT_EQ(shared->common(), 0u);
}

}  // namespace
}  // namespace skerry
