// What slot i of a capacity entry stands for: a channel, and a slot in it.
//
// The control thread writes slot_refs[e][i] before it adds bit i to entry e (release); a core reads
// it after claiming that bit (acquire). Whoever owns the slot owns this cell.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/capacity/capacity_table.hpp"

namespace skerry {

struct Channel;

struct SlotRef {
    Channel* channel = nullptr;
    std::uint32_t slot = 0;
};

inline constexpr std::uint32_t kMaxEntries = 1024;  // function versions that can have workers here

struct CapacityTable {
    std::array<CapacityEntry, kMaxEntries> entries;
    std::array<std::array<SlotRef, kSlotsPerEntry>, kMaxEntries> refs;
};

}  // namespace skerry
