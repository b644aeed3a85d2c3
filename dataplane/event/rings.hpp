// Event invocations (X-Amz-Invocation-Type: Event) between cores and the queue that keeps them
// (control/events): what each says to the other.
//
// Four rings a core, each with one producer and one consumer (rte_ring of fixed elements,
// RING_F_SP_ENQ | RING_F_SC_DEQ, kEventRingSize of them):
//
//   submissions   core → queue   an event, whole. The buffers stay the core's, which neither
//   changes
//                                nor frees them until the verdict: the queue only reads them.
//   verdicts      queue → core   what became of it. `accepted` is said when the event is as safe as
//                                [events] persist asks for, and not before: the client gets its 202
//                                then.
//   runs          queue → core   an event to be executed. The bytes stay the queue's, which neither
//                                changes nor frees them until the result: the core only reads.
//   results       core → queue   how it ended, once for each run.
//
// No ring can be full: a core has at most kEventsSubmitted without a verdict, and is given at most
// kEventsRunning without a result. After submissions and results the core rings
// Shared::event_bell_fd; after verdicts and runs the queue rings the core's kick_fd. The rings'
// release and acquire order what the elements point to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "dataplane/wire/message.hpp"

struct rte_mbuf;

namespace skerry {

inline constexpr std::uint32_t kEventPayloadBytesMax = 1u << 20;  // AWS's limit
inline constexpr std::uint32_t kEventBytesMax = kEventPayloadBytesMax + wire::kContextBytesMax;
inline constexpr std::uint32_t kEventsSubmitted = 128;  // of a core
inline constexpr std::uint32_t kEventsRunning = 64;     // of a core
inline constexpr std::uint32_t kEventRingSize = 256;    // a power of two
static_assert(kEventRingSize > kEventsSubmitted && kEventRingSize > kEventsRunning);

struct EventSubmission {
    const rte_mbuf* message = nullptr;  // a chain: wire::Header in the first one, and the payload
    std::uint32_t payload_bytes = 0;    // as the header says: with its client context
    std::uint32_t slot = 0;             // the core's; comes back
};
static_assert(sizeof(EventSubmission) == 16 && std::is_trivially_copyable_v<EventSubmission>);

enum class EventFate : std::uint32_t {
    accepted,
    full,     // the queue is: nothing was kept
    failed,   // its file could not be written: nothing was kept
    unknown,  // the disk failed while writing: it may be there after the next start, or not
};

struct EventVerdict {
    std::uint32_t slot = 0;
    EventFate fate = EventFate::accepted;
};
static_assert(sizeof(EventVerdict) == 8 && std::is_trivially_copyable_v<EventVerdict>);

struct EventRun {
    const std::byte* payload = nullptr;
    std::uint32_t payload_bytes = 0;  // ≤ kEventBytesMax, with its client context
    std::uint32_t slot = 0;           // the queue's; comes back
    std::uint64_t request_id_hi = 0, request_id_lo = 0;
    std::uint64_t function_key = 0, qualifier = 0;
    std::uint64_t trace_id_hi = 0, trace_id_lo = 0, span_id = 0;
    std::uint32_t context_bytes = 0;  // at the payload's end
    std::uint32_t reserved = 0;
};
static_assert(sizeof(EventRun) == 80 && std::is_trivially_copyable_v<EventRun>);

struct EventResult {
    std::uint32_t slot = 0;
    ReplyStatus status = ReplyStatus::ok;
    std::uint8_t reserved[3] = {};
};
static_assert(sizeof(EventResult) == 8 && std::is_trivially_copyable_v<EventResult>);

}  // namespace skerry
