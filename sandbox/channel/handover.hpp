// The hand-over of slots between a core and a worker: the ordering contract of layout.hpp as code.
// The SDK and dataplane/dispatch use these functions and touch the words in no other way;
// tests/model compiles this very file with Relacy.
//
// Why no wake-up is lost: the one who gives sets a bit and then reads `asleep`; the one who sleeps
// sets `asleep` and then reads the bits. All four are sequentially consistent, so at least one of
// the two sees what the other wrote: the bell is rung, or the sleeper stays awake. A bell rung in
// vain is possible and harmless: eventfds are drained on waking, and bits are what counts.
//
// What a bit carries: everything written to the slot before it was set (release) is visible to
// whoever takes it (acquire). No function here blocks, allocates or makes a system call; the caller
// rings the eventfd when told to.
#pragma once

#include <bit>
#include <cstdint>

#include "sandbox/base/atomics.hpp"
#include "sandbox/channel/layout.hpp"

namespace skerry::channel {

// Core side. Hands `bits` (slots that this core owns and has filled) to the worker. Call it once
// for a burst. True: the worker sleeps or is about to; write its wake eventfd.
[[nodiscard]] inline bool post(PendingLine& pending, const AsleepLine& worker_asleep,
                               std::uint64_t bits) {
    pending.slots.fetch_or(bits, SK_SEQ_CST);
    return worker_asleep.asleep.load(SK_SEQ_CST) != 0;
}

// Worker side. Takes all requests that are there; 0: none. The plain read in front keeps the cache
// line shared while nothing comes, so a spinning worker does not slow the cores down.
[[nodiscard]] inline std::uint64_t take(PendingLine& pending) {
    if (pending.slots.load(SK_RELAXED) == 0) return 0;
    return pending.slots.exchange(0, SK_SEQ_CST);
}

// Worker side, of one that takes singly. Takes the first request at or behind slot `from`, in a
// circle; kNothingTaken: there is none. The bit is what the core can take back: it is cleared by
// the one of the two that has the request.
inline constexpr std::uint32_t kNothingTaken = ~0u;
[[nodiscard]] inline std::uint32_t take_one(PendingLine& pending, std::uint32_t from) {
    std::uint64_t seen = pending.slots.load(SK_RELAXED);
    while (seen != 0) {
        const auto behind = static_cast<std::uint32_t>(
            std::countr_zero(std::rotr(seen, static_cast<int>(from & 63u))));
        const std::uint32_t slot = (behind + from) & 63u;
        const std::uint64_t bit = std::uint64_t{1} << slot;
        seen = pending.slots.fetch_and(~bit, SK_SEQ_CST);
        if (seen & bit) return slot;
    }
    return kNothingTaken;
}

// Core side. True: the worker has not taken the request of slot `bit`, and never will; the slot may
// be filled again. Of a worker that takes singly: nothing of the request has been executed.
[[nodiscard]] inline bool take_back(PendingLine& pending, std::uint64_t bit) {
    return (pending.slots.fetch_and(~bit, SK_SEQ_CST) & bit) != 0;
}

// Worker side, before it blocks. False: work arrived meanwhile, and the worker counts as awake
// again.
[[nodiscard]] inline bool prepare_sleep(const PendingLine& pending, AsleepLine& worker_asleep) {
    worker_asleep.asleep.store(1, SK_SEQ_CST);
    if (pending.slots.load(SK_SEQ_CST) == 0) return true;
    worker_asleep.asleep.store(0, SK_RELAXED);
    return false;
}

// Both sides, after blocking (having drained the eventfd) and before looking for work. A late sight
// of this store costs the other side a needless ring, nothing else: hence relaxed.
inline void woken(AsleepLine& line) {
    line.asleep.store(0, SK_RELAXED);
}

// Worker side. Tells the core that owns the slots `bits` that their responses are complete. True:
// that core sleeps or is about to; write its done eventfd.
[[nodiscard]] inline bool answer(DoneLine& done, const CoreDoorbell& core, std::uint64_t bits) {
    done.slots.fetch_or(bits, SK_SEQ_CST);
    return core.asleep.load(SK_SEQ_CST) != 0;
}

// Core side. Takes what the worker claims to be answered; the caller masks it with the slots it
// really has in flight there.
[[nodiscard]] inline std::uint64_t take_done(DoneLine& done) {
    if (done.slots.load(SK_RELAXED) == 0) return 0;
    return done.slots.exchange(0, SK_SEQ_CST);
}

// Core side, before it blocks: first announce_sleep once, then any_done for every channel with
// slots in flight. If one has something: woken(own), and do not block.
inline void announce_sleep(CoreDoorbell& own) {
    own.asleep.store(1, SK_SEQ_CST);
}
[[nodiscard]] inline bool any_done(const DoneLine& done) {
    return done.slots.load(SK_SEQ_CST) != 0;
}

}  // namespace skerry::channel
