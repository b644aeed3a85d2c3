// Requests that have been sent and not yet been answered: a ring indexed by sequence number, since
// all have the same time limit and so expire in the order in which they were sent. Bounded.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace skerry::load {

inline constexpr std::size_t kMostInFlight = std::size_t{1} << 22;

struct Flight {
    std::uint64_t sequence = 0;     // 0: free
    std::uint64_t intended_ns = 0;  // when it should have been sent; latency counts from here
    std::uint16_t function = 0;
    std::uint16_t socket = 0;
    std::uint8_t transmissions = 0;
    std::uint8_t challenges = 0;
};

class InFlight {
  public:
    // Room for at least `most`; see kMostInFlight.
    explicit InFlight(std::size_t most) : ring_(std::bit_ceil(most < 2 ? 2 : most)) {}

    // False: the place of this sequence number is still taken.
    bool add(const Flight& flight) {
        Flight& place = ring_[flight.sequence & (ring_.size() - 1)];
        if (place.sequence != 0) return false;
        place = flight;
        if (oldest_ == 0) oldest_ = flight.sequence;
        newest_ = flight.sequence;
        ++count_;
        return true;
    }
    bool has_room_for(std::uint64_t sequence) const {
        return ring_[sequence & (ring_.size() - 1)].sequence == 0;
    }
    Flight* find(std::uint64_t sequence) {
        Flight& place = ring_[sequence & (ring_.size() - 1)];
        return sequence != 0 && place.sequence == sequence ? &place : nullptr;
    }
    void remove(Flight& flight) {
        flight.sequence = 0;
        --count_;
    }
    std::size_t count() const { return count_; }

    // Calls gone(flight) for each that was intended before `before_ns`, and removes it.
    template <typename Gone>
    void expire(std::uint64_t before_ns, Gone&& gone) {
        while (oldest_ != 0 && oldest_ <= newest_) {
            Flight* flight = find(oldest_);
            if (flight != nullptr) {
                if (flight->intended_ns >= before_ns) return;
                gone(*flight);
                remove(*flight);
            }
            ++oldest_;
        }
    }

  private:
    std::vector<Flight> ring_;
    std::uint64_t oldest_ = 0, newest_ = 0;
    std::size_t count_ = 0;
};

// When which request is to be sent again. All of one attempt wait alike, so a queue for each
// attempt is in order by itself.
class Retransmissions {
  public:
    static constexpr std::size_t kMostAttempts = 8;

    // `attempt`: 1 for the first retransmission. Beyond kMostAttempts: not sent again.
    void add(std::size_t attempt, std::uint64_t sequence, std::uint64_t due_ns) {
        if (attempt >= 1 && attempt <= kMostAttempts)
            queues_[attempt - 1].push_back({sequence, due_ns});
    }
    std::optional<std::uint64_t> take_due(std::uint64_t now_ns) {
        for (auto& queue : queues_) {
            if (queue.empty() || queue.front().due_ns > now_ns) continue;
            const std::uint64_t sequence = queue.front().sequence;
            queue.pop_front();
            return sequence;
        }
        return std::nullopt;
    }
    std::uint64_t next_due_ns() const {
        std::uint64_t next = UINT64_MAX;
        for (const auto& queue : queues_)
            if (!queue.empty() && queue.front().due_ns < next) next = queue.front().due_ns;
        return next;
    }

  private:
    struct Due {
        std::uint64_t sequence, due_ns;
    };
    std::deque<Due> queues_[kMostAttempts];
};

}  // namespace skerry::load
