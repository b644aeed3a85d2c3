// The rings of events (dataplane/event/rings.hpp) with real threads and real eventfds: two cores,
// one queue, everybody sleeps whenever there is nothing to do. What an element points to is plain
// memory, written before and freed after: ThreadSanitizer sees if the rings do not order it. A lost
// wake-up would hang the test.
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/event/rings.hpp"
#include "sandbox/base/check.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kCores = 2;
constexpr std::uint32_t kEventsEach = 20'000;

class Bell {
  public:
    Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    void ring() {
        const std::uint64_t one = 1;
        (void)!::write(fd_.get(), &one, sizeof one);
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

template <typename Element>
class Ring {
  public:
    Ring() {
        const auto bytes =
            static_cast<std::size_t>(rte_ring_get_memsize_elem(sizeof(Element), kEventRingSize));
        ring_ = static_cast<rte_ring*>(std::aligned_alloc(128, (bytes + 127) / 128 * 128));
        SKERRY_CHECK(
            rte_ring_init(ring_, "stress", kEventRingSize, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0);
    }
    ~Ring() { std::free(ring_); }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    // As the contract says: never full.
    void put(Element element) {
        SKERRY_CHECK(rte_ring_sp_enqueue_elem(ring_, &element, sizeof element) == 0);
    }
    bool take(Element& element) {
        return rte_ring_sc_dequeue_elem(ring_, &element, sizeof element) == 0;
    }

  private:
    rte_ring* ring_;
};

struct OfCore {
    Ring<EventSubmission> submissions;
    Ring<EventVerdict> verdicts;
    Ring<EventRun> runs;
    Ring<EventResult> results;
    Bell kick;
};

// What a submission points to; rte_mbuf is opaque to the rings.
struct Message {
    std::uint64_t number = 0;
};

struct Kept {
    std::uint64_t number = 0;
    bool runs = false;
};

// Submits as many as it may, runs what it is given; returns how much was wrong.
std::uint32_t be_core(OfCore& rings, Bell& queue, std::uint32_t core) {
    std::array<std::unique_ptr<Message>, kEventsSubmitted> messages;
    std::vector<std::uint32_t> slots(kEventsSubmitted);
    for (std::uint32_t i = 0; i < kEventsSubmitted; ++i) slots[i] = i;
    std::uint32_t sent = 0, told = 0, ran = 0, wrong = 0;
    std::uint64_t sum = 0;
    while (told < kEventsEach || ran < kEventsEach) {
        bool rings_queue = false, worked = false;
        for (; sent < kEventsEach && !slots.empty(); ++sent, rings_queue = true) {
            const std::uint32_t slot = slots.back();
            slots.pop_back();
            messages[slot] = std::make_unique<Message>(Message{std::uint64_t{core} << 32 | sent});
            rings.submissions.put(
                {reinterpret_cast<const rte_mbuf*>(messages[slot].get()), sent, slot});
        }
        EventVerdict verdict;
        while (rings.verdicts.take(verdict)) {
            wrong += messages[verdict.slot] == nullptr || verdict.fate != EventFate::accepted;
            messages[verdict.slot].reset();
            slots.push_back(verdict.slot);
            ++told;
            worked = true;
        }
        EventRun run;
        while (rings.runs.take(run)) {
            std::uint64_t number = 0;
            std::memcpy(&number, run.payload, sizeof number);
            sum += number & 0xffffffff;
            wrong += number >> 32 != core;
            EventResult result;
            result.slot = run.slot;
            rings.results.put(result);
            ++ran;
            worked = rings_queue = true;
        }
        if (rings_queue) queue.ring();
        if (!worked && !rings_queue) rings.kick.wait();
    }
    return wrong + (sum != std::uint64_t{kEventsEach} * (kEventsEach - 1) / 2);
}

// Says accepted to all, gives every core its own back; at most kEventsRunning at a time.
std::uint32_t be_queue(std::array<OfCore, kCores>& cores, Bell& bell) {
    std::array<std::array<Kept, kEventsRunning>, kCores> kept{};
    std::array<std::vector<std::uint64_t>, kCores> waiting;
    std::uint32_t ended = 0, wrong = 0;
    while (ended < kCores * kEventsEach) {
        bool worked = false;
        for (std::uint32_t core = 0; core < kCores; ++core) {
            OfCore& rings = cores[core];
            bool kicks = false;
            EventSubmission submission;
            for (std::uint32_t i = 0; i < 16 && rings.submissions.take(submission); ++i) {
                waiting[core].push_back(
                    reinterpret_cast<const Message*>(submission.message)->number);
                rings.verdicts.put({submission.slot, EventFate::accepted});
                kicks = true;
            }
            EventResult result;
            while (rings.results.take(result)) {
                wrong += !kept[core][result.slot].runs;
                kept[core][result.slot] = {};
                ++ended;
                worked = true;
            }
            for (std::uint32_t slot = 0; slot < kEventsRunning && !waiting[core].empty(); ++slot) {
                Kept& each = kept[core][slot];
                if (each.runs) continue;
                each = {waiting[core].back(), true};
                waiting[core].pop_back();
                EventRun run;
                run.payload = reinterpret_cast<const std::byte*>(&each.number);
                run.payload_bytes = sizeof each.number;
                run.slot = slot;
                rings.runs.put(run);
                kicks = true;
            }
            if (kicks) rings.kick.ring();
            worked |= kicks;
        }
        if (!worked && ended < kCores * kEventsEach) bell.wait();
    }
    return wrong;
}

TEST(EventRingsStress, EveryEventIsToldOfAndRunOnce) {
    const auto cores = std::make_unique<std::array<OfCore, kCores>>();
    Bell bell;
    std::array<std::uint32_t, kCores + 1> wrong{};
    std::vector<std::thread> threads;
    threads.emplace_back([&] { wrong[kCores] = be_queue(*cores, bell); });
    for (std::uint32_t core = 0; core < kCores; ++core)
        threads.emplace_back([&, core] { wrong[core] = be_core((*cores)[core], bell, core); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, (std::array<std::uint32_t, kCores + 1>{}));
}

}  // namespace
}  // namespace skerry
