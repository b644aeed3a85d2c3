// TCP and HTTP of one core, put together: segments in, invocations out, answers back.
//
// Owned by the core; made before it runs, and allocates then only. A turn is
//   input() with all segments, turn(), arrivals(), …, the rest of the packet path, …, flush()
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/context.hpp"
#include "dataplane/exchange/exchanges.hpp"
#include "dataplane/http/over_tcp.hpp"
#include "dataplane/http/server.hpp"
#include "dataplane/net/tcp/stack.hpp"

namespace skerry {

class Front {
  public:
    static constexpr std::uint32_t kEventsPerTurn = 128;
    static constexpr std::uint32_t kSegmentsPerTurn = 512;

    // `payloads`: see Exchanges. An error names what could not be made.
    static Result<std::unique_ptr<Front>> create(Context& context, rte_mempool* payloads);

    // Takes the mbufs.
    void input(std::span<const net::tcp::Arrived> segments) { stack_->input(segments, now_us()); }
    // What is due, and what connections have to say: at most kEventsPerTurn of them. How many.
    std::uint32_t turn();
    Exchanges& exchanges() { return exchanges_; }
    // Sends what the turn has left to send. True: some of it is left for the next one.
    bool flush() { return !stack_->flush(now_us(), kSegmentsPerTurn); }

    std::uint64_t next_due_tsc() const;
    const net::tcp::Stats& tcp_stats() const { return stack_->stats(); }
    std::uint32_t sessions() const { return server_.sessions(); }

  private:
    Front(Context& context, rte_mempool* payloads, std::unique_ptr<net::tcp::Stack> stack);
    // Of the TSC itself: CLOCK_MONOTONIC, as the control thread tells it, may be corrected.
    std::uint64_t now_us() const {
        const std::uint64_t per_ms = context_.tsc_hz / 1000;
        return context_.now_tsc / per_ms * 1000 + context_.now_tsc % per_ms * 1000 / per_ms;
    }

    Context& context_;
    std::unique_ptr<net::tcp::Stack> stack_;
    Exchanges exchanges_;
    http::OverTcp transport_;
    http::Server server_;
};

}  // namespace skerry
