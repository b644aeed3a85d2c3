// Acknowledgements that have arrived: RFC 9293 §3.10.7.4 step 5, RFC 5961 §5, RFC 5681 §3.2,
// RFC 6582, RFC 6675, RFC 8985.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
// false: the segment is dropped.
bool Core::acknowledge(Connection& c, const Segment& segment) {
    if (after(segment.ack, c.nxt) || before(segment.ack, c.una - c.max_window)) {
        // RFC 5961 §5.2: neither what was never sent nor what is older than a window.
        count(Reason::drop_tcp_ack);
        challenge(c);
        return false;
    }
    // RFC 7323 §4.3: the timestamp of what moves the left edge is what is echoed. Only now: a
    // forged segment that guessed its sequence number alone must not make all others look old.
    if (c.timestamps && segment.has_timestamp && at_or_before(segment.seq, c.last_ack)) {
        c.ts_recent = segment.ts_value;
        c.ts_recent_s = static_cast<std::uint32_t>(now_us / 1'000'000);
    }
    if (before(segment.ack, c.una)) return true;  // overtaken by a later one
    const std::uint32_t old_window = c.send_window;
    update_window(c, segment);
    const bool advances = after(segment.ack, c.una);
    // RFC 5681 §2.
    const bool duplicate =
        !advances && !c.flight.empty() && segment.length() == 0 && c.send_window == old_window;
    if (duplicate) stats.duplicate_acks_in.add();
    if (advances || segment.sack_count != 0 || duplicate) acknowledged(c, segment, duplicate);
    if (c.wants_writable && c.used && c.state != State::closed) tell_writable(c);
    return c.used && c.state != State::closed;
}

// RFC 9293 §3.10.7.4: only from a segment that is newer than the last one it was taken from.
void Core::update_window(Connection& c, const Segment& segment) {
    if (!before(c.wl1, segment.seq) && !(c.wl1 == segment.seq && at_or_before(c.wl2, segment.ack)))
        return;
    const std::uint32_t window_bytes = std::uint32_t{segment.window} << c.send_scale;
    c.wl1 = segment.seq;
    c.wl2 = segment.ack;
    if (window_bytes == c.send_window) return;
    c.send_window = window_bytes;
    c.max_window = std::max(c.max_window, window_bytes);
    if (window_bytes != 0 && c.retransmit == Retransmit::window_probe) {
        // It has opened. What the probes carried was thrown away, most likely.
        c.retransmit = Retransmit::off;
        c.retransmit_due_us = 0;
        c.rto.reset_backoff();
        resend_without_blame(c);
    }
    want_output(c);
}

AckInput Core::ack_input(const Connection& c, const Segment& segment, bool duplicate) const {
    AckInput in;
    in.ack = segment.ack;
    in.snd_nxt = c.nxt;
    if (c.sack) in.sacks = segment.sack_blocks();
    in.now_us = now_us;
    if (c.timestamps && segment.has_timestamp && segment.ts_echo != 0) {
        // The end of the millisecond that the echoed clock stood at.
        const std::uint32_t ago_ms = timestamp_now(c) - segment.ts_echo;
        if (ago_ms <= now_us / 1000) in.echo_us = (now_us / 1000 - ago_ms) * 1000 + 999;
    }
    in.min_rtt_us = c.rto.min_rtt_us;
    in.mss = c.mss;
    in.sack_permitted = c.sack;
    in.duplicate = duplicate;
    in.in_recovery = c.recovery != Recovery::none;
    return in;
}

void Core::acknowledged(Connection& c, const Segment& segment, bool duplicate) {
    const std::uint32_t pipe_before = c.flight.pipe_bytes();
    const Acked acked = c.flight.acked(flights, ack_input(c, segment, duplicate));
    const bool advances = after(segment.ack, c.una);
    sample_round_trip(c, segment, acked, advances);
    if (advances) {
        c.rto.reset_backoff();
        c.shrinks = 0;
        drop_acknowledged(c, segment.ack);
        if (!c.used || c.state == State::closed) return;
        if (has_taken_enough(c)) {
            begin_progress(c);
        } else if (too_slow(c)) {
            emit_reset(c);
            return finish(c, Reason::tcp_closed_timeout);
        }
    }
    if (acked.spurious && c.recovery != Recovery::none) undo(c);
    if (acked.probe_repaired && c.recovery == Recovery::none) {  // RFC 8985 §7.4.2
        c.congestion.enter_recovery(c.flight.bytes());
        c.congestion.leave_recovery();
    }
    grow(c, segment, acked, pipe_before, advances);
    detect_losses(c);
    if (advances || acked.delivered_bytes != 0) restart_retransmit_timer(c);
    want_output(c);
}

