// The capacity table: which slots of which function version are free.
//
// One cache line per entry. An entry belongs to one function version at a time; entries are handed
// out and taken back by the control thread (see control/placement). Bit i of `free_slots` says that
// slot i may be claimed; which worker it stands for is in SlotTable.
//
// Contract
//   claim     any core. One fetch_and. acquire: the claimer sees everything the last owner, or the
//             control thread that introduced the slot, wrote. Wait-free: it looks at the bitmap at
//             most kClaimTries times and then reports "none", which is what a full entry means too.
//   release   the core that owns the slot. One fetch_or, release.
//   retire    the core that owns a slot of a dead worker, instead of release. The slot is then the
//             control thread's: it collects it with take_retired (acquire).
//   add       control thread: slot i must be unknown to everyone (never added, or taken back).
//   take_back control thread: claims a free slot for good, to retire an idle worker.
// No ABA: a bit that was seen set and is cleared by our own fetch_and was free at that moment, and
// what it stands for can't change while it is ours.
#pragma once

#include <bit>
#include <cstdint>

#include "sandbox/base/atomics.hpp"

namespace skerry {

inline constexpr std::uint32_t kSlotsPerEntry = 64;
inline constexpr std::uint32_t kNoSlot = ~0u;
inline constexpr int kClaimTries = 8;

struct alignas(64) CapacityEntry {
    Atomic<std::uint64_t> free_slots{0};
    Atomic<std::uint64_t> retired_slots{0};
    // Requests that wait on this server for a slot of this entry, now. Cores add one when it joins
    // their queue and take it away when it leaves; the control thread reads, and starts workers as
    // long as somebody waits, however rare the function is. Relaxed: it orders nothing.
    Atomic<std::uint32_t> wanted{0};

    // `start` spreads claimers over the slots so that cores seldom meet on one bit.
    std::uint32_t claim(std::uint32_t start) {
        std::uint64_t seen = free_slots.load(SK_RELAXED);
        for (int i = 0; i < kClaimTries && seen != 0; ++i) {
            const std::uint32_t rotated = static_cast<std::uint32_t>(
                std::countr_zero(std::rotr(seen, static_cast<int>(start & 63u))));
            const std::uint32_t slot = (rotated + start) & 63u;
            const std::uint64_t bit = std::uint64_t{1} << slot;
            const std::uint64_t before = free_slots.fetch_and(~bit, SK_ACQUIRE);
            if (before & bit) return slot;
            seen = before & ~bit;
        }
        return kNoSlot;
    }
    void release(std::uint32_t slot) { free_slots.fetch_or(std::uint64_t{1} << slot, SK_RELEASE); }
    void retire(std::uint32_t slot) {
        retired_slots.fetch_or(std::uint64_t{1} << slot, SK_RELEASE);
    }

    void add(std::uint32_t slot) { release(slot); }
    bool take_back(std::uint32_t slot) {
        const std::uint64_t bit = std::uint64_t{1} << slot;
        return (free_slots.fetch_and(~bit, SK_ACQUIRE) & bit) != 0;
    }
    std::uint64_t take_retired() { return retired_slots.exchange(0, SK_ACQUIRE); }
};

#ifndef SKERRY_MODEL_CHECK
static_assert(sizeof(CapacityEntry) == 64 && alignof(CapacityEntry) == 64);
#endif

}  // namespace skerry
