// What requests mean: pages of the service, and invocations.
#include "dataplane/http/server.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::http {
namespace {

// Spreads a counter over all 64 bits (splitmix64): ids that look like nothing.
std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

}  // namespace

Envelope Server::envelope(const Session& session) const {
    return {.date = date_.text(),
            .is_1_0 = session.is_1_0,
            .keep_alive = session.keep_alive,
            .head_only = session.head_only,
            .request_id_hi = session.request_id_hi,
            .request_id_lo = session.request_id_lo,
            .trace = session.trace,
            .allow_origin = session.from_page ? options_.allow_origin : std::string_view{}};
}

// There is room: that was looked at before the request was read.
void Server::say(std::uint32_t connection, std::string_view text) {
    const std::uint32_t written = transport_.write(
        connection, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    SKERRY_CHECK(written == text.size());
}

// Where the next request begins is not known, or not waited for: told why, and closed.
void Server::refuse(std::uint32_t connection, Refusal refusal, Route route,
                    std::uint16_t rule_status) {
    Session& session = sessions_[connection];
    stop_screening(connection);
    counters_.count(info(refusal).reason);
    if (session.started) {
        session.started = false;
        invocations_.cancel(exchange_of(connection));
    }
    if (session.buffer != HeadBuffers::kNone) {
        // Its head was never understood.
        buffers_.give_back(session.buffer);
        session.buffer = HeadBuffers::kNone;
        session.is_1_0 = session.head_only = session.from_page = false;
    }
    session.keep_alive = false;
    Envelope head = envelope(session);
    head.rule_status = rule_status;
    if (transport_.room(connection) >= kAnswerBytesMax)
        say(connection, refusal_text(AnswerBuffer(text_), head, refusal, allowed(route),
                                     options_.limits.body_bytes));
    begin_linger(connection);
}

// Invocations have had enough of the body. The same as a refusal, but that they say why.
void Server::end_early(std::uint32_t connection, const Answer& answer) {
    Session& session = sessions_[connection];
    SKERRY_CHECK(answer.payload_bytes == 0 && !answer.more);
    stop_screening(connection);
    session.started = false;
    session.keep_alive = false;
    if (transport_.room(connection) >= kAnswerBytesMax)
        say(connection,
            invocation_text(AnswerBuffer(text_), envelope(session), answer, {}, {}).text);
    begin_linger(connection);
}

// A well-framed request that is not for here: the connection may go on after its body.
void Server::decline(std::uint32_t connection, Refusal refusal, std::string_view allow,
                     std::uint16_t rule_status) {
    Session& session = sessions_[connection];
    counters_.count(info(refusal).reason);
    if (session.body.length_left() > options_.skip_bytes || session.body.chunked())
        session.keep_alive = false;
    Envelope head = envelope(session);
    head.rule_status = rule_status;
    say_and_go_on(connection, refusal_text(AnswerBuffer(text_), head, refusal, allow,
                                           options_.limits.body_bytes));
}

void Server::say_and_go_on(std::uint32_t connection, std::string_view text) {
    say(connection, text);
    finish(connection);
}

void Server::on_head(std::uint32_t connection, std::string_view text) {
    Session& session = sessions_[connection];
    ++session.serial;
    // A UUID of version 4, as AWS's are.
    session.request_id_hi = (mix(next_id_++) & ~0xf000ull) | 0x4000;
    session.request_id_lo = (mix(next_id_++) & ~0ull >> 2) | 1ull << 63;
    Refusal refusal = parse_head(text, options_.limits, head_);
    session.is_1_0 = head_.is_1_0;
    session.keep_alive = head_.keep_alive;
    session.head_only = head_.method == Method::head;
    session.from_page =
        !options_.allow_origin.empty() && refusal == Refusal::none && !head_.find("origin").empty();
    session.unproven = session.withheld = false;
    session.trace = {};
    if (refusal == Refusal::none) refusal = session.body.begin(head_, options_.limits);
    if (refusal != Refusal::none) return refuse(connection, refusal);
    // Whether the body comes after a final answer that was not 100 is the client's choice
    // (RFC 9110 §10.1.1): only 100 (Continue) lets the connection go on.
    if (head_.expects_continue && head_.has_body()) session.keep_alive = false;
    if (!invocations_.may_ask(connection)) return decline(connection, Refusal::source_rate, {});
    if (head_.method == Method::connect || head_.method == Method::trace)
        return refuse(connection, Refusal::wrong_method);
    on_route(connection, find_route(head_));
}

void Server::on_route(std::uint32_t connection, Route route) {
    // The service's own pages are for who watches it: no rule hides them.
    const bool executes = route == Route::none || route == Route::invoke;
    if (screen_.active() && executes && !passes_rules(connection)) return;
    if (route == Route::none) return on_routed(connection);
    if (!allows(route, head_.method))
        return decline(connection, Refusal::wrong_method, allowed(route));
    if (route == Route::invoke && head_.method == Method::post) return on_invoke(connection);
    on_page(connection, route);
}

void Server::on_page(std::uint32_t connection, Route route) {
    Session& session = sessions_[connection];
    counters_.count(Reason::http_answered);
    if (session.body.length_left() > options_.skip_bytes || session.body.chunked())
        session.keep_alive = false;
    const Envelope head = envelope(session);
    if (head_.method == Method::options)
        return say_and_go_on(connection, options_text(AnswerBuffer(text_), head, route));
    const bool good = route == Route::healthz || invocations_.ready();
    say_and_go_on(connection, page_text(AnswerBuffer(text_), head, good ? 200 : 503,
                                        good ? "ok\n" : "not ready\n"));
}

// The caller's word that to execute the request twice does no harm. What it is good for says the
// function's owner.
Refusal Server::describe_repeats(Call& call) {
    const std::string_view word = head_.find("x-skerry-idempotent");
    if (!word.empty() && word != "true" && word != "false") return Refusal::bad_idempotent;
    call.idempotent = word == "true";
    return Refusal::none;
}

// The fields of lambda-api.md §5.1. Those that mean nothing here are passed over.
Refusal Server::describe(Call& call) {
    const std::string_view type = head_.find("x-amz-invocation-type");
    if (!type.empty() && type != "RequestResponse" && type != "DryRun" && type != "Event")
        return Refusal::bad_invocation_type;
    call.dry_run = type == "DryRun";
    call.later = type == "Event";
    const std::string_view log = head_.find("x-amz-log-type");
    if (!log.empty() && log != "None" && log != "Tail") return Refusal::bad_log_type;
    call.wants_tail = log == "Tail" && !call.later;
    const std::string_view coding = head_.find("content-encoding");
    if (!coding.empty() && !equals_lower(coding, "identity")) return Refusal::content_coding;
    const std::string_view context = head_.find("x-amz-client-context");
    return context.empty() ? Refusal::none
                           : read_client_context(context, context_text_, call.client_context);
}

// Answers say it too, errors among them.
void Server::join_trace(std::uint32_t connection, Call& call) {
    Session& session = sessions_[connection];
    session.trace = trace_of({head_.find("traceparent"), head_.find("x-amzn-trace-id")},
                             date_.unix_s(), session.request_id_hi, session.request_id_lo);
    call.trace_id_hi = session.trace.id_hi;
    call.trace_id_lo = session.trace.id_lo;
    call.span_id = session.trace.span_id;
}

void Server::on_invoke(std::uint32_t connection) {
    const Session& session = sessions_[connection];
    Call call;
    call.exchange = exchange_of(connection);
    join_trace(connection, call);
    const auth::AccessKey* key = nullptr;
    Refusal refusal = options_.require_signature ? check_signature(connection, key) : Refusal::none;
    if (refusal == Refusal::none) refusal = parse_names(head_, names_);
    if (refusal == Refusal::none) refusal = describe(call);
    if (refusal == Refusal::none) refusal = describe_repeats(call);
    if (refusal != Refusal::none) return decline(connection, refusal, {});
    if (key != nullptr && !key->allows(names_.function)) {
        if (!identified(connection)) return withhold(connection, Refusal::key_denied, {}, call);
        return decline(connection, Refusal::key_denied, {});
    }
    call.retry_id = head_.find("amz-sdk-invocation-id");
    if (key != nullptr) call.access_key = key->id();
    call.function = names_.function;
    call.qualifier = names_.qualifier;
    call.request_id_hi = session.request_id_hi;
    call.request_id_lo = session.request_id_lo;
    call.payload_bytes = head_.chunked ? kUnknownBytes : head_.content_length;
    decide(connection, call);
}

void Server::decide(std::uint32_t connection, const Call& call) {
    Session& session = sessions_[connection];
    Answer answer;
    if (invocations_.start(call, answer)) {
        session.started = true;
        return begin_body(connection);
    }
    if (!identified(connection)) return withhold(connection, Refusal::none, answer, call);
    session.unproven = false;
    if (session.body.length_left() > options_.skip_bytes || session.body.chunked())
        session.keep_alive = false;
    turn_down(connection, answer, call.dry_run, call.function, call.qualifier);
}

// No invocation was begun, and this is why: or that one could be.
void Server::turn_down(std::uint32_t connection, const Answer& answer, bool dry_run,
                       std::string_view function, std::string_view qualifier) {
    const Envelope head = envelope(sessions_[connection]);
    if (dry_run && answer.status == ReplyStatus::ok) {
        counters_.count(Reason::http_answered);
        return say_and_go_on(connection, dry_run_text(AnswerBuffer(text_), head));
    }
    SKERRY_CHECK(answer.payload_bytes == 0 && !answer.more);
    say_and_go_on(connection,
                  invocation_text(AnswerBuffer(text_), head, answer, function, qualifier).text);
}

void Server::begin_body(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (session.body.complete()) return end_body(connection);
    if (head_.expects_continue) {
        session.keep_alive = head_.keep_alive;
        say(connection, kContinue);
    }
    session.screened = screen_.begin_body(connection);
    session.phase = Phase::body;
    open_window(connection, Wait::body);
}

void Server::end_body(std::uint32_t connection) {
    Session& session = sessions_[connection];
    session.phase = Phase::answer;
    waits_.cancel(connection);
    if (session.unproven && !proved(connection)) return;
    invocations_.payload_complete(exchange_of(connection));
}

}  // namespace skerry::http
