#include "control/placement/cpu_watch.hpp"

namespace skerry::placement {
namespace {

bool in_hand(std::uint32_t turn) {
    return (turn & 1) != 0;
}

}  // namespace

bool CpuWatch::look(Channel& channel) {
    std::array<std::uint32_t, channel::kMaxSlotsPerChannel> turns;
    bool any = false;
    for (std::uint32_t slot = 0; slot < channel.slot_count; ++slot) {
        turns[slot] = channel.turns[slot].load(std::memory_order_acquire);
        any |= in_hand(turns[slot]);
    }
    if (!any) return false;
    const auto used_us = meter_.read_us();
    if (!used_us) return false;
    std::uint64_t most_us = channel.cpu_limit_us, over = 0;
    for (std::uint32_t slot = 0; slot < channel.slot_count; ++slot) {
        if (!in_hand(turns[slot])) continue;
        Seen& seen = seen_[slot];
        if (seen.turn != turns[slot]) {
            seen = {turns[slot], *used_us};
            continue;
        }
        // Still the same: all that was measured was used while it was in hand.
        const bool same = channel.turns[slot].load(std::memory_order_acquire) == turns[slot];
        if (!same || *used_us - seen.from_us <= most_us) continue;
        most_us = *used_us - seen.from_us;
        over = Channel::over_limit(slot, turns[slot]);
    }
    if (over == 0 || channel.cpu_over.load(std::memory_order_relaxed) == over) return false;
    channel.cpu_over.store(over, std::memory_order_release);
    return true;
}

}  // namespace skerry::placement
