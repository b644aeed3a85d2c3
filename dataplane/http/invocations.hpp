// What HTTP asks of whoever executes functions, and is told by them. The packet path implements it
// (docs/decisions/0018-http.md); tests do too.
//
// The course of one exchange
//   start()                at the end of the request's head: known, allowed, not too large?
//   payload() …            pieces as they come, in order; none is kept longer than the call
//   payload_complete()     from here on it may be executed
//   Server::answered()     once, from outside of any call of Server's about this exchange; before
//                          payload_complete(), if the rest is not waited for
//   release()              the answer's payload was sent, and is not needed any more; perhaps
//   before
//                          answered() or answer_more() returns
// or, instead of the rest, at any time after start(): cancel(), when the client is gone. After
// either nothing is said of the exchange any more; what is said to Server of one that is over is
// ignored, and told by false.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/reasons.hpp"
#include "dataplane/selection.hpp"

namespace skerry::classify {
struct Published;
}
namespace skerry::function_url {
struct Event;
}

namespace skerry::http {

// One request of one connection. Not reused in 2^32 requests of a connection's index.
struct Exchange {
    std::uint32_t connection = ~0u;
    std::uint32_t serial = 0;
    bool operator==(const Exchange&) const = default;
};

inline constexpr std::uint64_t kUnknownBytes = ~std::uint64_t{0};

struct Call {
    Exchange exchange;
    // Decoded; valid during start().
    std::string_view function;   // [a-zA-Z0-9-_.], 1 … 64
    std::string_view qualifier;  // empty: the current version
    std::uint64_t request_id_hi = 0, request_id_lo = 0;
    std::uint64_t trace_id_hi = 0, trace_id_lo = 0, span_id = 0;  // W3C; 0: none was sent
    std::uint64_t payload_bytes = 0;                              // kUnknownBytes: chunked
    // amz-sdk-invocation-id, the same in every try of a request; empty: none was sent. And the
    // access key that has signed it; empty: none was asked for. Valid during start().
    std::string_view retry_id = {}, access_key = {};
    // X-Amz-Client-Context, decoded: a JSON object, at most wire::kContextBytesMax. Empty: none was
    // sent. Valid during start().
    std::string_view client_context = {};
    bool wants_tail = false;  // X-Amz-Log-Type: Tail
    bool idempotent = false;  // x-skerry-idempotent: true
    // Of a routed request: the payload is the body of this event (function_url/event.hpp). Valid
    // during start().
    const function_url::Event* event = nullptr;
    bool head_only = false;  // HEAD: the answer's payload is not wanted
    bool dry_run = false;    // only whether it could be invoked: answered at once
    bool later = false;      // an Event invocation: answered (event_accepted) when it is kept
};

inline constexpr std::uint32_t kTailBytesMax = 4096;

// How an invocation ended, for whatever reason.
struct Answer {
    ReplyStatus status = ReplyStatus::ok;
    Reason reason = Reason::served_local;  // already counted by whoever answers
    // Stays as it is until release().
    const std::uint8_t* payload = nullptr;
    std::uint32_t payload_bytes = 0;
    std::uint64_t version_key = 0;     // that was executed; 0: none
    std::uint32_t version_number = 0;  // the same, if it has a number
    bool latest = false;               // … and is called $LATEST
    std::uint64_t limit_bytes = 0;     // of too_large: what would have been taken
    // The end of the worker's log, for X-Amz-Log-Result; at most kTailBytesMax. Stays as the
    // payload.
    std::string_view tail = {};
    // Of a routed request's function: HTTP's status and lines of the head, at most kTailBytesMax.
    // 0: the answer is one of the Invoke API.
    std::uint16_t http_status = 0;
    std::string_view fields = {};  // stay as the payload
    bool cold = false;
    bool replayed = false;  // of an earlier try
    // How its region was chosen, if one was asked.
    Selection selection = {};
    std::uint8_t attempts = 0;  // regions that were asked
    char place[16] = {};        // where it was executed, or the region that was asked; NUL padded
    // The payload goes on: Server::answer_more() with the next piece after each release().
    bool more = false;
    // Of all pieces together, exactly, if that is known; 0: not, and they go out in chunks.
    std::uint64_t total_bytes = 0;
};

class Invocations {
  public:
    // Of every request, before anything is done about it. False: its source asks too often (429).
    virtual bool may_ask(std::uint32_t /*connection*/) { return true; }
    // False: not to be; `answer` says why, or (dry run) that all would be well. Nothing was begun.
    virtual bool start(const Call& call, Answer& answer) = 0;
    // How much payload() would take now; 0: Server::resume() is to be called when that changes.
    virtual std::size_t payload_room(Exchange exchange) = 0;
    // False: no more is wanted, and the exchange is over; `answer` (without a payload) says why.
    virtual bool payload(Exchange exchange, std::string_view piece, Answer& answer) = 0;
    virtual void payload_complete(Exchange exchange) = 0;
    virtual void cancel(Exchange exchange) = 0;
    virtual void release(Exchange exchange) = 0;
    // GET /readyz: whether invocations sent here would be served.
    virtual bool ready() = 0;
    // What requests are routed by that are for none of the service's own paths; none: nullptr.
    virtual const classify::Published* routes() { return nullptr; }

  protected:
    ~Invocations() = default;
};

}  // namespace skerry::http
