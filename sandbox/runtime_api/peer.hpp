// skerryd's end of one worker that speaks the Lambda Runtime API: its connections, and what may be
// said in which state. Sans I/O: it says what should be read, sent and closed, and is told what
// was. Two drive it: the control thread while the worker initialises (pump.hpp), then whichever
// core has the worker's slot (dataplane/dispatch/api_workers.hpp). Whoever owns the slot owns the
// Peer, so nothing here locks; nothing allocates or makes system calls.
//
// One invocation at a time. Its course:
//   the worker asks (/next)     kAsked    the slot is free
//   begin(grant)                          the answer to /next is on its way
//   the worker answers          kAnswered the caller can be told; the runtime may still clean up
//   the worker asks again       kAsked    the slot is free again
// A worker that asks again before it has answered is told of the same invocation once more, as
// Lambda does it: the connection on which it was told may have been lost. kDeliveries in all.
//
// A worker that stands by has no function yet, and asks for nothing but that:
//   the worker asks (/skerry/assignment)  kStandsBy
//   assign(…)                             the answer is on its way; it initialises
//
// Limits: kConnections connections; with the last of them the one that is missed least is hung up,
// so that the next finds room. One request at a time on each; see request_reader.hpp for its size.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/request_reader.hpp"

namespace skerry::runtime_api {

inline constexpr std::uint32_t kConnections = 4;
inline constexpr std::size_t kInBytes = 4096;
inline constexpr std::uint32_t kContextBytesMax = 2687;  // of a client context
// The longest answer without a payload.
inline constexpr std::size_t kOutBytes = 1536 + kContextBytesMax + 1;
inline constexpr std::size_t kArnBytesMax = 512;
inline constexpr std::uint8_t kDeliveries = 4;  // each costs a payload's copy
// What a worker may say from one invocation's beginning until it asks for the next: so many bytes,
// the 64 MiB that an answer which is too large is read past among them, and so many requests and
// connections. More is kTooMuch: it costs a core that others share, and no runtime needs it.
inline constexpr std::uint64_t kTalkBytes = 96u << 20;
inline constexpr std::uint32_t kTalkRequests = 4096;

// One invocation, as the runtime is told of it. `payload` stays where it is until the answer;
// behind it lies the caller's client context, if there is one: any bytes, though runtimes expect
// JSON.
struct Grant {
    const std::byte* payload = nullptr;
    std::uint32_t payload_bytes = 0;
    std::uint32_t context_bytes = 0;  // ≤ kContextBytesMax
    std::uint64_t request_id_hi = 0, request_id_lo = 0;
    std::uint64_t trace_id_hi = 0, trace_id_lo = 0;
    std::uint64_t deadline_unix_ms = 0;
    std::uint64_t attempt = 0;  // no two invocations of a worker have the same
};

enum class Outcome : std::uint8_t {
    none,
    ok,              // answer_bytes() bytes in the response area
    function_error,  // the same: Lambda's JSON of an error
    too_large,       // it was more than the response area holds
    truncated,       // its connection ended in the middle
    init_failed,     // before the first /next: the error's JSON in the response area
};

enum News : std::uint8_t {
    kAsked = 1,     // a /next waits: the worker has nothing to do
    kAnswered = 2,  // see outcome()
    kTooMuch = 4,   // it has said more than it may; whoever drives it gives it up
    kStandsBy = 4,  // it waits for its assignment
};

struct Connection {
    int fd = -1;  // the driver's, who closes it when `closing`, and then calls closed()
    std::uint8_t generation = 0;  // differs between two that had one index
    bool closing = false;
    bool close_when_sent = false;
    RequestReader reader;
    bool lent_direct = false;
    std::uint32_t serial = 0;  // the order in which they came
    std::uint32_t in_begin = 0, in_end = 0;
    std::byte* lent = nullptr;  // see space()
    std::size_t lent_bytes = 0;
    std::uint32_t out_begin = 0, out_end = 0;
    const std::byte* payload = nullptr;  // goes after `out`
    std::uint32_t payload_bytes = 0, payload_sent = 0;
    std::array<std::byte, kInBytes> in;
    std::array<char, kOutBytes> out;

    bool open() const { return fd >= 0; }
    bool sending() const { return out_begin != out_end || payload_sent != payload_bytes; }
};

class Peer {
  public:
    // `area`: where answers go. `function_arn`: at most kArnBytesMax. All that is referred to
    // outlives the Peer.
    Peer(std::byte* area, std::size_t area_bytes, std::string_view function_arn)
        : area_(area), area_bytes_(area_bytes), function_arn_(function_arn) {
        SKERRY_CHECK(function_arn.size() <= kArnBytesMax);
    }
    // Of a worker that stands by.
    Peer() : phase_(Phase::standing_by) {}
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    // A connection was accepted (non-blocking). Its index; -1: no room, close it. Another one may
    // be to be closed afterwards.
    int adopt(int fd);
    Connection& connection(std::uint32_t index) { return connections_[index]; }
    const Connection& connection(std::uint32_t index) const { return connections_[index]; }
    void closed(std::uint32_t index);

