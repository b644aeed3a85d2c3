// The hand-over: step by step on one thread, then under stress on two. Every interleaving of it is
// explored in tests/model; this shows that the same code works with the real atomics.
#include "sandbox/channel/handover.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "sandbox/base/unique_fd.hpp"

namespace skerry::channel {
namespace {

struct Lines {
    PendingLine pending{};
    AsleepLine worker_asleep{};
    DoneLine done{};
    CoreDoorbell core{};
};

TEST(Handover, AwakeWorkerIsNotRung) {
    Lines lines;
    EXPECT_FALSE(post(lines.pending, lines.worker_asleep, 0b101));
    EXPECT_FALSE(post(lines.pending, lines.worker_asleep, 0b010));
    EXPECT_EQ(take(lines.pending), 0b111u);
    EXPECT_EQ(take(lines.pending), 0u);
}

TEST(Handover, SleepingWorkerIsRung) {
    Lines lines;
    EXPECT_TRUE(prepare_sleep(lines.pending, lines.worker_asleep));
    EXPECT_TRUE(post(lines.pending, lines.worker_asleep, 1));
    woken(lines.worker_asleep);
    EXPECT_FALSE(post(lines.pending, lines.worker_asleep, 2));
    EXPECT_EQ(take(lines.pending), 3u);
}

TEST(Handover, WorkerStaysAwakeWhenThereIsWork) {
    Lines lines;
    EXPECT_FALSE(post(lines.pending, lines.worker_asleep, 1));
    EXPECT_FALSE(prepare_sleep(lines.pending, lines.worker_asleep));
    EXPECT_EQ(lines.worker_asleep.asleep.load(), 0u);
}

TEST(Handover, CoreIsRungWhenItSleepsOnly) {
    Lines lines;
    EXPECT_FALSE(answer(lines.done, lines.core, 1));
    EXPECT_EQ(take_done(lines.done), 1u);
    EXPECT_EQ(take_done(lines.done), 0u);
    announce_sleep(lines.core);
    EXPECT_FALSE(any_done(lines.done));
    EXPECT_TRUE(answer(lines.done, lines.core, 4));
    EXPECT_TRUE(any_done(lines.done));
    woken(lines.core);
    EXPECT_EQ(take_done(lines.done), 4u);
}

TEST(Handover, HighestBitIsABitLikeAnyOther) {
    Lines lines;
    constexpr std::uint64_t kTop = std::uint64_t{1} << 63;
    (void)post(lines.pending, lines.worker_asleep, kTop);
    EXPECT_EQ(take(lines.pending), kTop);
    (void)answer(lines.done, lines.core, kTop);
    EXPECT_EQ(take_done(lines.done), kTop);
}

class Bell {
  public:
    Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    void ring() const {
        const std::uint64_t one = 1;
        (void)!::write(fd_.get(), &one, sizeof one);
    }
    // False: nobody rang in a time in which everybody else would long be done: a lost wake-up.
    bool wait() const {
        pollfd waiting{fd_.get(), POLLIN, 0};
        const bool rung = ::poll(&waiting, 1, 30'000) == 1;
        std::uint64_t rings;
        (void)!::read(fd_.get(), &rings, sizeof rings);
        return rung;
    }

  private:
    UniqueFd fd_;
};

constexpr std::uint32_t kSlots = 8;
constexpr std::uint64_t kAllSlots = (std::uint64_t{1} << kSlots) - 1;
constexpr std::uint64_t kRequests = 200'000;
constexpr std::uint64_t kStop = ~std::uint64_t{0};

struct Stress : Lines {
    // Plain memory on purpose: only the hand-over orders the accesses (a race shows under TSan).
    std::array<std::uint64_t, kSlots> requests{};
    std::array<std::uint64_t, kSlots> responses{};
    Bell wake;
    Bell finished;
    bool worker_lost_a_wakeup = false;
};

void serve(Stress& shared) {
    while (true) {
        std::uint64_t bits = take(shared.pending);
        if (bits == 0) {
            if (!prepare_sleep(shared.pending, shared.worker_asleep)) continue;
            if (!shared.wake.wait()) {
                shared.worker_lost_a_wakeup = true;
                return;
            }
            woken(shared.worker_asleep);
            continue;
        }
        for (; bits != 0; bits &= bits - 1) {
            const auto slot = static_cast<std::size_t>(__builtin_ctzll(bits));
            if (shared.requests[slot] == kStop) return;
            shared.responses[slot] = shared.requests[slot] * 3 + 1;
            if (answer(shared.done, shared.core, std::uint64_t{1} << slot)) shared.finished.ring();
        }
    }
}

// The core's part; the number of right answers.
std::uint64_t request_all(Stress& shared) {
    std::uint64_t idle = kAllSlots;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    while (received < kRequests) {
        std::uint64_t burst = 0;
        for (std::uint64_t bits = idle; bits != 0 && sent < kRequests; bits &= bits - 1) {
            shared.requests[static_cast<std::size_t>(__builtin_ctzll(bits))] = sent++;
            burst |= bits & -bits;
        }
        idle &= ~burst;
        if (burst != 0 && post(shared.pending, shared.worker_asleep, burst)) shared.wake.ring();
        std::uint64_t done = take_done(shared.done);
        if (done == 0) {
            announce_sleep(shared.core);
            if (!any_done(shared.done) && !shared.finished.wait()) return received;
            woken(shared.core);
            continue;
        }
        idle |= done;
        for (; done != 0; done &= done - 1) {
            const auto slot = static_cast<std::size_t>(__builtin_ctzll(done));
            if (shared.responses[slot] != shared.requests[slot] * 3 + 1) return received;
            ++received;
        }
    }
    return received;
}

TEST(Handover, LosesNothingBetweenTwoThreads) {
    Stress shared;
    std::thread worker(serve, std::ref(shared));
    EXPECT_EQ(request_all(shared), kRequests);
    shared.requests[0] = kStop;
    if (post(shared.pending, shared.worker_asleep, 1)) shared.wake.ring();
    worker.join();
    EXPECT_FALSE(shared.worker_lost_a_wakeup);
}

}  // namespace
}  // namespace skerry::channel
