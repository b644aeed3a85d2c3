// HTTP of one core: sessions over a Transport, their requests answered here or by Invocations.
// Sans I/O and without a clock: the owner says what happened, and when.
//
// One request of a connection at a time: while it is being executed or its answer sent, those that
// follow it stay unread in the transport, whose window closes (RFC 9112 §9.3.2: requests that are
// not safe may not be executed side by side). So a client holds at most one invocation, and what is
// kept of it here is a Session. Owned by one core; nothing allocates after the constructor.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/auth/access_keys.hpp"
#include "dataplane/classify/classifier.hpp"
#include "dataplane/counters.hpp"
#include "dataplane/http/answer_text.hpp"
#include "dataplane/http/body.hpp"
#include "dataplane/http/client_context.hpp"
#include "dataplane/http/date.hpp"
#include "dataplane/http/head.hpp"
#include "dataplane/http/head_buffers.hpp"
#include "dataplane/http/head_scanner.hpp"
#include "dataplane/http/invocations.hpp"
#include "dataplane/http/signed.hpp"
#include "dataplane/http/trace.hpp"
#include "dataplane/http/transport.hpp"
#include "dataplane/http/waits.hpp"
#include "dataplane/rules/screen.hpp"

namespace skerry::http {

// Whatever an answer's head is, and 100 (Continue) before it. With room for that (head_room()) and
// the payload, an answer is written and released before answered() returns.
inline constexpr std::uint32_t kAnswerHeadBytesMax = 2048;
static_assert(kAnswerHeadBytesMax >= kAnswerBytesMax + kContinue.size());

// The same for one answer: with a tail of the log, or fields of a function, its head is longer.
inline std::uint32_t head_room(const Answer& answer) {
    return kAnswerHeadBytesMax + static_cast<std::uint32_t>(answer.fields.size()) +
           (answer.tail.empty() ? 0u : static_cast<std::uint32_t>(kLogResultBytesMax));
}

struct Options {
    Limits limits;
    Times times;
    std::uint32_t connections = 1024;
    std::uint16_t head_buffers = 256;   // heads in pieces, at once
    std::uint32_t steps_per_turn = 64;  // of one connection, before others get theirs
    std::uint64_t skip_bytes = 65536;  // of a body nobody wants, to keep the connection; else close
    // Of request ids: random, unlike any other core's or start's. They tell it to everybody, so it
    // must not be part of a key.
    std::uint64_t seed = 0;
    // Whose web pages may call, and read the answers: "*", or one origin. Outlives the server.
    std::string_view allow_origin = {};
    // Invocations must be signed with one of begin_turn()'s keys. Of routed requests their routes
    // say that.
    bool require_signature = false;
    std::string signing_region;  // that signatures must be for; empty: any
    std::uint32_t core = 0;      // whose scratch routes and rules are matched with
};

class Server {
  public:
    Server(const Options& options, Transport& transport, Invocations& invocations,
           CoreCounters& counters);

    // First of all in a turn: the clocks of everything until the next one, and who may invoke what.
    // `keys` may be freed after the turn; nullptr: there are none. The same of `rules`, but for
    // bodies that they judge (rules/screen.hpp).
    void begin_turn(std::uint64_t now_us, std::uint64_t unix_s,
                    const auth::AccessKeys* keys = nullptr, const rules::Set* rules = nullptr) {
        now_us_ = now_us;
        date_.update(unix_s);
        signed_->begin_turn(unix_s, keys);
        screen_.begin_turn(rules, now_us);
    }

    // What the transport has to say.
    void opened(std::uint32_t connection);
    void readable(std::uint32_t connection) { progress(connection); }
    void writable(std::uint32_t connection) { progress(connection); }
    void peer_closed(std::uint32_t connection);  // no more will come; it may still listen
    void closed(std::uint32_t connection);       // it is gone

    // What invocations have to say. False: that exchange is over; the answer is not referred to.
    bool answered(Exchange exchange, const Answer& answer);
    // Before answered(): the answer has another request's id, of which this one was another try.
    void is_try_of(Exchange exchange, std::uint64_t request_id_hi, std::uint64_t request_id_lo);
    bool answer_more(Exchange exchange, Bytes piece, bool more);
    // The rest of an answer in pieces won't come: the client sees it broken off.
    bool answer_failed(Exchange exchange);
    void resume(Exchange exchange);  // payload_room() is not 0 any more

    // Ends waits that are due, at most `budget`; how many there were.
    std::uint32_t advance(std::uint32_t budget = 64);
    std::uint64_t next_due_us() const { return waits_.next_due_us(); }

    std::uint32_t sessions() const { return open_; }

