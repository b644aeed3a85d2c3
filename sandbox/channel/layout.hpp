// The channel: the memory that skerryd shares with one worker, byte by byte.
//
// One sealed memfd per worker (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL). It starts with a
// ChannelHeader of one page, followed by slot_count slots, each `slot_stride` bytes: a SlotControl,
// the request area, the response area. All integers are in host order: both sides run on one
// machine.
//
// Who writes what
//   skerryd's cores   SlotControl::request*, the request area, ChannelHeader::pending (set bits,
//                     take them back)
//   the worker        SlotControl::response*, the response area, ChannelHeader::done[core] (set
//   bits),
//                     ChannelHeader::worker_asleep, ChannelHeader::worker, ChannelHeader::pending
//                     (takes bits)
// skerryd never reads back what it wrote, and trusts nothing the worker wrote: every word is read
// once, into a local, and bounds-checked against skerryd's private copy of the geometry.
//
// The hand-over (ordering contract, model-checked in tests/model)
//   core    fills the slot, pending.fetch_or(bit, seq_cst), then reads worker_asleep (seq_cst);
//           if it is 1, it writes the worker's wake eventfd (once per burst and channel).
//   worker  pending.exchange(0, seq_cst); nothing there: worker_asleep = 1 (seq_cst), looks at
//   pending
//           again, and only then blocks in poll() on the wake eventfd; worker_asleep = 0 on waking.
//   worker  fills the response, done[core].fetch_or(bit, seq_cst), then reads CoreDoorbell::asleep
//   of
//           that core (seq_cst); if it is 1, it writes the done eventfd of that core.
//   core    done[core].exchange(0, seq_cst), masked with the slots that it really has in flight;
//           before it blocks: asleep = 1 (seq_cst), looks at every channel it has in flight again.
// A slot is owned by the core that claimed it in the capacity table until that core releases it.
//
// Handed over ahead
//   A channel of one slot may have ahead_slots further ones. Who owns the slot owns them as well,
//   and fills and posts them like it, with requests that wait. A worker that has set
//   WorkerLine::takes_singly takes one bit of `pending` at a time (fetch_and, seq_cst), and only
//   when it begins with that request, the next in a circle; so a bit that is still there is a
//   request that has not begun, and the core may take it back in the same way. Whoever's fetch_and
//   finds the bit has the slot. Other workers take all bits at once, and are never handed anything
//   ahead.
// A worker that was timed out is killed and its memfd thrown away: a late write hits nobody.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sandbox/base/atomics.hpp"

