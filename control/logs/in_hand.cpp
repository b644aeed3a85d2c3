#include "control/logs/in_hand.hpp"

#include <sys/mman.h>

#include <utility>

#include "sandbox/channel/layout.hpp"

namespace skerry::logs {
namespace {

std::uint64_t load(const std::uint64_t& word) {
    return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

}  // namespace

Result<InHand> InHand::map(int memfd, std::uint32_t slots, std::uint32_t slot_stride) {
    const std::size_t bytes = channel::channel_bytes(slots, slot_stride);
    void* base = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, memfd, 0);
    if (base == MAP_FAILED) return errno_error("mmap a channel for its log");
    return InHand(static_cast<const std::byte*>(base), bytes, slots, slot_stride);
}

InHand::InHand(InHand&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      bytes_(other.bytes_),
      slots_(other.slots_),
      stride_(other.stride_),
      last_(other.last_) {}

InHand::~InHand() {
    if (base_ != nullptr) (void)::munmap(const_cast<std::byte*>(base_), bytes_);
}

RequestId InHand::look() {
    std::uint32_t in_hand = 0;
    RequestId found;
    for (std::uint32_t i = 0; i < slots_; ++i) {
        const auto& slot = *reinterpret_cast<const channel::SlotControl*>(
            base_ + channel::kHeaderBytes + std::size_t{i} * stride_);
        const std::uint64_t seq = load(slot.request_seq);
        const bool done = load(slot.response_seq) == seq;
        if (seq == 0 || (done && slots_ > 1)) continue;
        ++in_hand;
        found = {load(slot.request_id_hi), load(slot.request_id_lo)};
    }
    if (in_hand > 1) return {};
    if (in_hand == 1) last_ = found;
    return last_;
}

}  // namespace skerry::logs
