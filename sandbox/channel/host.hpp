// Making the memory and descriptors of one channel, on skerryd's side. Control thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/channel/layout.hpp"

namespace skerry::channel {

struct Geometry {
    std::uint32_t slots = 1;               // 1 … kMaxSlotsPerChannel
    std::uint32_t request_area_bytes = 0;  // ≤ kMaxAreaBytes
    std::uint32_t response_area_bytes = 0;
    std::uint32_t core_count = 1;  // ≤ kMaxCores
    std::uint32_t spin_us = 0;
    std::uint32_t ahead_slots = 0;  // with one slot only; kMaxSlotsPerChannel in all
};

// Owns the mapping (unmapped on destruction) and every descriptor.
struct HostChannel {
    UniqueFd memfd;              // sealed against growing, shrinking and further seals
    UniqueFd wake;               // EFD_NONBLOCK
    UniqueFd ready;              // EFD_NONBLOCK
    std::vector<UniqueFd> done;  // EFD_NONBLOCK, one per core
    std::byte* base = nullptr;
    std::size_t bytes = 0;
    std::uint32_t slot_stride = 0;
    std::uint32_t ahead_slots = 0;

    HostChannel() = default;
    HostChannel(HostChannel&& other) noexcept;
    HostChannel& operator=(HostChannel&&) = delete;
    // Lets go of whatever blocks on its eventfds: only when the worker has ended, or never was.
    ~HostChannel();
    // Unmaps, and makes destruction nothing but closing: for a worker that may still be alive. It
    // could make the calls of the destructor block.
    void abandon();
};

Result<HostChannel> create_channel(const Geometry& geometry);

// The page of CoreDoorbells: mapped writable here, `fd` is a read-only descriptor for workers.
struct Doorbells {
    // Another open file of the same page, read-only: one for each worker. What a worker sets on its
    // open file (position, owner, signal) would otherwise be read by every other tenant's worker.
    Result<UniqueFd> open_again() const;

    UniqueFd fd;
    CoreDoorbell* lines = nullptr;  // kMaxCores; lives as long as the process
};
Result<Doorbells> create_doorbells();

}  // namespace skerry::channel
