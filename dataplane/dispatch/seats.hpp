// What one core has in each channel: which slots, for which invocations. Private to the core: a
// worker's word is believed only where it agrees with this.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/dispatch/channel.hpp"
#include "dataplane/invocation.hpp"

namespace skerry {

struct Seat {
    Channel* channel = nullptr;
    std::uint64_t generation = 0;  // of the channel that `polled` belongs to
    std::uint64_t in_flight = 0;   // slots of ours
    std::uint64_t to_ring = 0;     // filled in this turn, the worker not told yet
    std::uint32_t active_at = 0;   // position in the list of active seats
    bool polled = false;
    // Of a channel with ahead_slots. One of `in_flight` is the head: it has the worker's slot of
    // the capacity table, and the permit; the others follow it in a circle.
    std::uint64_t ahead = 0;         // of in_flight: Progress::ahead, never the head
    std::uint64_t run_from_tsc = 0;  // when the core got that slot of the table
    std::uint32_t head = 0;
    bool retire = false;  // the slot of the table is not to be given back
    static constexpr std::uint64_t kNoBell = ~std::uint64_t{0};
    std::uint64_t bell = kNoBell;  // generation of the channel whose worker is being rung
    std::uint32_t tenure = 0;      // of a worker that speaks the Runtime API: see api_workers.hpp
    bool log_open = false;         // the collector has been told of its invocation's beginning
    bool has_news = false;         // and it is listed for that
    std::array<std::uint32_t, channel::kMaxSlotsPerChannel> owner{};
};

// The seats with something in flight, in no order, so that a turn looks at those only.
class Seats {
  public:
    Seats() : seats_(std::make_unique<Seat[]>(kMaxChannels)) {}

    Seat& operator[](std::uint32_t channel_index) { return seats_[channel_index]; }
    std::uint32_t active_count() const { return count_; }
    Seat& active(std::uint32_t i) { return seats_[active_[i]]; }

    void take(Channel* channel, std::uint32_t slot, std::uint32_t invocation) {
        Seat& seat = seats_[channel->index];
        if (seat.in_flight == 0) {
            seat.channel = channel;
            seat.active_at = count_;
            active_[count_++] = channel->index;
        }
        seat.in_flight |= std::uint64_t{1} << slot;
        seat.owner[slot] = invocation;
    }
    void give_back(Seat& seat, std::uint32_t slot) {
        seat.in_flight &= ~(std::uint64_t{1} << slot);
        seat.ahead &= seat.in_flight;
        seat.to_ring &= seat.in_flight;
        if (seat.in_flight != 0) return;
        const std::uint32_t last = active_[--count_];
        active_[seat.active_at] = last;
        seats_[last].active_at = seat.active_at;
    }

  private:
    std::unique_ptr<Seat[]> seats_;
    std::array<std::uint32_t, kMaxChannels> active_{};
    std::uint32_t count_ = 0;
};

}  // namespace skerry
