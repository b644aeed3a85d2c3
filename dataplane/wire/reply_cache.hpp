// The reply cache: which request ids a core has taken, and what it answered. It makes a retransmit
// harmless: a request is executed once (docs/protocol.md, "Retransmission").
//
// A request is identified by its source address and port and its request id; ports with RSS send
// all copies of it to one core, so each core has a cache of its own and needs no lock.
//
//   entries   buckets of 8. A new id reuses a cell that is empty, or whose answer is older than the
//             window. If its bucket has none, a second bucket is tried; if that has none either,
//             the answer is "full": the request is refused, because to forget a younger id would
//             allow a second execution. The second bucket is looked at only for buckets that have
//             spilled (counted exactly), so the common path reads one.
//   replies   a ring of bytes. An answer that has been overwritten is "gone": its id is still
//   known,
//             and the request is refused rather than executed again.
// Owned by one core. Allocates in the constructor only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/net/frame.hpp"
#include "dataplane/wire/message.hpp"

namespace skerry::wire {

enum class Seen : std::uint8_t {
    fresh,      // never seen: an entry has been reserved
    in_flight,  // being worked on
    answered,   // `reply` is the whole message that was sent
    gone,       // answered, but the reply has been overwritten
    full,       // no entry may be reused yet
    reused,     // the id is known, for another function
};

class ReplyCache {
  public:
    static constexpr std::uint32_t kWays = 8;
    static constexpr std::uint32_t kNoInvocation = ~0u;
    static constexpr std::uint32_t kNoCell = ~0u;

    struct Found {
        Seen seen = Seen::full;
        std::uint32_t entry = 0;
        std::uint32_t invocation = kNoInvocation;  // for in_flight
        const std::byte* reply = nullptr;          // for answered; valid until the next answer()
        std::uint32_t reply_bytes = 0;
    };

    // `entries` is rounded up to a power of two, `ring_bytes` likewise.
    ReplyCache(std::uint32_t entries, std::uint32_t ring_bytes, std::uint32_t window_ms,
               std::uint64_t seed);

    // Keyed hash of what identifies a request; never 0.
    std::uint64_t tag(const net::Path& path, const RequestId& id) const;
    void prefetch(std::uint64_t tag) const {
        __builtin_prefetch(&tags_[bucket(tag)]);
        __builtin_prefetch(&cells_[bucket(tag)], 1);
    }

    Found find_or_reserve(std::uint64_t tag, std::uint64_t function_key, std::uint32_t now_ms);
    // Of a request that is being worked on; kNoInvocation of any other.
    std::uint32_t invocation_of(std::uint64_t tag, std::uint64_t function_key) const;
    void bind(std::uint32_t entry, std::uint32_t invocation) { cells_[entry].where = invocation; }
    // The request was refused without being executed: forget it, it may be sent again.
    void forget(std::uint32_t entry);
    // The reply in two pieces, copied into the ring.
    void answer(std::uint32_t entry, const void* header, std::uint32_t header_bytes,
                const void* payload, std::uint32_t payload_bytes, std::uint32_t now_ms);

    std::uint32_t capacity() const { return mask_ + 1; }

  private:
    enum class State : std::uint8_t { empty, in_flight, answered };
    struct Cell {
        std::uint64_t where = 0;  // in_flight: invocation; answered: position in the ring
        std::uint64_t function_key = 0;
        std::uint32_t bytes = 0;
        // As an age, not as an instant to come: it wraps after 49 days, and then a window's worth
        // of requests is refused at worst, not all of them for weeks.
        std::uint32_t answered_ms = 0;
        State state = State::empty;
    };
    static_assert(sizeof(Cell) == 32);

    std::uint32_t bucket(std::uint64_t tag) const {
        return static_cast<std::uint32_t>(tag >> 32) & mask_ & ~(kWays - 1);
    }
    // Where an id goes whose bucket is full: the same pair whichever of the two it is.
    std::uint32_t second_bucket(std::uint64_t tag) const {
        const auto flip = static_cast<std::uint32_t>(tag * 0x9e3779b97f4a7c15ull >> 32);
        return bucket(tag) ^ (flip & mask_ & ~(kWays - 1));
    }
    std::uint32_t find_in(std::uint32_t bucket, std::uint64_t tag) const;
    std::uint32_t find(std::uint64_t tag) const;
    std::uint32_t reusable_in(std::uint32_t bucket, std::uint32_t now_ms) const;
    void unspill(std::uint32_t entry);
    Found found(std::uint32_t entry, std::uint64_t function_key) const;
    void put(std::uint64_t position, const void* data, std::uint32_t bytes);

    std::uint32_t mask_;
    std::uint32_t window_ms_;
    std::uint64_t seed_[2];
    std::unique_ptr<std::uint64_t[]> tags_;
    std::unique_ptr<Cell[]> cells_;
    std::unique_ptr<std::uint16_t[]> spilled_;  // of each bucket: ids of it that are elsewhere
    std::uint64_t ring_mask_;
    std::uint64_t ring_head_ = 0;  // bytes ever written
    std::unique_ptr<std::byte[]> ring_;
};

}  // namespace skerry::wire
