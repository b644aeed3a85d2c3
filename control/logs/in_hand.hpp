// Which invocation a native worker has in hand, as its channel says: read where cores put it, so
// that no core has to tell. The worker can write that memory too; what it makes of it is the
// request ids in its own log, and no more.
#pragma once

#include <cstddef>
#include <cstdint>

#include "control/logs/record.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/channel/layout.hpp"

namespace skerry::logs {

class InHand {
  public:
    // Maps the channel once more, to read: the mapping lives as long as this, whatever becomes of
    // the control thread's. `memfd` stays the caller's.
    // `ahead_slots`: behind the others, for what is handed over ahead.
    static Result<InHand> map(int memfd, std::uint32_t slots, std::uint32_t ahead_slots,
                              std::uint32_t slot_stride);
    InHand(InHand&& other) noexcept;
    InHand& operator=(InHand&&) = delete;
    ~InHand();

    // The invocation that what is read now belongs to: the one in hand, or the last one while
    // there is none. None: there are several, or there was none as yet.
    RequestId look();

  private:
    InHand(const std::byte* base, std::size_t bytes, std::uint32_t slots, std::uint32_t ahead_slots,
           std::uint32_t stride)
        : base_(base), bytes_(bytes), slots_(slots), ahead_slots_(ahead_slots), stride_(stride) {}
    const channel::ChannelHeader& header() const {
        return *reinterpret_cast<const channel::ChannelHeader*>(base_);
    }
    const channel::SlotControl& slot(std::uint32_t i) const {
        return *reinterpret_cast<const channel::SlotControl*>(base_ + channel::kHeaderBytes +
                                                              std::size_t{i} * stride_);
    }
    RequestId begun_last();

    const std::byte* base_;
    std::size_t bytes_;
    std::uint32_t slots_, ahead_slots_, stride_;
    RequestId last_;
};

}  // namespace skerry::logs