namespace skerry::channel {

inline constexpr std::uint32_t kMagic = 0x534b4348;  // "SKCH"
inline constexpr std::uint32_t kAbiVersion = 1;
inline constexpr std::uint32_t kMaxSlotsPerChannel = 64;  // one bit of `pending` each
// One wake-up for eight requests: more gain nothing (docs/decisions/0034-handed-over-ahead.md).
inline constexpr std::uint32_t kAheadSlots = 7;
inline constexpr std::uint32_t kMaxCores = 16;
inline constexpr std::uint32_t kHeaderBytes = 4096;
inline constexpr std::uint32_t kSlotControlBytes = 128;
inline constexpr std::uint32_t kMaxAreaBytes = 8u << 20;

// File descriptors a worker is born with; nothing else is open but 0 (null), 1 and 2 (its log).
inline constexpr int kChannelFd = 3;    // the memfd
inline constexpr int kDoorbellsFd = 4;  // CoreDoorbell[kMaxCores], read-only
inline constexpr int kWakeFd = 5;       // eventfd, non-blocking: a core rings, the worker reads
inline constexpr int kReadyFd = 6;      // eventfd: the worker writes 1 when initialised
inline constexpr int kFirstDoneFd = 7;  // eventfd of core 0, then core 1, …: the worker rings

struct alignas(64) DoneLine {
    Atomic<std::uint64_t> slots;  // bit i: slot i has a response for this core
};

struct alignas(64) PendingLine {
    Atomic<std::uint64_t> slots;  // bit i: slot i has a request
};

struct alignas(64) AsleepLine {
    Atomic<std::uint32_t> asleep;  // 1: about to block, or blocked
};

// What the worker says of itself.
struct alignas(64) WorkerLine {
    Atomic<std::uint32_t> takes_singly;  // 1: before it is ready, and for good
    Atomic<std::uint32_t> begun_slot;    // that it began with last; for its log alone
};

struct ChannelHeader {
    // Written by skerryd before the worker starts; for the worker's eyes only.
    std::uint32_t magic;
    std::uint32_t abi_version;
    std::uint32_t slot_count;
    std::uint32_t core_count;
    std::uint32_t slot_stride;
    std::uint32_t request_area_bytes;
    std::uint32_t response_area_bytes;
    std::uint32_t spin_us;  // how long the worker may spin before it sleeps; 0: not at all
    // Slots behind the slot_count that may be outstanding at once; 0 where there are several.
    std::uint32_t ahead_slots;
    std::uint8_t reserved[28];
    PendingLine pending;
    AsleepLine worker_asleep;
    DoneLine done[kMaxCores];
    WorkerLine worker;
};

enum class ResponseStatus : std::uint32_t {
    ok = 0,
    function_error = 1,  // the function ran and says that it failed; the bytes are its error text
};

struct SlotControl {
    // Line 0: written by the owning core.
    std::uint64_t request_seq;  // no two requests of a slot have the same; never 0
    std::uint64_t request_id_hi;
    std::uint64_t request_id_lo;
    std::uint64_t trace_id_hi;
    std::uint64_t trace_id_lo;
    std::uint32_t request_bytes;
    std::uint32_t deadline_us;  // time left when the request was handed over
    std::uint32_t reply_core;   // whose done line and done eventfd to use
    // Bytes of the caller's client context, behind the request_bytes in the request area; 0: none.
    std::uint32_t context_bytes;
    std::uint64_t deadline_ns;  // CLOCK_MONOTONIC, of one handed over ahead; else 0
    // Line 1: written by the worker.
    std::uint64_t response_seq;  // the request_seq that this answers
    std::uint32_t response_bytes;
    std::uint32_t response_status;  // ResponseStatus; anything else is a malformed answer
    std::uint8_t reserved2[48];
};

// One line per core in a memfd of its own, mapped read-only by workers.
using CoreDoorbell = AsleepLine;

constexpr std::uint32_t round_up_64(std::uint32_t bytes) {
    return (bytes + 63u) & ~63u;
}
constexpr std::uint32_t slot_stride(std::uint32_t request_area, std::uint32_t response_area) {
    return kSlotControlBytes + round_up_64(request_area) + round_up_64(response_area);
}
constexpr std::size_t channel_bytes(std::uint32_t slots, std::uint32_t stride) {
    const std::size_t bytes = kHeaderBytes + std::size_t{slots} * stride;
    return (bytes + 4095u) & ~std::size_t{4095u};
}

#ifndef SKERRY_MODEL_CHECK
static_assert(sizeof(DoneLine) == 64 && sizeof(PendingLine) == 64 && sizeof(AsleepLine) == 64);
static_assert(offsetof(ChannelHeader, pending) == 64);
static_assert(offsetof(ChannelHeader, worker_asleep) == 128);
static_assert(offsetof(ChannelHeader, ahead_slots) == 32);
static_assert(offsetof(ChannelHeader, done) == 192);
static_assert(offsetof(ChannelHeader, worker) == 192 + 64 * kMaxCores);
static_assert(sizeof(ChannelHeader) <= kHeaderBytes);
static_assert(sizeof(SlotControl) == kSlotControlBytes);
static_assert(offsetof(SlotControl, request_bytes) == 40);
static_assert(offsetof(SlotControl, context_bytes) == 52);
static_assert(offsetof(SlotControl, deadline_ns) == 56);
static_assert(offsetof(SlotControl, response_seq) == 64);
static_assert(Atomic<std::uint64_t>::is_always_lock_free);
#endif

}  // namespace skerry::channel
