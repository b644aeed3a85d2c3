// Requests that come over trunks, as invocations: the region's side of docs/protocol.md, "Trunks".
// A request's payload is gathered in buffers as a message like those that come in datagrams,
// decided about and executed as they are, and the answer goes back on the stream that it came on.
//
// Owned by one core. An exchange is a stream: its number is kTrunkExchange | trunk << 6 | place.
// Whoever connects is a stranger: trunks, those of one address, how long one may be silent, and the
// buffers of all together are bounded. Allocates in the constructor only.
//   no trunk left             the one that has been idle for longest makes room; else the new one
//                             is reset (trunk_refused_full)
//   no buffer for a request   the one that has been coming in for longest is refused
//   no buffer for an answer   the POP is told (failed_answer_no_room); it was executed
//
// The course of a record
//   free ─request's header─► receiving ─all of it─► complete ─take()─► (opened) running ─answer()─►
//   answering ─gone out─► free. With a tail that follows: running ─answer()─► held ─tail()─►
//   answering. Another try of a request that runs: complete ─take()─► (joined) joined ─answer()─►
//   answering. cancel, or the trunk's end, from any of them.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/context.hpp"
#include "dataplane/exchange/oldest_first.hpp"
#include "dataplane/exchange_sink.hpp"
#include "dataplane/payload_chain.hpp"
#include "dataplane/trunk/over_tcp.hpp"

namespace skerry {

class TrunkExchanges final : public trunk::Handler, public ExchangeSink {
  public:
    static constexpr std::uint32_t kWindowBytes = 256 * 1024;  // of each request
    static constexpr std::uint64_t kHello_us = 5'000'000;
    static constexpr std::uint64_t kSilent_us = 60'000'000;
    static constexpr std::uint64_t kLook_us = 250'000;
    static constexpr std::uint32_t kShareOfAnAddress = 4;  // a quarter of the trunks

    // `buffers`: as those of Exchanges.
    TrunkExchanges(Context& context, net::tcp::Stack& stack, rte_mempool* buffers,
                   std::uint32_t trunks);
    ~TrunkExchanges();
    TrunkExchanges(const TrunkExchanges&) = delete;
    TrunkExchanges& operator=(const TrunkExchanges&) = delete;

    // What TCP has to say of a connection to the trunks' port, or of one with a trunk's tag.
    void event(const net::tcp::Event& event, std::uint64_t now_us);
    // Trunks that are silent.
    void advance(std::uint64_t now_us);
    std::uint64_t next_due_us() const {
        return trunks_open_ == 0 ? ~std::uint64_t{0} : next_look_us_;
    }
    void pump() { over_tcp_.pump(); }
    bool more() const { return over_tcp_.more(); }

    // Requests that are complete, as arrivals; at most as many as there is room for. The rest
    // waits.
    std::uint32_t take(std::span<Arrival> arrivals);
    // Invocations that nobody waits for any more, since the last call.
    std::uint32_t take_gone(std::span<std::uint32_t> invocations);

    std::uint32_t trunks() const { return trunks_open_; }
    std::uint32_t open_exchanges() const { return exchanges_open_; }

    // ExchangeSink
    void opened(std::uint32_t exchange, std::uint32_t invocation) override;
    void joined(std::uint32_t exchange, std::uint32_t waiter) override;
    void accepted(std::uint32_t exchange, const wire::Header& accepted) override;
    void answer(std::uint32_t exchange, const ExchangeAnswer& answer) override;
    void tail(std::uint32_t exchange, const char* text, std::uint32_t bytes) override;

    // trunk::Handler
    void message(trunk::Link& link, std::uint32_t place, const wire::Header& header) override;
    void payload(trunk::Link& link, std::uint32_t place, trunk::Bytes piece) override;
    void complete(trunk::Link& link, std::uint32_t place) override;
    void cancelled(trunk::Link& link, std::uint32_t place) override;
    trunk::Bytes unsent(trunk::Link& link, std::uint32_t place) override;
    void sent(trunk::Link& link, std::uint32_t place, std::uint32_t bytes) override;
    void over(trunk::Link& link, std::uint32_t place) override;

  private:
    enum class State : std::uint8_t { free, receiving, complete, running, joined, held, answering };

    struct Record {
        PayloadChain chain;    // receiving, complete: the message; held, answering: the payload
        wire::Header reply{};  // held
        std::uint64_t arrived_tsc = 0;
        std::uint32_t offset = 0;                  // answering: sent of the chain's first buffer
        std::uint32_t invocation = kNoInvocation;  // joined: number of the one who waits
        std::uint32_t next = kNoExchange;  // receiving, complete: the list of those, oldest first
        std::uint32_t previous = kNoExchange;
        State state = State::free;
    };
    struct Trunk {
        net::IpAddress peer;
        std::uint64_t heard_us = 0;
        bool greeted = false;  // counted as up
    };

    Record& record_of(const trunk::Link& link, std::uint32_t place) {
        return records_[link.number() * trunk::kStreams + place];
    }
    Record& record_of(std::uint32_t exchange) { return records_[exchange & ~kTrunkExchange]; }
    std::uint32_t index_of(const Record& record) const {
        return static_cast<std::uint32_t>(&record - records_.get());
    }
    trunk::Link& link_of(const Record& record) {
        return over_tcp_.link(index_of(record) / trunk::kStreams);
    }
    void accept(const net::tcp::Event& event, std::uint64_t now_us);
    std::uint32_t place_for(const net::IpAddress& peer);
    void read(std::uint32_t trunk, std::uint64_t now_us);
    void end_streams(std::uint32_t trunk);
    void end(std::uint32_t trunk, Reason reason);
    bool admit(const wire::Header& header, Reason& reason) const;
    void refuse(Record& record, wire::Header& header, Reason reason);
    bool append(Record& record, const void* bytes, std::uint32_t count);
    bool make_room(const Record& record);
    bool keep(Record& record, const void* payload, std::uint32_t bytes);
    void send(Record& record, const wire::Header& reply);
    std::uint32_t time_left_us(const Record& record, const wire::Header& header,
                               const Target& target) const;
    void forget(Record& record);

    Context& context_;
    net::tcp::Stack& stack_;
    rte_mempool* buffers_;
    trunk::OverTcp over_tcp_;
    std::vector<Trunk> trunks_;
    std::unique_ptr<Record[]> records_;
    std::uint32_t trunks_open_ = 0;
    std::uint32_t exchanges_open_ = 0;
    std::uint64_t next_look_us_ = 0;
    OldestFirst<Record> receiving_;  // these two: oldest first
    OldestFirst<Record> complete_;
    std::vector<std::uint32_t> gone_;  // room for all invocations
};

}  // namespace skerry
