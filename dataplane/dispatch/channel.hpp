// skerryd's own side of one worker's channel: the mapping, the descriptors, and a private copy of
// the geometry. Nothing here is read back from memory that the worker can write.
//
// Created and destroyed by the control thread. A core uses it only while it owns one of its slots
// (capacity table), so there is no lock; the control thread destroys it only when it owns all
// slots.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/dispatch/cpu_marks.hpp"
#include "sandbox/channel/layout.hpp"

namespace skerry {

// Why the control thread should end a worker. Set by cores, first one wins, read by control.
// `spent` is none: its function wants a new worker for each invocation.
enum class WorkerFault : std::uint8_t { none, hung, malformed, spent, cpu_limit };

struct ApiEnd;

struct alignas(64) Channel {
    std::byte* base = nullptr;  // start of the mapping; ChannelHeader, then slots
    std::uint32_t slot_count = 0;
    std::uint32_t ahead_slots = 0;  // behind them, of a worker that takes singly
    std::uint32_t slot_stride = 0;
    std::uint32_t request_area_bytes = 0;
    std::uint32_t response_area_bytes = 0;
    int wake_fd = -1;                      // a core writes 8 bytes through io_uring
    int done_fd[channel::kMaxCores] = {};  // eventfd, EFD_NONBLOCK; one per core
    std::uint32_t index = 0;               // 0 … kMaxChannels-1, unique among living channels
    std::uint32_t entry = 0;               // capacity table entry it serves
    std::uint64_t generation = 0;          // differs between two channels that had one index

    ApiEnd* api = nullptr;    // it speaks the Runtime API, and `base` is ours alone
    bool single_use = false;  // one invocation, then its end
    // Of a channel with ahead_slots, and theirs who owns its one slot: which is filled next, and
    // whether an answer was so long that the memory for several is not to be had.
    std::uint32_t next_slot = 0;
    bool long_answers = false;
    std::uint32_t cpu_limit_us = 0;  // of one invocation; 0: none
    // How the worker ended; before `dead`. -1: not by exiting.
    int exit_code = -1;
    int exit_signal = 0;

    // Set by the control thread when the worker has ended; cores that own slots then retire them.
    alignas(64) std::atomic<bool> dead{false};
    // Set by a core: "end this worker, because". The control thread polls it.
    std::atomic<WorkerFault> fault{WorkerFault::none};
    // CLOCK_MONOTONIC of the first answer of all, and of the arrival of what it answers; 0: none
    // as yet. Written by the core that takes the answer, the arrival first.
    std::atomic<std::uint64_t> first_arrival_us{0}, first_answer_us{0};
    // Kept with a limit of CPU time. The core that has the invocation marked there ends it, and the
    // worker.
    CpuMarks cpu;

    channel::ChannelHeader* header() const {
        return reinterpret_cast<channel::ChannelHeader*>(base);
    }
    channel::SlotControl* slot(std::uint32_t i) const {
        return reinterpret_cast<channel::SlotControl*>(base + channel::kHeaderBytes +
                                                       std::size_t{i} * slot_stride);
    }
    std::byte* request_area(std::uint32_t i) const {
        return reinterpret_cast<std::byte*>(slot(i)) + channel::kSlotControlBytes;
    }
    std::byte* response_area(std::uint32_t i) const {
        return request_area(i) + channel::round_up_64(request_area_bytes);
    }
};

inline constexpr std::uint32_t kMaxChannels = 1024;

}  // namespace skerry
