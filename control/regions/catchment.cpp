#include "control/regions/catchment.hpp"

#include <algorithm>

namespace skerry::regions {

void Catchment::step(std::uint64_t now_us) {
    std::erase_if(pops_,
                  [&](const auto& pop) { return now_us - pop.second.heard_us >= kForget_us; });
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
        rte_ring* notes = shared_.pop_notes[core];
        if (notes == nullptr) continue;
        PopNote heard;
        for (std::uint32_t i = 0; i < kPopNoteRingSize; ++i) {
            if (rte_ring_dequeue_elem(notes, &heard, sizeof heard) != 0) break;
            note(heard, now_us);
        }
    }
    shared_.own_warmth->catchment_milli.store(rate_milli(), std::memory_order_relaxed);
}

void Catchment::note(const PopNote& note, std::uint64_t now_us) {
    const std::pair<std::uint64_t, std::uint64_t> address{note.address[0], note.address[1]};
    auto pop = pops_.find(address);
    if (pop == pops_.end()) {
        if (pops_.size() >= kPops) {
            ++not_counted_;
            return;
        }
        pop = pops_.emplace(address, Pop{}).first;
    }
    pop->second = {
        .rate_milli = note.nearest != 0 ? std::min(note.rate_milli, kMostOfOne_milli) : 0,
        .heard_us = now_us};
}

std::uint64_t Catchment::rate_milli() const {
    std::uint64_t sum = 0;
    for (const auto& [address, pop] : pops_) sum += pop.rate_milli;
    return sum;
}

}  // namespace skerry::regions
