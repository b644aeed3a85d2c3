// What is counted and measured of workers, as plain numbers: for whoever shows it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace skerry::placement {

// How a worker came to be one of its function version.
// The last: a copy whose restorer had stood by.
enum class Way : std::uint8_t { fresh, copy, standby, standby_copy };
inline constexpr std::array<std::string_view, 4> kWayNames = {"fresh", "copy", "standby",
                                                              "standby_copy"};

// The parts of one cold start, in the order in which they come.
struct StartPhases {
    std::uint32_t queue_us = 0;       // from the order until the warden took it up
    std::uint32_t namespaces_us = 0;  // a jail's namespaces; 0: they were there already
    std::uint32_t mounts_us = 0;      // image, artifact, /tmp
    std::uint32_t identity_us = 0;    // ids, capabilities
    std::uint32_t exec_us = 0;        // limits, filter, exec
    std::uint32_t init_us = 0;        // the worker's own, until it is ready
    std::uint32_t total_us = 0;       // from the order to readiness
};
// The last two are no parts of a start. First answer: from when a worker was ready, and its first
// request there, until the answer to that; of workers that have been asked at all. Cold answer: all
// that somebody waited who found no worker, from when the request was there until its answer.
inline constexpr std::size_t kFirstAnswerPhase = 7, kColdAnswerPhase = 8, kPhaseCount = 9;
inline constexpr std::array<std::string_view, kPhaseCount> kPhaseNames = {
    "queue", "namespaces", "mounts",       "identity",   "exec",
    "init",  "total",      "first_answer", "cold_answer"};

struct PhaseSummary {
    std::uint32_t p50_us = 0, p99_us = 0;
};

// Of the last kKept starts, and first answers.
struct StartSummary {
    std::uint64_t starts = 0;                            // ever, of the version here
    std::array<std::uint64_t, kWayNames.size()> ways{};  // of these, by how they came to be
    std::array<PhaseSummary, kPhaseCount> phases{};
};

// Names are what workers make of them: behind so many, all count as "other".
inline constexpr std::size_t kMaxDeniedNames = 1024;

// Of all versions, since the server started.
struct WorkerTotals {
    std::uint64_t started = 0, crashed = 0, hung = 0, malformed = 0, idle_ended = 0, failed = 0;
    std::uint64_t spent = 0;                  // after their only invocation
    std::uint64_t templates = 0, copies = 0;  // made; workers started from them
    std::uint64_t stood_by = 0;               // workers that did, before they got their function
    std::uint64_t out_of_memory = 0;
    std::uint64_t cpu_limit = 0;  // an invocation had used more CPU time than it may
    // Workers that were ended for a system call, by its name: at most kMaxDeniedNames of them, and
    // "other". A call that the kernel ended by itself, so that nobody knows it, is "unknown".
    std::map<std::string, std::uint64_t> denied_calls = {};
};

}  // namespace skerry::placement
