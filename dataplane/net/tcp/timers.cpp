// What time brings: retransmissions (RFC 6298 §5), tail probes (RFC 8985 §7), window probes
// (RFC 9293 §3.8.6.1), delayed acknowledgements, keep-alive (§3.8.4), and the ends of states.
//
// One timer of the wheel a connection, for the earliest of its instants. It is moved forward when
// an instant comes nearer, and left alone when it goes away: what comes too early finds nothing
// due.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
namespace {

// RFC 8985 §7.2: what a peer may wait with the acknowledgement of a single segment.
constexpr std::uint32_t kMaxAckDelayUs = 200'000;

std::uint64_t earlier(std::uint64_t a, std::uint64_t b) {
    return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

}  // namespace

void Core::schedule(Connection& c) {
    const std::uint64_t due = earlier(earlier(c.retransmit_due_us, c.reorder_due_us),
                                      earlier(c.ack_due_us, c.state_due_us));
    if (due == 0 || (c.armed_us != 0 && c.armed_us <= due)) return;
    c.armed_us = due;
    wheel.arm(index(c), due);
}

std::uint32_t Core::advance(std::uint64_t now, std::uint32_t budget) {
    now_us = std::max(now_us, now);
    std::array<std::uint32_t, 64> due;
    std::uint32_t done = 0;
    while (done < budget) {
        const std::uint32_t n =
            wheel.expire(now_us, std::span(due).first(std::min<std::size_t>(64, budget - done)));
        if (n == 0) break;
        for (std::uint32_t i = 0; i < n; ++i) {
            Connection& c = connections[due[i]];
            c.armed_us = 0;
            if (c.used && c.state != State::closed) expire(c);
        }
        done += n;
    }
    return done;
}

void Core::expire(Connection& c) {
    const auto is_due = [this](std::uint64_t& instant) {
        if (instant == 0 || instant > now_us) return false;
        instant = 0;
        return true;
    };
    if (is_due(c.ack_due_us)) acknowledge_now(c);
    if (is_due(c.reorder_due_us)) {
        detect_losses(c);
        want_output(c);
    }
    if (is_due(c.retransmit_due_us)) on_retransmit(c);
    if (c.used && c.state != State::closed && is_due(c.state_due_us)) on_state(c);
    if (c.used && c.state != State::closed) schedule(c);
}

// RFC 6298 §5.1–5.3; a tail probe instead where RFC 8985 §7.2 allows it.
void Core::restart_retransmit_timer(Connection& c) {
    const bool synchronizing = c.state == State::syn_sent || c.state == State::syn_received;
    if (c.flight.empty() && !synchronizing) {
        if (c.retransmit != Retransmit::window_probe) {
            c.retransmit = Retransmit::off;
            c.retransmit_due_us = 0;
        }
        return;
    }
    const std::uint32_t rto_us = c.rto.rto_us(options.min_rto_us, kMaxBackoffRtoUs);
    std::uint32_t wait_us = rto_us;
    c.retransmit = Retransmit::rto;
    if (!synchronizing && c.sack && c.recovery == Recovery::none && c.flight.may_probe() &&
        c.rto.backoffs == 0) {
        const std::uint32_t probe_us =
            c.flight.probe_timeout_us(flights, c.rto.srtt_us, kMaxAckDelayUs);
        if (probe_us < rto_us) {
            wait_us = probe_us;
            c.retransmit = Retransmit::tail_probe;
        }
    }
    c.retransmit_due_us = now_us + wait_us;
}

void Core::on_retransmit(Connection& c) {
    switch (c.retransmit) {
        case Retransmit::off:
            return;
        case Retransmit::rto:
            return on_timeout(c);
        case Retransmit::tail_probe:
            return on_tail_probe(c);
        case Retransmit::window_probe:
            return on_window_probe(c);
    }
}

void Core::on_timeout(Connection& c) {
    stats.timeouts.add();
    if (c.state == State::syn_sent || c.state == State::syn_received) {
        c.rtt_of_syn = false;
        c.rto.back_off();
        emit_syn(c);
        restart_retransmit_timer(c);
        return;
    }
    if (too_slow(c)) {  // RFC 9293 §3.8.3
        finish(c, Reason::tcp_closed_timeout);
        return;
    }
    if (c.send_window == 0) {  // not lost: thrown away by a window that was shut
        c.retransmit = Retransmit::window_probe;
        return on_window_probe(c);
    }
    const bool first = c.recovery != Recovery::timeout;
    c.congestion.timeout(c.flight.bytes(), first);
    c.rto.back_off();
    suspect_black_hole(c);
    c.flight.timeout(flights, loss_input(c));
    c.recovery = Recovery::timeout;
    c.recover = c.nxt;
    c.reorder_due_us = 0;
    restart_retransmit_timer(c);
    want_output(c);
}

// RFC 8985 §7.3: a new segment if there is one that the peer's window takes, the last one
// otherwise.
void Core::on_tail_probe(Connection& c) {
    stats.tail_probes.add();
    const std::uint32_t unsent = unsent_bytes(c);
    const std::int32_t left = distance(c.nxt, c.una + c.send_window);
    bool sent = false;
    bool again = false;
    if (unsent != 0 && left > 0) {
        const std::uint32_t most = std::min<std::uint32_t>(c.mss, static_cast<std::uint32_t>(left));
        sent = send_new(c, std::min(unsent, most), false);
    }
    if (!sent && !c.flight.empty()) {
        const std::uint32_t last = c.flight.probe_record();
        again = true;
        sent = emit_data(c, flights[last].seq, flights[last].end);
        if (sent) c.flight.retransmitted(flights, last, flights[last].bytes(), now_us);
        stats.retransmitted_segments.add();
    }
    if (sent) c.flight.probe_sent(c.nxt, again);
    c.retransmit = Retransmit::rto;
    c.retransmit_due_us = now_us + c.rto.rto_us(options.min_rto_us, kMaxBackoffRtoUs);
}

void Core::on_window_probe(Connection& c) {
    if (too_slow(c)) {
        emit_reset(c);
        finish(c, Reason::tcp_closed_window);
        return;
    }
    stats.window_probes.add();
    if (!c.flight.empty()) {
        retransmit_one(c, c.flight.first());
    } else {
        const std::uint32_t most = std::min<std::uint32_t>(c.mss, std::max(c.send_window, 1u));
        const std::uint32_t bytes = std::min(unsent_bytes(c), most);
        if (bytes != 0 || fin_unsent(c)) send_new(c, bytes, bytes == 0);
    }
    c.rto.back_off();
    c.retransmit = Retransmit::window_probe;
    c.retransmit_due_us = now_us + c.rto.rto_us(options.min_rto_us, kMaxBackoffRtoUs);
}

void Core::restart_keep_alive(Connection& c) {
    c.state_due_us = options.keep_alive_us == 0 ? 0 : now_us + options.keep_alive_us;
}

void Core::on_state(Connection& c) {
    switch (c.state) {
        case State::syn_sent:
            return finish(c, Reason::tcp_closed_unanswered);
        case State::syn_received:
            return finish(c,
                          c.passive ? Reason::tcp_closed_handshake : Reason::tcp_closed_unanswered);
        case State::time_wait:
            return finish(c, Reason::tcp_closed_done);
        case State::fin_wait_2:
            if (!c.owned) return finish(c, Reason::tcp_closed_fin_wait);
            break;
        default:
            break;
    }
    if (options.keep_alive_us == 0) return;
    // Data that is out finds out by itself whether the peer is there.
    const std::uint64_t idle_us = c.keep_alives != 0 ? options.keep_alive_us : since_us(c.heard_ms);
    if (!c.flight.empty() || idle_us < options.keep_alive_us) {
        c.state_due_us = now_us + options.keep_alive_us - (c.flight.empty() ? idle_us : 0);
        return;
    }
    if (c.keep_alives >= options.keep_alive_probes) {
        emit_reset(c);
        finish(c, Reason::tcp_closed_keep_alive);
        return;
    }
    ++c.keep_alives;
    stats.keep_alives.add();
    emit_keep_alive(c);
    c.state_due_us = now_us + options.keep_alive_interval_us;
}

}  // namespace skerry::net::tcp