    bool wants_read(std::uint32_t index) const;
    bool wants_send(std::uint32_t index) const {
        return connections_[index].open() && !connections_[index].closing &&
               connections_[index].sending();
    }
    bool wants_close(std::uint32_t index) const {
        return connections_[index].open() && connections_[index].closing;
    }
    // Where to receive; never empty while wants_read(). The bytes are the driver's until it says
    // how many came, or asks anew. May also be asked of the connection that is parked, to see
    // whether it is still there; it is empty then if the worker has sent too much already.
    iovec space(std::uint32_t index);
    void received(std::uint32_t index, std::size_t bytes);
    // The other end has closed, or the connection is broken. Of a connection that is to be closed
    // nothing counts any more: received() and sent() may come, and do nothing.
    void lost(std::uint32_t index);
    // What is to be sent: one or two pieces, the number of them. The payload is not touched after
    // kAnswered: a connection that has not sent all of it by then is hung up.
    std::uint32_t to_send(std::uint32_t index, iovec (&pieces)[2]) const;
    void sent(std::uint32_t index, std::size_t bytes);

    // A worker that waits in /next gets the invocation; one that does not (its connection was
    // lost) gets it with its next /next.
    void begin(const Grant& grant);
    // Whether it waits for its assignment; then assign() may be called, once. What it is called
    // with is as for a Peer that never stood by; `text` is what the worker is told.
    bool stands_by() const { return phase_ == Phase::standing_by && parked_ >= 0; }
    void assign(std::byte* area, std::size_t area_bytes, std::string_view function_arn,
                std::string_view text);
    // Which connection waits in /next, or for an assignment; -1: none.
    int parked() const { return parked_; }

    std::uint8_t take_news() {
        const std::uint8_t news = news_;
        news_ = 0;
        return news;
    }
    Outcome outcome() const { return outcome_; }
    std::uint32_t answer_bytes() const { return answer_bytes_; }
    std::string_view error_type() const { return error_type_.view(); }

  private:
    enum class Phase : std::uint8_t {
        standing_by,
        initialising,
        waiting,   // for an invocation
        granted,   // there is one, and nobody to hand it to
        running,   // it has been handed over
        answered,  // and the runtime has not asked for the next one yet
        broken,    // its initialisation failed; nothing but its end is expected
    };

    void process(std::uint32_t index);
    void note_talk(std::size_t bytes, std::uint32_t requests);
    bool may_feed(std::uint32_t index) const;
    void take_head(std::uint32_t index);
    void take_request(std::uint32_t index);
    bool is_current(const RequestHead& head) const;
    bool may_use_area(const RequestHead& head) const;
    int worth(std::uint32_t index) const;
    void make_room(int most, int newest);
    void on_failure(std::uint32_t index);
    void drop_answer(Outcome outcome);
    void park(std::uint32_t index);
    void on_next(std::uint32_t index);
    void on_assignment(std::uint32_t index);
    void on_result(std::uint32_t index);
    void on_init_error(std::uint32_t index);
    void on_extension(std::uint32_t index, Call call);
    void hand_over(std::uint32_t index);
    void answer(std::uint32_t index, int status, std::string_view body,
                std::string_view headers = {});
    void refuse(std::uint32_t index, int status, std::string_view type, std::string_view message);
    void finish(Outcome outcome, std::uint32_t bytes);
    void keep_error_type(std::string_view type);
    std::uint32_t take_stream_error(const RequestHead& head);
    std::uint32_t write_error_to_area(std::string_view message);

    std::byte* area_ = nullptr;
    std::size_t area_bytes_ = 0;
    std::string_view function_arn_;
    Phase phase_ = Phase::initialising;
    Outcome outcome_ = Outcome::none;
    std::uint8_t news_ = 0;
    std::uint8_t deliveries_ = 0;
    std::int8_t parked_ = -1;
    std::int8_t area_user_ = -1;   // the connection whose body goes to the area
    std::int8_t delivering_ = -1;  // the connection on which the grant is being sent
    std::uint32_t answer_bytes_ = 0;
    std::uint32_t serial_ = 0;
    std::uint64_t talk_bytes_ = 0;  // of this invocation
    std::uint32_t talk_requests_ = 0;
    Text<128> error_type_;
    Grant grant_;
    std::array<Connection, kConnections> connections_;
};

}  // namespace skerry::runtime_api
