// Which invocation has each slot of a worker, and which one has used too much CPU time: what cores
// and the control thread tell each other so that a worker is ended for the invocation that was
// measured, and for no other.
//
//   turns[s]  how often slot s was taken and left; odd: an invocation has it. Written by the core
//             that owns the slot (capacity table), read by the control thread.
//   over      name_of() an invocation that has used more than it may; 0: none was found. Written by
//             the control thread, read by cores. It stays when its invocation is over, so a name is
//             never given twice: 58 bits of a turn do not come around.
//
// Why nobody pays for another's time: count_turn() releases and the watch acquires, so what a
// worker had used before the turn that is seen is in the meter that is read afterwards; and a
// turn that is still the same after the meter was read had the slot at both readings. That needs of
// the meter that whoever reads what a worker has used also sees what came before it was used;
// it is a system call on both sides.
//
// No function blocks, allocates or makes a system call. tests/model explores this very file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sandbox/base/atomics.hpp"
#include "sandbox/channel/layout.hpp"

namespace skerry {

template <std::uint32_t kSlots>
struct BasicCpuMarks {
    static_assert(kSlots >= 1 && kSlots <= 64);

    Atomic<std::uint64_t> over{0};
    std::array<Atomic<std::uint64_t>, kSlots> turns{};

    static constexpr std::uint32_t kTurnBits = 58;
    static constexpr std::uint64_t name_of(std::uint32_t slot, std::uint64_t turn) {
        return std::uint64_t{slot} << kTurnBits | turn;
    }
    static constexpr std::uint32_t slot_of(std::uint64_t name) {
        return static_cast<std::uint32_t>(name >> kTurnBits);
    }

    // The slot's owner: once when an invocation takes it, once when it leaves it.
    void count_turn(std::uint32_t slot) {
        turns[slot].store(turns[slot].load(SK_RELAXED) + 1, SK_RELEASE);
    }
    // The owner of slot slot_of(name), which has an invocation there: is it that one?
    bool is_now(std::uint64_t name) const {
        const std::uint32_t slot = slot_of(name);
        return name_of(slot, turns[slot].load(SK_RELAXED)) == name;
    }
};

// The control thread's side: what it saw at the last look.
template <std::uint32_t kSlots>
class BasicCpuSamples {
  public:
    // Marks the invocation that has used most of those that were in hand at a look before and have
    // used more than `limit_us` since. True: a new one. `meter` is asked only when something is in
    // hand: what the worker has used in all, or nothing.
    template <typename Meter>
    bool look(BasicCpuMarks<kSlots>& marks, std::uint32_t slots, std::uint64_t limit_us,
              Meter&& meter) {
        std::array<std::uint64_t, kSlots> turns;
        bool any = false;
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            turns[slot] = marks.turns[slot].load(SK_ACQUIRE);
            any |= in_hand(turns[slot]);
        }
        if (!any) return false;
        const std::optional<std::uint64_t> used_us = meter();
        if (!used_us) return false;
        std::uint64_t most_us = limit_us, over = 0;
        for (std::uint32_t slot = 0; slot < slots; ++slot) {
            if (!in_hand(turns[slot])) continue;
            Seen& seen = seen_[slot];
            if (seen.turn != turns[slot]) {
                seen = {turns[slot], *used_us};
                continue;
            }
            // Still the same: all that was measured was used while it was in hand.
            const bool same = marks.turns[slot].load(SK_ACQUIRE) == turns[slot];
            if (!same || *used_us - seen.from_us <= most_us) continue;
            most_us = *used_us - seen.from_us;
            over = marks.name_of(slot, turns[slot]);
        }
        if (over == 0 || marks.over.load(SK_RELAXED) == over) return false;
        marks.over.store(over, SK_RELEASE);
        return true;
    }

  private:
    struct Seen {
        std::uint64_t turn = 0;
        std::uint64_t from_us = 0;  // what the worker had used then
    };
    static bool in_hand(std::uint64_t turn) { return (turn & 1) != 0; }

    std::array<Seen, kSlots> seen_{};
};

using CpuMarks = BasicCpuMarks<channel::kMaxSlotsPerChannel>;
using CpuSamples = BasicCpuSamples<channel::kMaxSlotsPerChannel>;

}  // namespace skerry
