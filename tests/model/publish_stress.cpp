// Snapshots published with the real rte_rcu_qsbr while cores look at them, sleep and wake.
#include <gtest/gtest.h>
#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace skerry {
namespace {

constexpr std::uint32_t kCores = 3;
constexpr std::uint64_t kMinPublications = 5'000, kMinTurns = 100'000;

struct Thing {
    std::uint64_t number;
    std::uint64_t twice;
};

TEST(PublishStress, NothingIsFreedInUseAndNothingOldIsTakenUpAgain) {
    const std::size_t bytes = (rte_rcu_qsbr_get_memsize(kCores) + 63) / 64 * 64;
    const std::unique_ptr<rte_rcu_qsbr, void (*)(void*)> qsbr(
        static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, bytes)), std::free);
    ASSERT_EQ(rte_rcu_qsbr_init(qsbr.get(), kCores), 0);
    auto current = std::make_unique<Thing>(Thing{0, 0});
    std::atomic<const Thing*> published{current.get()};
    std::atomic<std::uint64_t> passed{0};
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> wrong{0}, turns{0};
    std::atomic<std::uint32_t> up{0};

    std::vector<std::thread> cores;
    for (std::uint32_t core = 0; core < kCores; ++core)
        cores.emplace_back([&, core] {
            rte_rcu_qsbr_thread_register(qsbr.get(), core);
            rte_rcu_qsbr_thread_online(qsbr.get(), core);
            ++up;
            for (std::uint64_t turn = 0; !stop.load(); ++turn) {
                const std::uint64_t least = passed.load();
                const Thing* thing = published.load(std::memory_order_acquire);
                wrong += thing->twice != 2 * thing->number || thing->number < least;
                ++turns;
                rte_rcu_qsbr_quiescent(qsbr.get(), core);
                if (turn % 16 != core) continue;
                rte_rcu_qsbr_thread_offline(qsbr.get(), core);
                std::this_thread::yield();
                rte_rcu_qsbr_thread_online(qsbr.get(), core);
            }
            rte_rcu_qsbr_thread_offline(qsbr.get(), core);
        });
    while (up.load() != kCores) std::this_thread::yield();
    // Until the cores have had their share of the processors, however few there are.
    for (std::uint64_t number = 1; number <= kMinPublications || turns.load() < kMinTurns;
         ++number) {
        auto next = std::make_unique<Thing>(Thing{number, 2 * number});
        published.store(next.get(), std::memory_order_release);
        const std::uint64_t token = rte_rcu_qsbr_start(qsbr.get());
        std::atomic_thread_fence(std::memory_order_seq_cst);
        while (rte_rcu_qsbr_check(qsbr.get(), token, false) != 1) std::this_thread::yield();
        passed.store(number);
        current = std::move(next);  // frees the old one
    }
    stop = true;
    for (std::thread& core : cores) core.join();
    EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace skerry
