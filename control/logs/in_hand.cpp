#include "control/logs/in_hand.hpp"

#include <sys/mman.h>

#include <utility>

namespace skerry::logs {
namespace {

std::uint64_t load(const std::uint64_t& word) {
    return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

}  // namespace

Result<InHand> InHand::map(int memfd, std::uint32_t slots, std::uint32_t ahead_slots,
                           std::uint32_t slot_stride) {
    const std::size_t bytes = channel::channel_bytes(slots + ahead_slots, slot_stride);
    void* base = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, memfd, 0);
    if (base == MAP_FAILED) return errno_error("mmap a channel for its log");
    return InHand(static_cast<const std::byte*>(base), bytes, slots, ahead_slots, slot_stride);
}

InHand::InHand(InHand&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      bytes_(other.bytes_),
      slots_(other.slots_),
      ahead_slots_(other.ahead_slots_),
      stride_(other.stride_),
      last_(other.last_) {}

InHand::~InHand() {
    if (base_ != nullptr) (void)::munmap(const_cast<std::byte*>(base_), bytes_);
}

// Of several that were handed over, one executes: the worker says which it began with last.
RequestId InHand::begun_last() {
    const std::uint32_t begun = header().worker.begun_slot.load(SK_RELAXED);
    if (begun >= slots_ + ahead_slots_) return last_;
    // Handed over since then, and not begun.
    if ((header().pending.slots.load(SK_RELAXED) >> begun & 1) != 0) return last_;
    if (load(slot(begun).request_seq) == 0) return last_;
    return last_ = {load(slot(begun).request_id_hi), load(slot(begun).request_id_lo)};
}

RequestId InHand::look() {
    if (ahead_slots_ != 0 && header().worker.takes_singly.load(SK_RELAXED) == 1)
        return begun_last();
    std::uint32_t in_hand = 0;
    RequestId found;
    for (std::uint32_t i = 0; i < slots_; ++i) {
        const std::uint64_t seq = load(slot(i).request_seq);
        const bool done = load(slot(i).response_seq) == seq;
        if (seq == 0 || (done && slots_ > 1)) continue;
        ++in_hand;
        found = {load(slot(i).request_id_hi), load(slot(i).request_id_lo)};
    }
    if (in_hand > 1) return {};
    if (in_hand == 1) last_ = found;
    return last_;
}

}  // namespace skerry::logs
