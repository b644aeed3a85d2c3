// Events that the queue wants executed, as arrivals (rings.hpp): their payload is copied into
// buffers of the core's, kCopyBytesPerTurn in a turn, they are decided about like any request, and
// how they end goes back to the queue. What the function answers is nobody's.
//
// Owned by one core. Allocates in the constructor only. Clients come first: events have a quarter
// of the payload buffers at most, and what there is no buffer for goes back as `overloaded`.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/context.hpp"
#include "dataplane/event/rings.hpp"
#include "dataplane/exchange_sink.hpp"
#include "dataplane/payload_chain.hpp"

namespace skerry {

class EventRuns final : public ExchangeSink {
  public:
    static constexpr std::uint32_t kCopyBytesPerTurn = 64 * 1024;
    static constexpr std::uint32_t kShareOfBuffers = 4;

    // `buffers`: as those of Exchanges.
    EventRuns(Context& context, rte_mempool* buffers);
    ~EventRuns();
    EventRuns(const EventRuns&) = delete;
    EventRuns& operator=(const EventRuns&) = delete;

    // At most as many as there is room for. The rest waits.
    std::uint32_t take(std::span<Arrival> arrivals);
    // One is being copied, and goes on in the next turn.
    bool busy() const { return copying_; }
    // The next one waits until others have ended.
    bool blocked() const { return waits_; }
    std::uint32_t running() const { return running_; }

    // ExchangeSink
    void opened(std::uint32_t, std::uint32_t) override {}
    void joined(std::uint32_t, std::uint32_t) override {}  // an event has no key
    void accepted(std::uint32_t, const wire::Header&) override {}
    void answer(std::uint32_t exchange, const ExchangeAnswer& answer) override;
    void tail(std::uint32_t, const char*, std::uint32_t) override {}

  private:
    bool begin();
    bool copy(std::uint32_t& budget_bytes);
    void arrive(Arrival& arrival);
    void end(std::uint32_t place, ReplyStatus status);

    Context& context_;
    rte_mempool* const buffers_;
    rte_ring* const runs_;
    rte_ring* const results_;
    const std::uint64_t most_bytes_;

    EventRun next_;         // waits for room, or is being copied
    bool waits_ = false;    // taken from the ring, not begun
    bool copying_ = false;  // begun
    PayloadChain chain_;
    std::uint32_t copied_bytes_ = 0;

    struct Place {
        std::uint32_t slot = 0;  // the queue's
        std::uint32_t bytes = 0;
    };
    std::array<Place, kEventsRunning> places_;
    std::array<std::uint32_t, kEventsRunning> free_;  // the first kEventsRunning - running_
    std::uint32_t running_ = 0;
    std::uint64_t held_bytes_ = 0;  // of those that run
    std::uint32_t place_ = 0;       // of the one that is being copied
};

}  // namespace skerry