// Karn's rule is in acked.rtt_us; an echoed timestamp knows which transmission it answers (RFC 7323
// §4.1), but in milliseconds: for what was retransmitted only.
void Core::sample_round_trip(Connection& c, const Segment& segment, const Acked& acked,
                             bool advances) {
    if (acked.rtt_us != 0) {
        c.rto.sample(acked.rtt_us);
    } else if (advances && c.timestamps && segment.has_timestamp && segment.ts_echo != 0) {
        const std::uint32_t ms = timestamp_now(c) - segment.ts_echo;
        if (ms < kMaxRtoUs / 1000) c.rto.sample(ms * 1000);
    }
}

// RFC 3522, RFC 4015: what was sent twice had arrived the first time, so the timeout was too early.
void Core::undo(Connection& c) {
    stats.spurious.add();
    c.congestion.undo();
    if (c.recovery == Recovery::timeout) c.flight.forgive(flights);
    c.recovery = Recovery::none;
}

// The congestion window's part: RFC 5681 §3.1 and RFC 9438 outside recovery, RFC 6937 within.
void Core::grow(Connection& c, const Segment& segment, const Acked& acked,
                std::uint32_t pipe_before, bool advances) {
    const bool over = c.recovery != Recovery::none && at_or_after(segment.ack, c.recover);
    if (c.recovery == Recovery::fast) {
        if (over) {
            c.congestion.leave_recovery();
        } else {
            c.congestion.recovery_acked(acked.delivered_bytes, c.flight.pipe_bytes(), advances);
        }
    } else if (advances) {
        // Only what moves SND.UNA lets the window grow (RFC 5681 §3.1); after a timeout only what
        // had not been SACKed before.
        const bool again = c.recovery == Recovery::timeout;
        c.congestion.acked({.now_us = now_us,
                            .bytes = again ? acked.delivered_bytes : acked.acked_bytes,
                            .flight_before = pipe_before,
                            .rtt_us = acked.rtt_us,
                            .srtt_us = c.rto.srtt_us,
                            .una = c.una,
                            .nxt = c.nxt,
                            .app_limited = c.app_limited});
    }
    if (!over) return;
    c.recovery = Recovery::none;
    c.flight.left_recovery();
}

// The first bytes of the queue are the peer's now; and perhaps our FIN.
void Core::drop_acknowledged(Connection& c, std::uint32_t ack) {
    std::uint32_t bytes = ack - c.una;
    c.una = ack;
    if (bytes > c.queue.bytes()) {  // our FIN, one behind the last byte
        bytes = c.queue.bytes();
        c.queue.drop(blocks, bytes);
        c.fin_acked = true;
        fin_acknowledged(c);
        return;
    }
    c.queue.drop(blocks, bytes);
}

// RFC 8985 §6.2; for peers without SACK acked() has looked already (RFC 6582).
void Core::detect_losses(Connection& c) {
    std::uint32_t reorder_us = 0;
    if (c.sack) c.flight.detect_loss(flights, loss_input(c), reorder_us);
    c.reorder_due_us = reorder_us == 0 ? 0 : now_us + reorder_us;
    if (c.flight.lost_bytes() == 0) return;
    want_output(c);
    if (c.recovery == Recovery::none) enter_recovery(c);
}

void Core::enter_recovery(Connection& c) {
    stats.fast_recoveries.add();
    c.recovery = Recovery::fast;
    c.recover = c.nxt;
    c.congestion.enter_recovery(c.flight.bytes());
    c.congestion.recovery_acked(0, c.flight.pipe_bytes(), false);
    // From here on RFC 6298 §5.3's timer runs, not the tail probe's.
    restart_retransmit_timer(c);
}

void Core::fin_acknowledged(Connection& c) {
    switch (c.state) {
        case State::fin_wait_1:
            c.state = State::fin_wait_2;
            c.state_due_us = c.owned ? 0 : now_us + options.fin_wait_us;
            if (c.owned) restart_keep_alive(c);
            return;
        case State::closing:
            enter_time_wait(c);
            return;
        case State::last_ack:
            finish(c, Reason::tcp_closed_done);
            return;
        default:
            return;
    }
}

}  // namespace skerry::net::tcp
