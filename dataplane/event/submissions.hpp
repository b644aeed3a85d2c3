// Events that a core has handed to the queue, until it says what became of them (rings.hpp). Keeps
// their buffers, whatever becomes of the client meanwhile.
//
// Owned by one core. Allocates in the constructor only. With kEventsSubmitted of them the next one
// is refused (submit() says false), and the caller answers its client.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/context.hpp"
#include "dataplane/event/rings.hpp"
#include "dataplane/http/invocations.hpp"

namespace skerry {

class EventSubmissions {
  public:
    static constexpr std::uint32_t kVerdictsPerTurn = kEventsSubmitted;

    explicit EventSubmissions(Context& context);
    ~EventSubmissions();  // frees what was submitted: the queue's thread has ended, or never looks
    EventSubmissions(const EventSubmissions&) = delete;
    EventSubmissions& operator=(const EventSubmissions&) = delete;

    // Whether there is a queue at all.
    bool there() const { return submissions_ != nullptr; }
    std::uint32_t waiting() const { return waiting_; }

    // Takes the chain, header and payload, for `client`. False: there is no room, and it stays the
    // caller's.
    // `dedup_entry` comes back with the verdict.
    bool submit(rte_mbuf* message, std::uint32_t payload_bytes, http::Exchange client,
                std::uint32_t dedup_entry = kNoDedup);

    struct Verdict {
        http::Exchange client;
        EventFate fate = EventFate::accepted;
        std::uint32_t dedup_entry = kNoDedup;
        wire::Header header;  // the event's, if it has a dedup_entry
    };
    // What the queue has said since the last call: tell(verdict) for each, after its buffers were
    // freed. How many.
    template <typename Tell>
    std::uint32_t take(Tell&& tell) {
        std::uint32_t count = 0;
        Verdict verdict;
        for (; waiting_ != 0 && count < kVerdictsPerTurn && next(verdict); ++count) tell(verdict);
        return count;
    }

  private:
    struct Slot {
        rte_mbuf* message = nullptr;
        http::Exchange client;
        std::uint32_t dedup_entry = kNoDedup;
    };
    bool next(Verdict& verdict);

    Context& context_;
    rte_ring* const submissions_;
    rte_ring* const verdicts_;
    std::array<Slot, kEventsSubmitted> slots_;
    std::array<std::uint32_t, kEventsSubmitted> free_;  // the first kEventsSubmitted - waiting_
    std::uint32_t waiting_ = 0;
};

}  // namespace skerry
