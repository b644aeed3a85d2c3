// HTTP requests as invocations: the packet path's side of http::Invocations. A request's payload is
// gathered in buffers as a message like those that come in datagrams, decided about and executed as
// they are, and the answer finds its way back to the connection.
//
// Owned by one core. One exchange at a time of each connection, so a connection's index names its
// exchange: that is the number an Invocation carries. Allocates in the constructor only; what is
// kept of payloads is bounded by the pool of buffers that it is given:
//   none left for a request   who has held some for longest makes room: the request that has been
//                             coming in (its client is told, 429, nothing was executed), or the
//                             client that reads its answer slowly (it is reset); if there is
//                             neither, this one's client is told
//   none left for an answer   the same; and this one's client is told failed_answer_no_room: it was
//                             executed
// An answer that its connection has room for needs none.
//
// The course of a record
//   free ─start()─► receiving ─payload_complete()─► complete ─take()─► (opened) running ─answer()─►
//   answering ─release()─► free. With a tail that follows: running ─answer()─► held ─tail()─►
//   answering. Another try of a request that runs: complete ─take()─► (joined) joined ─answer()─►
//   answering. Of an event: complete ─take()─► submitted ─take_verdicts()─► answering. cancel()
//   from any of them; what has been submitted then may be kept by the queue, and executed.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/context.hpp"
#include "dataplane/event/submissions.hpp"
#include "dataplane/exchange/oldest_first.hpp"
#include "dataplane/exchange_sink.hpp"
#include "dataplane/function_url/answer.hpp"
#include "dataplane/function_url/event.hpp"
#include "dataplane/function_url/json_check.hpp"
#include "dataplane/http/invocations.hpp"
#include "dataplane/http/server.hpp"
#include "dataplane/http/transport.hpp"
#include "dataplane/payload_chain.hpp"

namespace skerry {

class Exchanges final : public http::Invocations, public ExchangeSink {
  public:
    // Of one buffer of the pool, without its headroom: an answer's log must fit.
    static constexpr std::uint32_t kBufferBytes = kTailBytes + 256;

    // Of readers, the slowest of those who have been at it for longest makes room.
    static constexpr std::uint32_t kReadersLookedAt = 16;

    // `buffers`: a pool of buffers of kBufferBytes at least; of this core alone.
    Exchanges(Context& context, rte_mempool* buffers, std::uint32_t connections);
    ~Exchanges();
    Exchanges(const Exchanges&) = delete;
    Exchanges& operator=(const Exchanges&) = delete;

    // Before anything else: who is told of answers, and where their bytes go.
    void serve(http::Server& server, http::Transport& transport) {
        server_ = &server;
        transport_ = &transport;
    }

    // Requests that are complete, as arrivals; at most as many as there is room for. The rest
    // waits.
    std::uint32_t take(std::span<Arrival> arrivals);
    // Invocations whose client has gone since the last call: nobody waits for their answers.
    std::uint32_t take_gone(std::span<std::uint32_t> invocations);

    // What the queue of events has said; how many.
    std::uint32_t take_verdicts();

    std::uint32_t open_exchanges() const { return open_; }

    // http::Invocations
    bool may_ask(std::uint32_t connection) override {
        return context_.sources == nullptr ||
               context_.sources->request(connection, context_.now_tsc);
    }
    bool start(const http::Call& call, http::Answer& answer) override;
    std::size_t payload_room(http::Exchange exchange) override;
    bool payload(http::Exchange exchange, std::string_view piece, http::Answer& answer) override;
    void payload_complete(http::Exchange exchange) override;
    void cancel(http::Exchange exchange) override;
    void release(http::Exchange exchange) override;
    bool ready() override;
    const classify::Published* routes() override;

    // ExchangeSink
    void opened(std::uint32_t exchange, std::uint32_t invocation) override;
    void joined(std::uint32_t exchange, std::uint32_t waiter) override;
    void accepted(std::uint32_t, const wire::Header&) override {}  // HTTP has no word for it
    void answer(std::uint32_t exchange, const ExchangeAnswer& answer) override;
    void tail(std::uint32_t exchange, const char* text, std::uint32_t bytes) override;

  private:
    enum class State : std::uint8_t {
        free,
        receiving,
        complete,
        submitted,
        running,
        joined,
        held,
        answering
    };

