// What cores tell the log collector (control/logs): that a worker was handed an invocation, and
// that it is done with it. Needed for workers that speak the Runtime API; of native ones the
// collector reads the request id in their channel, and no core has to tell it anything.
//
// One ring a core, core → collector thread, single producer and single consumer: an rte_ring of
// elements of sizeof(LogEvent), kLogRingSize of them, RING_F_SP_ENQ | RING_F_SC_DEQ. A core that
// finds it full drops the event and counts it: logs are then attributed worse, nothing else.
// Events of one worker must be in one ring at a time in the order in which they happened; its slot
// moves between cores through the capacity table, whose release and acquire order them by at_us.
#pragma once

#include <cstdint>
#include <type_traits>

namespace skerry {

enum class LogEventKind : std::uint8_t {
    started = 1,  // before the worker can see the invocation
    ended = 2,    // answered, or given up
};

// Whether the worker's answer was the caller's; for the REPORT line.
enum class LogEnd : std::uint8_t {
    answered,
    function_error,
    timed_out,
    died,
    malformed,
    cpu_limit,
};

struct LogEvent {
    std::uint64_t request_id_hi = 0;
    std::uint64_t request_id_lo = 0;
    std::uint64_t generation = 0;  // Channel::generation: which worker had the index then
    std::uint64_t at_us = 0;       // CLOCK_MONOTONIC
    std::uint32_t channel = 0;     // Channel::index
    std::uint32_t run_us = 0;      // ended: from handing it over to its answer
    LogEventKind kind = LogEventKind::started;
    LogEnd end = LogEnd::answered;
    std::uint8_t reserved[6] = {};
};
static_assert(sizeof(LogEvent) == 48 && std::is_trivially_copyable_v<LogEvent>);

inline constexpr std::uint32_t kLogRingSize = 4096;  // a power of two

// The tail of an invocation's log, for a caller that wants it with the reply. A core asks when the
// invocation has ended, and holds slot and reply until the collector answers, for kTailWait_us at
// most. Two rings a core, single producer and single consumer: requests core → collector, after
// which the core rings Shared::tail_bell_fd; answers collector → core, after which the collector
// rings the core's kick_fd. A ring that is full costs a reply its tail, nothing else: counted.
inline constexpr std::uint32_t kTailBytes = 4096;
inline constexpr std::uint32_t kTailWait_us = 100'000;
inline constexpr std::uint32_t kTailRequestRing = 256;  // powers of two; one less fits in
inline constexpr std::uint32_t kTailAnswerRing = 64;

struct TailRequest {
    std::uint64_t request_id_hi = 0;
    std::uint64_t request_id_lo = 0;
    std::uint64_t generation = 0;  // as in LogEvent
    std::uint64_t token = 0;       // the core's; comes back
    std::uint32_t channel = 0;
    std::uint32_t room_bytes = 0;  // that the reply has for it: 1 … kTailBytes
};
static_assert(sizeof(TailRequest) == 40 && std::is_trivially_copyable_v<TailRequest>);

struct TailAnswer {
    std::uint64_t token = 0;
    std::uint32_t bytes = 0;  // ≤ room_bytes; 0: it wrote nothing
    std::uint32_t reserved = 0;
    char text[kTailBytes];
};
static_assert(sizeof(TailAnswer) == 16 + kTailBytes && std::is_trivially_copyable_v<TailAnswer>);

}  // namespace skerry