  private:
    enum class Phase : std::uint8_t {
        closed,
        idle,     // nothing of the next request was seen
        head,     // a part of a head was; it is gathered in a buffer
        body,     // goes to Invocations
        skip,     // the rest of a body that nobody wants, after its answer
        answer,   // the request is complete, and being executed
        sending,  // the answer
        linger,   // all is said; the client is to see it before the connection ends
    };
    struct Session {
        Phase phase = Phase::closed;
        bool is_1_0 = false;
        bool keep_alive = true;
        bool head_only = false;
        bool from_page = false;  // with Origin: a browser asks for a web page
        bool peer_closed = false;
        bool started = false;       // Invocations has the exchange
        bool head_pending = false;  // the answer's head was not written yet
        bool chunked = false;       // the answer goes out in chunks
        bool chunk_open = false;    // the last chunk's CRLF was not written yet
        bool chunk_head_pending = false;
        bool wants_piece = false;  // the last one was released: answer_more() is to come
        bool unproven = false;     // its signature covers a body that has not come yet
        bool withheld = false;     // what there is to say already waits for that body
        bool screened = false;     // rules look at its body
        std::uint16_t buffer = HeadBuffers::kNone;
        std::uint32_t serial = 0;
        std::uint32_t window_bytes = 0;    // read or written since the wait was armed
        std::uint32_t window_backlog = 0;  // of the transport, then
        HeadScanner scanner;
        BodyReader body;
        std::uint64_t request_id_hi = 0, request_id_lo = 0;
        Trace trace;                   // of an invocation
        std::uint64_t total_left = 0;  // of total_bytes
        Answer answer;                 // payload and payload_bytes: what is left to be sent
    };
    static_assert(sizeof(Session) <= 256);

    // server.cpp. The steps return whether there may be more to do at once.
    void progress(std::uint32_t connection);
    bool read_head(std::uint32_t connection);
    bool gather(std::uint32_t connection, std::string_view text);
    bool read_body(std::uint32_t connection);
    bool send(std::uint32_t connection);
    bool send_head(std::uint32_t connection);
    bool send_chunk_head(std::uint32_t connection);
    bool drop_input(std::uint32_t connection);
    bool has_room(std::uint32_t connection, std::uint32_t bytes = kAnswerHeadBytesMax);
    void say_with_fields(std::uint32_t connection, std::string_view text);
    void wait_for_reader(std::uint32_t connection);
    void open_window(std::uint32_t connection, Wait wait);
    void finish(std::uint32_t connection);
    void begin_linger(std::uint32_t connection);
    void input_ended(std::uint32_t connection);
    void close(std::uint32_t connection);
    void forget(std::uint32_t connection);
    void on_due(std::uint32_t connection);
    void on_window(std::uint32_t connection);
    Session* find(Exchange exchange);

    // signed.cpp
    Refusal check_signature(std::uint32_t connection, const auth::AccessKey*& key);
    // Who it is from is proved, whatever its body turns out to be.
    bool identified(std::uint32_t connection) {
        return !sessions_[connection].unproven || signed_->claim(connection).proof.signature_done;
    }
    void withhold(std::uint32_t connection, Refusal refusal, const Answer& answer,
                  const Call& call);
    bool proved(std::uint32_t connection);
    void say_withheld(std::uint32_t connection);

    // screened.cpp
    bool passes_rules(std::uint32_t connection);
    bool body_passes_rules(std::uint32_t connection, std::string_view piece);
    void stop_screening(std::uint32_t connection) {
        Session& session = sessions_[connection];
        if (!session.screened) [[likely]]
            return;
        session.screened = false;
        screen_.stop(connection);
    }

    // requests.cpp
    void on_head(std::uint32_t connection, std::string_view text);
    void on_route(std::uint32_t connection, Route route);
    void on_page(std::uint32_t connection, Route route);
    void on_invoke(std::uint32_t connection);
    Refusal describe(Call& call);
    Refusal describe_repeats(Call& call);
    void join_trace(std::uint32_t connection, Call& call);
    void decide(std::uint32_t connection, const Call& call);
    void turn_down(std::uint32_t connection, const Answer& answer, bool dry_run,
                   std::string_view function, std::string_view qualifier);
    void begin_body(std::uint32_t connection);
    void end_body(std::uint32_t connection);
    // `rule_status`: of a rule's refusal.
    void refuse(std::uint32_t connection, Refusal refusal, Route route = Route::none,
                std::uint16_t rule_status = 0);
    // `allow`: of 405.
    void decline(std::uint32_t connection, Refusal refusal, std::string_view allow,
                 std::uint16_t rule_status = 0);
    void end_early(std::uint32_t connection, const Answer& answer);
    void say(std::uint32_t connection, std::string_view text);
    void say_and_go_on(std::uint32_t connection, std::string_view text);
    // routed.cpp
    void on_routed(std::uint32_t connection);
    Refusal check_caller(std::uint32_t connection, const auth::AccessKey*& key);
    void on_route_found(std::uint32_t connection, const classify::Published& routes,
                        const classify::Outcome& outcome);

    Envelope envelope(const Session& session) const;
    Exchange exchange_of(std::uint32_t connection) const {
        return {connection, sessions_[connection].serial};
    }

    const Options options_;
    Transport& transport_;
    Invocations& invocations_;
    CoreCounters& counters_;
    std::unique_ptr<Session[]> sessions_;
    std::unique_ptr<Signed> signed_;
    Waits waits_;
    HeadBuffers buffers_;
    Date date_;
    std::uint64_t now_us_ = 0;
    std::uint64_t next_id_ = 0;
    std::uint32_t open_ = 0;
    Head head_;                       // of the request being looked at
    Names names_;                     // the same
    ClientContextText context_text_;  // the same
    classify::Classifier classifier_;
    rules::Screen screen_;
    std::array<char, kAnswerBytesMax> text_;
    std::array<char, kLogResultBytesMax> log_text_;
};

}  // namespace skerry::http
