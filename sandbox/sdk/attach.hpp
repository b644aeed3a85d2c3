// Finding and checking the channel that this process was born with.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sandbox/channel/layout.hpp"

namespace skerry::sdk {

// The mappings, and a private copy of the geometry. skerryd is trusted with the contents, yet a
// function that was built against another ABI must end with an error and not with a wild write.
struct Attachment {
    std::byte* base = nullptr;
    const channel::CoreDoorbell* doorbells = nullptr;
    std::uint32_t slot_count = 0;
    std::uint32_t ahead_slots = 0;
    std::uint32_t core_count = 0;
    std::uint32_t slot_stride = 0;
    std::uint32_t request_area_bytes = 0;
    std::uint32_t response_area_bytes = 0;
    std::uint32_t spin_us = 0;
};

// 0, or an errno value: EBADF (no channel), EPROTO (not one of this ABI), ENOMEM (can't be mapped).
// Marks the descriptors close-on-exec, so that programs started by the function don't inherit them.
int attach(Attachment& out);

}  // namespace skerry::sdk
