// Timers of one core: a hashed wheel with bitmap (G. Varghese, T. Lauck, "Hashed and hierarchical
// timing wheels", SOSP 1987, scheme 6). One timer per id; arming, cancelling: constant time.
//
// Owned by one core. Allocates in the constructor only. A timer never fires early, and fires at
// most one tick late plus the time until the next call of expire().
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>

namespace skerry {

class TimerWheel {
  public:
    static constexpr std::uint32_t kSlots = 1024;
    static constexpr std::uint32_t kNone = ~0u;

    TimerWheel(std::uint32_t timers, std::uint64_t tick_tsc, std::uint64_t now_tsc)
        : tick_tsc_(tick_tsc),
          cursor_(now_tsc / tick_tsc),
          nodes_(std::make_unique<Node[]>(timers)) {
        heads_.fill(kNone);
    }

    // Arms, or moves, timer `id`.
    void arm(std::uint32_t id, std::uint64_t due_tsc) {
        cancel(id);
        const std::uint64_t due = (due_tsc + tick_tsc_ - 1) / tick_tsc_;
        Node& node = nodes_[id];
        node.due_tick = due < cursor_ ? cursor_ : due;
        const std::uint32_t slot = node.due_tick & (kSlots - 1);
        node.armed = true;
        node.previous = kNone;
        node.next = heads_[slot];
        if (node.next != kNone) nodes_[node.next].previous = id;
        heads_[slot] = id;
        occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    }

    void cancel(std::uint32_t id) {
        Node& node = nodes_[id];
        if (!node.armed) return;
        node.armed = false;
        if (node.next != kNone) nodes_[node.next].previous = node.previous;
        if (node.previous != kNone) {
            nodes_[node.previous].next = node.next;
            return;
        }
        const std::uint32_t slot = node.due_tick & (kSlots - 1);
        heads_[slot] = node.next;
        if (node.next == kNone) occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    }

    // Disarms up to due.size() timers that are due and writes their ids. What does not fit waits
    // for the next call: the work of one call is bounded by the size of `due` and the timers in the
    // slots that have come up.
    std::uint32_t expire(std::uint64_t now_tsc, std::span<std::uint32_t> due) {
        const std::uint64_t now = now_tsc / tick_tsc_;
        if (now < cursor_) return 0;
        // After a long pause one round over all slots sees everything.
        if (now - cursor_ >= kSlots) cursor_ = now - kSlots + 1;
        std::uint32_t count = 0;
        while (cursor_ <= now) {
            const std::uint64_t skip = empty_slots_ahead();
            if (skip != 0) {
                cursor_ = cursor_ + skip > now + 1 ? now + 1 : cursor_ + skip;
                continue;
            }
            std::uint32_t id = heads_[cursor_ & (kSlots - 1)];
            while (id != kNone) {
                const std::uint32_t next = nodes_[id].next;
                if (nodes_[id].due_tick <= now) {
                    if (count == due.size()) return count;
                    cancel(id);
                    due[count++] = id;
                }
                id = next;
            }
            ++cursor_;
        }
        return count;
    }

    // No timer is due before this instant. ~0 if none is armed. A lower bound: a timer that is more
    // than a round away may make its slot look nearer than it is.
    std::uint64_t next_due_tsc() const {
        const std::uint64_t skip = empty_slots_ahead();
        return skip >= kSlots ? ~std::uint64_t{0} : (cursor_ + skip) * tick_tsc_;
    }

  private:
    struct Node {
        std::uint64_t due_tick = 0;
        std::uint32_t next = kNone;
        std::uint32_t previous = kNone;
        bool armed = false;
    };

    // Distance from the cursor to the next occupied slot; kSlots if there is none.
    std::uint64_t empty_slots_ahead() const {
        const std::uint32_t start = cursor_ & (kSlots - 1);
        std::uint64_t word = occupied_[start / 64] >> (start % 64);
        if (word != 0) return static_cast<std::uint64_t>(std::countr_zero(word));
        std::uint64_t distance = 64 - start % 64;
        for (std::uint32_t i = 1; i <= kWords; ++i) {
            word = occupied_[(start / 64 + i) % kWords];
            if (word != 0) {
                distance += static_cast<std::uint64_t>(std::countr_zero(word));
                return distance < kSlots ? distance : kSlots;
            }
            distance += 64;
        }
        return kSlots;
    }

    static constexpr std::uint32_t kWords = kSlots / 64;

    std::uint64_t tick_tsc_;
    std::uint64_t cursor_;  // the next tick to look at
    std::array<std::uint32_t, kSlots> heads_;
    std::array<std::uint64_t, kWords> occupied_{};
    std::unique_ptr<Node[]> nodes_;
};

}  // namespace skerry
