// Sessions: what is read, sent and waited for. What requests mean is in requests.cpp.
#include "dataplane/http/server.hpp"

#include <algorithm>
#include <cstring>

#include "sandbox/base/check.hpp"
#include "sandbox/runtime_api/writer.hpp"

namespace skerry::http {
namespace {

constexpr std::uint32_t kChunkHeadBytes = 32;

std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Server::Server(const Options& options, Transport& transport, Invocations& invocations,
               CoreCounters& counters)
    : options_(options),
      transport_(transport),
      invocations_(invocations),
      counters_(counters),
      sessions_(std::make_unique<Session[]>(options.connections)),
      signed_(std::make_unique<Signed>(options.connections, options.signing_region)),
      waits_(options.connections),
      buffers_(options.head_buffers, options.limits.head_bytes),
      next_id_(options.seed),
      classifier_(options.core),
      screen_(options.core, options.connections) {
    SKERRY_CHECK(options.limits.head_bytes <= kHeadBytesMax);
    SKERRY_CHECK(options.limits.fields <= kFieldsMax && options.head_buffers > 0);
}

void Server::opened(std::uint32_t connection) {
    SKERRY_CHECK(connection < options_.connections);
    Session& session = sessions_[connection];
    SKERRY_CHECK(session.phase == Phase::closed);
    const std::uint32_t serial = session.serial;
    session = Session();
    session.serial = serial;
    session.phase = Phase::idle;
    ++open_;
    // A client that connects has something to say.
    waits_.arm(connection, Wait::first, options_.times, now_us_);
}

void Server::peer_closed(std::uint32_t connection) {
    sessions_[connection].peer_closed = true;
    progress(connection);
}

void Server::closed(std::uint32_t connection) {
    forget(connection);
}

// The connection is over, and with it all that was kept for it.
void Server::forget(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (session.phase == Phase::closed) return;
    stop_screening(connection);
    if (session.started) {
        counters_.count(Reason::http_client_gone);
        session.started = false;
        invocations_.cancel(exchange_of(connection));
    }
    if (session.buffer != HeadBuffers::kNone) buffers_.give_back(session.buffer);
    session.buffer = HeadBuffers::kNone;
    session.phase = Phase::closed;
    waits_.cancel(connection);
    --open_;
}

void Server::close(std::uint32_t connection) {
    forget(connection);
    transport_.close(connection);
}

Server::Session* Server::find(Exchange exchange) {
    if (exchange.connection >= options_.connections) return nullptr;
    Session& session = sessions_[exchange.connection];
    return session.started && session.serial == exchange.serial ? &session : nullptr;
}

void Server::progress(std::uint32_t connection) {
    const Session& session = sessions_[connection];
    for (std::uint32_t step = 0; step < options_.steps_per_turn; ++step) {
        bool more = false;
        switch (session.phase) {
            case Phase::idle:
            case Phase::head:
                more = read_head(connection);
                break;
            case Phase::body:
            case Phase::skip:
                more = read_body(connection);
                break;
            case Phase::sending:
                more = send(connection);
                break;
            case Phase::linger:
                more = drop_input(connection);
                break;
            case Phase::answer:
            case Phase::closed:
                break;
        }
        if (!more) return;
    }
    transport_.again(connection);
}

// Whether any answer could be written whole. Its client has answers to read first, if not.
bool Server::has_room(std::uint32_t connection, std::uint32_t bytes) {
    if (transport_.room(connection) >= bytes) [[likely]]
        return true;
    wait_for_reader(connection);
    return false;
}

void Server::wait_for_reader(std::uint32_t connection) {
    if (waits_.of(connection) != Wait::send) open_window(connection, Wait::send);
    transport_.want_room(connection);
}

void Server::open_window(std::uint32_t connection, Wait wait) {
    Session& session = sessions_[connection];
    session.window_bytes = 0;
    session.window_backlog = wait == Wait::send ? transport_.backlog(connection) : 0;
    waits_.arm(connection, wait, options_.times, now_us_);
}

bool Server::read_head(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (session.phase == Phase::idle && !has_room(connection)) return false;
    Bytes span[1];
    if (transport_.read(connection, span) == 0) {
        if (session.peer_closed)
            input_ended(connection);
        else if (waits_.of(connection) == Wait::send)
            waits_.arm(connection, Wait::idle, options_.times, now_us_);
        return false;
    }
    const std::string_view text = as_text(span[0]);
    if (session.phase == Phase::head) return gather(connection, text);

    session.scanner = HeadScanner();
    const std::size_t bytes = session.scanner.feed(text.data(), text.size(), options_.limits);
    if (session.scanner.done()) [[likely]] {
        on_head(connection, text.substr(0, bytes));
        transport_.consume(connection, static_cast<std::uint32_t>(bytes));
        return true;
    }
    // In pieces from here on: gathered, so that its packets' buffers are not held.
    session.buffer = buffers_.take();
    if (session.buffer == HeadBuffers::kNone) {
        // Exactly those who have a buffer wait like that, and the longest-waiting one is first.
        const std::uint32_t slowest = waits_.first(Wait::head);
        SKERRY_CHECK(slowest != Waits::kNone);
        refuse(slowest, Refusal::no_room);
        session.buffer = buffers_.take();
    }
    session.scanner = HeadScanner();
    session.phase = Phase::head;
    waits_.arm(connection, Wait::head, options_.times, now_us_);
    return gather(connection, text);
}

bool Server::gather(std::uint32_t connection, std::string_view text) {
    Session& session = sessions_[connection];
    char* const buffer = buffers_.at(session.buffer);
    const std::uint32_t before = session.scanner.bytes();
    const std::size_t bytes = session.scanner.feed(text.data(), text.size(), options_.limits);
    std::memcpy(buffer + before, text.data(), bytes);
    transport_.consume(connection, static_cast<std::uint32_t>(bytes));
    if (session.scanner.refusal() != Refusal::none) {
        refuse(connection, session.scanner.refusal());
    } else if (session.scanner.done()) {
        if (!has_room(connection)) {
            // It has answers to read, and sends more requests in pieces.
            refuse(connection, Refusal::no_room);
            return true;
        }
        const std::uint16_t done = session.buffer;
        session.buffer = HeadBuffers::kNone;
        on_head(connection, {buffer, session.scanner.bytes()});
        buffers_.give_back(done);
    }
    return true;
}

bool Server::read_body(std::uint32_t connection) {
    Session& session = sessions_[connection];
    Bytes span[1];
    if (transport_.read(connection, span) == 0) {
        if (session.peer_closed) input_ended(connection);
        return false;
    }
    const std::string_view text = as_text(span[0]);
    const bool wanted = session.phase == Phase::body;
    const std::size_t room =
        session.started ? invocations_.payload_room(exchange_of(connection)) : text.size();
    const BodyReader::Piece piece = session.body.next(text, room, options_.limits);
    if (session.body.refusal() != Refusal::none) {
        refuse(connection, session.body.refusal());
        return true;
    }
    session.window_bytes += static_cast<std::uint32_t>(piece.content.size());
    const bool news = !piece.content.empty() || session.body.complete();
    if (session.screened && news && !body_passes_rules(connection, piece.content)) return true;
    if (session.unproven) signed_->claim(connection).proof.update(piece.content);
    Answer answer;
    const bool taken = piece.content.empty() || !session.started ||
                       invocations_.payload(exchange_of(connection), piece.content, answer);
    transport_.consume(connection, static_cast<std::uint32_t>(piece.consumed));
    if (!taken) {
        end_early(connection, answer);
        return true;
    }
    if (session.body.complete()) {
        if (!wanted) {
            finish(connection);
            return true;
        }
        end_body(connection);
        return session.phase != Phase::answer;
    }
    if (piece.consumed != 0) return true;
    waits_.cancel(connection);  // it is not the client who is slow
    return false;
}

void Server::resume(Exchange exchange) {
    Session* session = find(exchange);
    if (session == nullptr || session->phase != Phase::body) return;
    open_window(exchange.connection, Wait::body);
    transport_.again(exchange.connection);
}

bool Server::answered(Exchange exchange, const Answer& answer) {
    Session* session = find(exchange);
    if (session == nullptr) return false;
    if (session->phase != Phase::body && session->phase != Phase::answer) return false;
    // Before the body's end: where the next request begins will not be waited for.
    if (session->phase == Phase::body) session->keep_alive = false;
    stop_screening(exchange.connection);
    session->answer = answer;
    const bool open_ended = answer.more && answer.total_bytes == 0;
    session->chunked = open_ended && !session->is_1_0;
    if (open_ended && session->is_1_0) session->keep_alive = false;
    session->total_left = answer.total_bytes - (answer.total_bytes == 0 ? 0 : answer.payload_bytes);
    SKERRY_CHECK(session->total_left <= answer.total_bytes);
    session->head_pending = true;
    session->chunk_open = false;
    session->wants_piece = false;
    session->chunk_head_pending = session->chunked;
    session->phase = Phase::sending;
    waits_.cancel(exchange.connection);
    // What else there is waits for the turn of this connection.
    if (send(exchange.connection)) transport_.again(exchange.connection);
    return true;
}

void Server::is_try_of(Exchange exchange, std::uint64_t request_id_hi,
                       std::uint64_t request_id_lo) {
    Session* session = find(exchange);
    if (session == nullptr) return;
    session->request_id_hi = request_id_hi;
    session->request_id_lo = request_id_lo;
}

bool Server::answer_more(Exchange exchange, Bytes piece, bool more) {
    Session* session = find(exchange);
    if (session == nullptr) return false;
    SKERRY_CHECK(session->phase == Phase::sending && session->wants_piece);
    session->wants_piece = false;
    if (session->answer.total_bytes != 0) {
        SKERRY_CHECK(piece.size() <= session->total_left);
        session->total_left -= piece.size();
        SKERRY_CHECK(more || session->total_left == 0);
    }
    session->answer.payload = piece.data();
    session->answer.payload_bytes = static_cast<std::uint32_t>(piece.size());
    session->answer.more = more;
    session->chunk_head_pending = session->chunked;
    if (send(exchange.connection)) transport_.again(exchange.connection);
    return true;
}

bool Server::answer_failed(Exchange exchange) {
    Session* session = find(exchange);
    if (session == nullptr) return false;
    session->started = false;
    forget(exchange.connection);
    transport_.abort(exchange.connection);
    return true;
}

// False: there is no room for it yet.
bool Server::send_head(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (!has_room(connection, head_room(session.answer))) return false;
    const InvocationText head =
        invocation_text(AnswerBuffer(text_), envelope(session), session.answer, {}, {});
    if (session.answer.tail.empty() && session.answer.fields.empty())
        say(connection, head.text);
    else
        say_with_fields(connection, head.text);
    session.head_pending = false;
    if (head.payload_follows) return true;
    session.answer.payload_bytes = 0;
    session.answer.more = session.chunked = session.chunk_head_pending = false;
    return true;
}

// As the last fields of the head.
void Server::say_with_fields(std::uint32_t connection, std::string_view text) {
    const Answer& answer = sessions_[connection].answer;
    const std::size_t end = text.find("\r\n\r\n") + 2;
    say(connection, text.substr(0, end));
    if (!answer.fields.empty()) say(connection, answer.fields);
    if (!answer.tail.empty()) say(connection, log_result_text(std::span(log_text_), answer.tail));
    say(connection, text.substr(end));
}

// RFC 9112 §7.1. The CRLF behind a chunk's data goes out with what follows it.
bool Server::send_chunk_head(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (transport_.room(connection) < kChunkHeadBytes) {
        wait_for_reader(connection);
        return false;
    }
    char bytes[kChunkHeadBytes];
    runtime_api::Writer text(bytes, sizeof bytes);
    if (session.chunk_open) text << "\r\n";
    session.chunk_open = session.answer.payload_bytes != 0;
    if (session.chunk_open)
        text.hex(session.answer.payload_bytes, 8) << "\r\n";
    else if (!session.answer.more)
        text << "0\r\n\r\n";
    say(connection, {bytes, text.size()});
    session.chunk_head_pending = false;
    return true;
}

bool Server::send(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (session.wants_piece) return false;
    if (session.head_pending && !send_head(connection)) return false;
    if (session.chunk_head_pending && !send_chunk_head(connection)) return false;
    Answer& answer = session.answer;
    if (answer.payload_bytes != 0) {
        const std::uint32_t sent =
            transport_.write(connection, {answer.payload, answer.payload_bytes});
        answer.payload += sent;
        answer.payload_bytes -= sent;
        session.window_bytes += sent;
        if (answer.payload_bytes != 0) {
            wait_for_reader(connection);
            return false;
        }
        if (session.chunked && !answer.more) {
            // The last chunk's end.
            session.chunk_head_pending = true;
            return true;
        }
    }
    waits_.cancel(connection);
    if (answer.more) {
        session.wants_piece = true;
        invocations_.release(exchange_of(connection));
        return false;
    }
    session.started = false;
    invocations_.release(exchange_of(connection));
    finish(connection);
    return true;
}

// The request is answered. What comes next on this connection?
void Server::finish(std::uint32_t connection) {
    Session& session = sessions_[connection];
    if (!session.keep_alive) return begin_linger(connection);
    if (!session.body.complete()) {
        session.phase = Phase::skip;
        return open_window(connection, Wait::body);
    }
    session.phase = Phase::idle;
    waits_.arm(connection, Wait::idle, options_.times, now_us_);
}

// RFC 9112 §9.6: were it closed with bytes unread, a reset could overtake the answer.
void Server::begin_linger(std::uint32_t connection) {
    Session& session = sessions_[connection];
    transport_.shutdown(connection);
    session.phase = Phase::linger;
    waits_.arm(connection, Wait::linger, options_.times, now_us_);
}

bool Server::drop_input(std::uint32_t connection) {
    Bytes span[1];
    if (transport_.read(connection, span) == 0) {
        if (sessions_[connection].peer_closed) input_ended(connection);
        return false;
    }
    transport_.consume(connection, static_cast<std::uint32_t>(span[0].size()));
    return true;
}

// The client sends no more, and what it sent has been read: nothing is left to be asked.
void Server::input_ended(std::uint32_t connection) {
    close(connection);
}

std::uint32_t Server::advance(std::uint32_t budget) {
    std::uint32_t done = 0;
    for (; done < budget; ++done) {
        const std::uint32_t connection = waits_.due(now_us_);
        if (connection == Waits::kNone) break;
        on_due(connection);
    }
    return done;
}

void Server::on_due(std::uint32_t connection) {
    switch (waits_.of(connection)) {
        case Wait::head:
            refuse(connection, Refusal::head_too_slow);
            break;
        case Wait::first:
        case Wait::idle:
            counters_.count(Reason::http_idle);
            close(connection);
            break;
        case Wait::body:
        case Wait::send:
            on_window(connection);
            break;
        default:
            // What it has not acknowledged yet is TCP's to deliver.
            close(connection);
    }
}

// A window has ended in which the client should have got on with its body, or with our answer: what
// counts there is what it has acknowledged.
void Server::on_window(std::uint32_t connection) {
    const Session& session = sessions_[connection];
    const Wait wait = waits_.of(connection);
    std::uint64_t bytes = session.window_bytes;
    if (wait == Wait::send) {
        const std::uint64_t before = bytes + session.window_backlog;
        const std::uint32_t left = transport_.backlog(connection);
        bytes = before > left ? before - left : 0;
    }
    if (bytes >= options_.times.window_bytes()) {
        open_window(connection, wait);
    } else if (wait == Wait::body && session.phase == Phase::body) {
        refuse(connection, Refusal::body_too_slow);
    } else {
        counters_.count(wait == Wait::body ? Reason::http_too_slow : Reason::http_slow_reader);
        forget(connection);
        transport_.abort(connection);
    }
}

}  // namespace skerry::http
