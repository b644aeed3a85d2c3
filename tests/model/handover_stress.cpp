// The hand-over with real threads and real eventfds: two cores, one worker, everybody sleeps
// whenever there is nothing to do. A lost wake-up would hang the test.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/channel/handover.hpp"

namespace skerry::channel {
namespace {

constexpr std::uint32_t kCores = 2;
constexpr std::uint32_t kSlotsEach = 3;
constexpr std::uint32_t kRequestsEach = 20'000;

class Bell {
  public:
    Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    void ring() {
        const std::uint64_t one = 1;
        ASSERT_EQ(::write(fd_.get(), &one, sizeof one), 8);
    }
    void wait() {
        pollfd waiting{fd_.get(), POLLIN, 0};
        while (::poll(&waiting, 1, -1) != 1) {
        }
        std::uint64_t count = 0;
        (void)!::read(fd_.get(), &count, sizeof count);
    }

  private:
    UniqueFd fd_;
};

// Plain memory, as the areas of a channel are: the bits order all access to it, or ThreadSanitizer
// says so.
struct Slot {
    std::uint64_t request = 0;
    std::uint64_t response = 0;
    std::uint32_t core = 0;
};

struct Wire {
    PendingLine pending{};
    AsleepLine worker{};
    std::array<DoneLine, kCores> done{};
    std::array<CoreDoorbell, kCores> cores{};
    std::array<Slot, kCores * kSlotsEach> slots{};
    Bell wake;
    std::array<Bell, kCores> bells;
};

void serve(Wire& wire) {
    for (std::uint32_t left = kCores * kRequestsEach; left != 0;) {
        std::uint64_t bits = take(wire.pending);
        if (bits == 0) {
            if (!prepare_sleep(wire.pending, wire.worker)) continue;
            wire.wake.wait();
            woken(wire.worker);
            continue;
        }
        for (; bits != 0; bits &= bits - 1, --left) {
            const auto i = static_cast<std::uint32_t>(std::countr_zero(bits));
            Slot& slot = wire.slots[i];
            slot.response = slot.request * 3;
            const std::uint32_t core = slot.core;
            if (answer(wire.done[core], wire.cores[core], std::uint64_t{1} << i))
                wire.bells[core].ring();
        }
    }
}

// Keeps all its slots busy, as a core does; returns how many answers were wrong.
std::uint32_t call(Wire& wire, std::uint32_t core) {
    std::uint32_t sent = 0, answered = 0, wrong = 0;
    std::uint64_t unused = std::uint64_t{(1u << kSlotsEach) - 1} << (core * kSlotsEach);
    while (answered < kRequestsEach) {
        std::uint64_t filled = 0;
        for (; unused != 0 && sent < kRequestsEach; unused &= unused - 1, ++sent) {
            const auto i = static_cast<std::uint32_t>(std::countr_zero(unused));
            wire.slots[i] = {.request = sent + 1, .response = 0, .core = core};
            filled |= std::uint64_t{1} << i;
        }
        if (filled != 0 && post(wire.pending, wire.worker, filled)) wire.wake.ring();
        std::uint64_t bits = take_done(wire.done[core]);
        if (bits == 0) {
            announce_sleep(wire.cores[core]);
            if (!any_done(wire.done[core])) wire.bells[core].wait();
            woken(wire.cores[core]);
            continue;
        }
        unused |= bits;
        for (; bits != 0; bits &= bits - 1, ++answered) {
            const Slot& slot = wire.slots[static_cast<std::size_t>(std::countr_zero(bits))];
            wrong += slot.response != slot.request * 3;
        }
    }
    return wrong;
}

TEST(HandoverStress, EveryRequestIsAnsweredOnceAndRight) {
    const auto wire = std::make_unique<Wire>();
    std::array<std::uint32_t, kCores> wrong{};
    std::vector<std::thread> threads;
    threads.emplace_back([&] { serve(*wire); });
    for (std::uint32_t core = 0; core < kCores; ++core)
        threads.emplace_back([&, core] { wrong[core] = call(*wire, core); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, (std::array<std::uint32_t, kCores>{}));
    EXPECT_EQ(take(wire->pending), 0u);
}

// One at a time, for as long as there are any to come: how often each was executed.
void serve_singly(Wire& wire, const std::atomic<bool>& over, std::vector<std::uint8_t>& executed) {
    for (std::uint32_t from = 0;;) {
        const std::uint32_t i = take_one(wire.pending, from);
        if (i == kNothingTaken) {
            if (over.load()) return;
            if (!prepare_sleep(wire.pending, wire.worker)) continue;
            wire.wake.wait();
            woken(wire.worker);
            continue;
        }
        from = i + 1;
        ++executed[wire.slots[i].request];
        if (answer(wire.done[0], wire.cores[0], std::uint64_t{1} << i)) wire.bells[0].ring();
    }
}

// Hands over all slots at once, takes back what it can, fills those again: each request is executed
// once or was taken back, and a slot that was taken back is nobody else's.
TEST(HandoverStress, ARequestIsExecutedOnceOrTakenBack) {
    const auto wire = std::make_unique<Wire>();
    std::vector<std::uint8_t> executed(kRequestsEach + 1), expected(kRequestsEach + 1);
    std::atomic<bool> over{false};
    std::thread worker([&] { serve_singly(*wire, over, executed); });
    constexpr std::uint64_t kAll = (std::uint64_t{1} << (kCores * kSlotsEach)) - 1;
    std::uint64_t unused = kAll;
    for (std::uint32_t sent = 0; sent < kRequestsEach || unused != kAll;) {
        std::uint64_t filled = 0;
        for (; unused != 0 && sent < kRequestsEach; unused &= unused - 1) {
            const auto i = static_cast<std::uint32_t>(std::countr_zero(unused));
            wire->slots[i] = {.request = ++sent, .response = 0, .core = 0};
            expected[sent] = 1;
            filled |= std::uint64_t{1} << i;
        }
        if (filled != 0 && post(wire->pending, wire->worker, filled)) wire->wake.ring();
        if (sent % 3 != 0)
            for (std::uint64_t left = kAll & ~unused; left != 0; left &= left - 1) {
                const std::uint64_t bit = left & (~left + 1);
                if (!take_back(wire->pending, bit)) continue;
                expected[wire->slots[static_cast<std::size_t>(std::countr_zero(bit))].request] = 0;
                unused |= bit;
            }
        const std::uint64_t bits = take_done(wire->done[0]);
        unused |= bits;
        if (bits != 0 || unused != 0) continue;
        announce_sleep(wire->cores[0]);
        if (!any_done(wire->done[0])) wire->bells[0].wait();
        woken(wire->cores[0]);
    }
    over.store(true);
    wire->wake.ring();
    worker.join();
    EXPECT_EQ(executed, expected);
}

}  // namespace
}  // namespace skerry::channel