    struct Record {
        std::uint32_t serial = 0;
        std::uint32_t invocation = kNoInvocation;  // joined: number of the one who waits
        PayloadChain chain;  // receiving, complete: the message; answering: what is kept
        // receiving: the client context; from answer() on: a Held, and the tail of the
        // invocation's log.
        rte_mbuf* log = nullptr;
        std::uint32_t payload_bytes =
            0;  // so far; of what is kept of an answer: taken by its client
        std::uint32_t payload_limit = 0;
        std::uint32_t before_body = 0;     // receiving, routed: bytes of the event
        std::uint32_t next = kNoExchange;  // of receiving_, complete_ or readers_
        std::uint32_t previous = kNoExchange;
        std::uint32_t since_ms = 0;  // receiving; or answering, of readers_
        State state = State::free;
        bool reading : 1 = false;   // in readers_
        bool released : 1 = false;  // answering: Server is done with the last piece
        bool pumping : 1 = false;   // pump() is at it
        bool latest : 1 = false;    // it was for the current version
        bool routed : 1 = false;    // the payload is an event, and the answer HTTP's
        bool head_only : 1 = false;
        bool later : 1 = false;         // an Event invocation: kept, executed by nobody who waits
        bool is_json : 1 = false;       // the payload has to be
        function_url::BodyWriter body;  // routed: of its event
        function_url::JsonCheck json;   // is_json, receiving
    };
    static_assert(sizeof(Record) <= 88);

    // An answer whose tail has not come yet.
    struct Held {
        http::Answer answer;
    };
    static_assert(sizeof(Held) + kTailBytes <= kBufferBytes);

    Record* find(http::Exchange exchange);
    const Target* admit(const http::Call& call, Reason& reason) const;
    // It is no JSON, and its function reads nothing else.
    void refuse_payload(Record& record, const Arrival& arrival);
    // Leaves `kept_free` bytes of the last buffer.
    bool append(Record& record, const void* bytes, std::uint32_t count,
                std::uint32_t kept_free = 0);
    bool keep(Record& record, const void* payload, std::uint32_t payload_bytes);
    void refuse(http::Answer& answer, Reason reason, std::uint64_t limit_bytes = 0);
    void forget(Record& record);
    bool make_room(const Record& record);
    std::uint32_t slow_reader() const;
    bool reads_slower(const Record& a, const Record& b) const;
    void give_up(std::uint32_t reader);
    void refuse_incoming(std::uint32_t incoming);
    void pump(Record& record);
    void hold(Record& record, const http::Answer& answer);
    void adopt(Record& record, rte_mbuf* payload, http::Answer& answer, std::uint32_t tail_bytes);
    void deliver(Record& record, http::Answer& answer, bool kept);
    void name_version(const Record& record, const wire::Header& reply, http::Answer& answer) const;
    bool keep_log(Record& record, const http::Answer& answer, std::string_view tail);
    std::uint32_t index_of(const Record& record) const {
        return static_cast<std::uint32_t>(&record - records_.get());
    }

    // client_context.cpp
    bool keep_context(Record& record, std::string_view context);
    void join_context(Record& record);

    // retries.cpp
    void name(const http::Call& call, wire::Header& header);
    void finish_key(Record& record);

    // later.cpp
    void submit(std::uint32_t exchange, Arrival& arrival);
    void end_later(Record& record, Reason reason);
    void tell_tries(std::uint32_t entry, const wire::Header& request, Reason reason);

    // routed.cpp
    class EventSink;
    bool begin_event(Record& record, const http::Call& call, Reason& reason);
    bool put_body(Record& record, std::string_view piece, Reason& reason);
    void end_event(Record& record);
    void shape_answer(const Record& record, http::Answer& answer, rte_mbuf* kept);
    bool read_answer(http::Answer& answer, const rte_mbuf* kept);

    // Lambda's limit of an answer, and what a Runtime API may be over it.
    static constexpr std::uint32_t kAnswerBytesMax = (6u << 20) + 128;

    Context& context_;
    rte_mempool* buffers_;
    std::uint32_t connections_;
    std::unique_ptr<Record[]> records_;
    http::Server* server_ = nullptr;
    http::Transport* transport_ = nullptr;
    std::uint32_t open_ = 0;
    EventSubmissions submissions_;
    OldestFirst<Record> receiving_;  // these three: oldest first
    OldestFirst<Record> complete_;
    OldestFirst<Record> readers_;      // answers that are kept, of those that were not cut short
    std::vector<std::uint32_t> gone_;  // room for all invocations
    // Of a routed request's answer, until it is sent or kept.
    std::unique_ptr<char[]> answer_text_;
    std::array<char, function_url::kAnswerFieldsBytesMax> answer_fields_;
};

}  // namespace skerry
