// Where answers go that are not datagrams: to the exchange of a connection (an HTTP request and its
// response), which is known here by a number alone. So that reply/ needs to know nothing of HTTP.
#pragma once

#include <cstdint>

#include "dataplane/reasons.hpp"
#include "dataplane/selection.hpp"
#include "dataplane/wire/message.hpp"

struct rte_mbuf;

namespace skerry {

struct ExchangeAnswer {
    const wire::Header& reply;  // as it would be sent: status, version, times, place
    Reason reason;              // why it ended like this
    const void* payload;        // may be a worker's memory: to be read once, within the call
    std::uint32_t payload_bytes;
    // The request's header had flag::want_tail, and tail() comes next. Of a region's reply the tail
    // is here already: the last wire::tail_of(reply) bytes of the payload.
    bool tail_follows = false;
    // Instead of `payload`: all of its bytes, in buffers of the core's payload pool. They are the
    // sink's from here on.
    rte_mbuf* kept = nullptr;
    Selection selection = {};       // of the region that was asked last
    wire::RequestId executed = {};  // of an answer to an earlier try: that one's
};

class ExchangeSink {
  public:
    // It has become this invocation of the core's, until answer(). One that is refused at once is
    // never opened.
    virtual void opened(std::uint32_t exchange, std::uint32_t invocation) = 0;
    // It has been taken in, and will be answered: its header had flag::want_accepted. Once, before
    // answer(). What is told so goes out before a worker starts.
    virtual void accepted(std::uint32_t exchange, const wire::Header& accepted) = 0;
    // Instead of opened(): another try of the same request runs, and answer() brings what comes of
    // that. Should the exchange end before, Dedup::leave(waiter) is to be called.
    virtual void joined(std::uint32_t exchange, std::uint32_t waiter) = 0;
    // The end of the exchange's invocation: called once, on the core's thread. Must not fail: what
    // it can't deliver it counts.
    virtual void answer(std::uint32_t exchange, const ExchangeAnswer& answer) = 0;

    // After an answer that said so, once: the tail of its log, kTailBytes at most; 0: none.
    virtual void tail(std::uint32_t exchange, const char* text, std::uint32_t bytes) = 0;

  protected:
    ~ExchangeSink() = default;
};

}  // namespace skerry
