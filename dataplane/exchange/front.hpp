// TCP of one core and what speaks over it, put together: HTTP, and trunks. Segments in, invocations
// out, answers back.
//
// Owned by the core; made before it runs, and allocates then only. A turn is
//   input() with all segments, turn(), take_gone(), take(), …, the rest of the packet path, …,
//   flush()
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/context.hpp"
#include "dataplane/dedup/dedup.hpp"
#include "dataplane/event/runs.hpp"
#include "dataplane/exchange/exchanges.hpp"
#include "dataplane/exchange/trunk_exchanges.hpp"
#include "dataplane/forward/trunks.hpp"
#include "dataplane/http/over_tcp.hpp"
#include "dataplane/http/server.hpp"
#include "dataplane/net/tcp/stack.hpp"

namespace skerry {

class Front {
  public:
    static constexpr std::uint32_t kEventsPerTurn = 128;
    static constexpr std::uint32_t kSegmentsPerTurn = 512;
    static constexpr std::uint64_t kGauges_us = 100'000;

    // `payloads`: see Exchanges. `owner`: of requests on trunks to regions. An error names what
    // could not be made.
    static Result<std::unique_ptr<Front>> create(Context& context, rte_mempool* payloads,
                                                 StreamOwner& owner);

    // That there can be, in any state.
    static std::uint32_t connections(const ServerInfo& server);

    // Takes the mbufs.
    void input(std::span<const net::tcp::Arrived> segments) { stack_->input(segments, now_us()); }
    // Of a burst of frames of one port: Stack::answer_flood().
    std::size_t answer_flood(std::span<rte_mbuf*> burst, std::uint8_t port) {
        return stack_->answer_flood(burst, port, now_us());
    }
    // What is due, and what connections have to say: at most kEventsPerTurn of them. How many.
    std::uint32_t turn();
    // Invocations that nobody waits for any more, and requests that are complete: at most as many
    // as there is room for.
    std::uint32_t take_gone(std::span<std::uint32_t> invocations);
    std::uint32_t take(std::span<Arrival> arrivals);
    // Sends what the turn has left to send. True: some of it is left for the next one.
    bool flush();

    // The queue of events has something for this core, or another core an answer.
    bool has_events() const;

    Exchanges& exchanges() { return exchanges_; }
    Trunks* trunks() { return trunks_.get(); }  // to regions; none: none are kept
    const TrunkExchanges* trunk_exchanges() const { return trunk_exchanges_.get(); }

    std::uint64_t next_due_tsc() const;
    const net::tcp::Stats& tcp_stats() const { return stack_->stats(); }
    std::uint32_t sessions() const { return server_.sessions(); }

  private:
    Front(Context& context, rte_mempool* payloads, StreamOwner& owner,
          std::unique_ptr<net::tcp::Stack> stack);
    void take_events(std::span<const net::tcp::Event> events, bool of_trunks, std::uint64_t now_us);
    void update_gauges(std::uint64_t now_us);
    // Of the TSC itself: CLOCK_MONOTONIC, as the control thread tells it, may be corrected.
    std::uint64_t now_us() const {
        const std::uint64_t per_ms = context_.tsc_hz / 1000;
        return context_.now_tsc / per_ms * 1000 + context_.now_tsc % per_ms * 1000 / per_ms;
    }

    Context& context_;
    const rte_mempool* const payloads_;
    std::unique_ptr<net::tcp::Stack> stack_;
    std::unique_ptr<Dedup> dedup_;  // none: requests are not remembered
    Exchanges exchanges_;
    http::OverTcp transport_;
    http::Server server_;
    EventRuns event_runs_;
    std::unique_ptr<Trunks> trunks_;                   // of a POP
    std::unique_ptr<TrunkExchanges> trunk_exchanges_;  // of a region
    std::uint64_t next_gauges_us_ = 0;
};

}  // namespace skerry
