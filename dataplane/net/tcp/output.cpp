// What a connection sends when it is its turn: lost segments first, then new data as far as the
// windows reach (RFC 9293 §3.8.6.2.1, RFC 5681 §3.1, RFC 6675 §5), then a bare acknowledgement if
// one is still owed.
#include <algorithm>

#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {

bool Core::flush(std::uint64_t now, std::uint32_t budget) {
    now_us = std::max(now_us, now);
    const bool more_needy = feed_needy();
    std::uint32_t sent = 0;
    // Each connection that is in the list now gets a turn; then those that had more, while the
    // budget lasts and anything moves.
    while (!output_list.empty() && sent < budget) {
        const std::uint32_t before_round = sent;
        for (std::uint32_t visits = output_list.size(); visits != 0 && sent < budget; --visits) {
            Connection& c = connections[output_list.pop(connections.get())];
            if (output(c, std::min(kSegmentsATurn, budget - sent), sent) != Sent::done)
                want_output(c);
        }
        if (sent != before_round) continue;
        // No packet buffers, or no records: there is no hurry, asking again makes none.
        stuck_until_us = now_us + kStuckUs;
        break;
    }
    if (sent != 0) stuck_until_us = 0;
    update_gauges();
    return (output_list.empty() || stuck_until_us != 0) && !more_needy;
}

Core::Sent Core::output(Connection& c, std::uint32_t quota, std::uint32_t& sent) {
    if (c.state == State::closed || c.state == State::syn_sent || c.state == State::syn_received)
        return Sent::done;
    Sent result = Sent::done;
    bool new_data = false;
    if (c.flight.empty()) before_first(c);
    for (;; ++sent, --quota) {
        const std::uint32_t lost = c.flight.next_lost(flights);
        if (lost != kNone && may_retransmit(c, lost)) {
            if (quota == 0) return finish_output(c, Sent::more, new_data);
            if (!retransmit_one(c, lost)) return finish_output(c, Sent::blocked, new_data);
            continue;
        }
        bool fin = false;
        const std::uint32_t bytes = next_new_bytes(c, fin);
        if (bytes == 0 && !fin) break;
        if (quota == 0) return finish_output(c, Sent::more, new_data);
        const std::uint32_t segments = bytes == c.mss ? segments_at_once(c, quota) : 1;
        if (!send_new(c, segments * bytes, fin, segments))
            return finish_output(c, Sent::blocked, new_data);
        new_data = true;
        sent += segments - 1;
        quota -= segments - 1;
    }
    if (c.ack_now) {
        if (quota == 0) return finish_output(c, Sent::more, new_data);
        if (emit_ack(c))
            ++sent;
        else
            result = Sent::blocked;
    }
    return finish_output(c, result, new_data);
}

Core::Sent Core::finish_output(Connection& c, Sent result, bool new_data) {
    c.app_limited = unsent_bytes(c) == 0 && c.flight.pipe_bytes() < c.congestion.window();
    if (c.retransmit == Retransmit::off && !c.flight.empty()) {
        restart_retransmit_timer(c);
    } else if (new_data && c.retransmit == Retransmit::tail_probe) {
        restart_retransmit_timer(c);  // RFC 8985 §7.2: with each transmission of new data
    }
    if (c.flight.empty() && c.retransmit == Retransmit::off && result == Sent::done &&
        (unsent_bytes(c) != 0 || fin_unsent(c))) {
        // Nothing is out that would bring an acknowledgement, and the window does not let us:
        // probe.
        c.retransmit = Retransmit::window_probe;
        c.retransmit_due_us = now_us + c.rto.rto_us(options.min_rto_us);
    }
    schedule(c);
    return result;
}

// RFC 5681 §4.1: after an idle time the window is no longer known to be right. And a path that was
// found narrow may have become wide (RFC 1191 §6.3).
void Core::before_first(Connection& c) {
    if (unsent_bytes(c) == 0) return;
    const std::uint64_t idle_us = std::min(since_us(c.sent_ms), since_us(c.heard_ms));
    const std::uint32_t rto_us = c.rto.rto_us(options.min_rto_us);
    if (idle_us > rto_us) c.congestion.idle_restart(idle_us, rto_us);
    raise_path_mtu(c);
}

std::uint32_t Core::unsent_bytes(const Connection& c) const {
    const std::uint32_t end = data_end(c);
    return after(end, c.nxt) ? end - c.nxt : 0;
}

bool Core::fin_unsent(const Connection& c) const {
    return c.fin_queued && !c.fin_acked && !after(c.nxt, data_end(c));
}

// RFC 6675 §5 step C: while there is room in the congestion window. One may always go when nothing
// is in the network.
bool Core::may_retransmit(const Connection& c, std::uint32_t id) const {
    const std::uint32_t in_network = c.flight.pipe_bytes();
    const std::uint32_t bytes = std::min<std::uint32_t>(flights[id].bytes(), c.mss);
    return in_network == 0 || in_network + bytes <= c.congestion.window();
}

bool Core::retransmit_one(Connection& c, std::uint32_t id) {
    const FlightRecord& record = flights[id];
    const bool has_fin = after(record.end, data_end(c));
    // Less than all of it, if the path's MTU has become smaller since.
    const std::uint32_t bytes = std::min(record.bytes(), c.mss + std::uint32_t{has_fin});
    if (!emit_data(c, record.seq, record.seq + bytes)) return false;
    c.flight.retransmitted(flights, id, bytes, now_us);
    if (c.recovery == Recovery::fast) c.congestion.recovery_sent(bytes);
    stats.retransmitted_segments.add();
    c.sent_ms = clock_ms();
    return true;
}

Core::Room Core::room_to_send(const Connection& c) const {
    const std::int32_t left = distance(c.nxt, c.una + c.send_window);
    const std::uint32_t in_network = c.flight.pipe_bytes();
    const std::uint32_t congestion_window = c.congestion.window();
    return {left > 0 ? static_cast<std::uint32_t>(left) : 0,
            congestion_window > in_network ? congestion_window - in_network : 0, in_network == 0};
}

// How many full segments go to the port as one, for it to cut (TSO). One by one in recovery: what
// may be sent there is measured with each.
std::uint32_t Core::segments_at_once(const Connection& c, std::uint32_t most) const {
    const std::uint32_t port_bytes = ports[c.path.port].tso_bytes;
    if (port_bytes < 2u * c.mss || c.recovery != Recovery::none) return 1;
    const Room room = room_to_send(c);
    const std::uint32_t bytes =
        std::min({unsent_bytes(c), room.window, room.congestion, port_bytes});
    return std::clamp(bytes / c.mss, 1u, most);
}

// The size of the next new segment; 0 and no `fin`: none may go now.
std::uint32_t Core::next_new_bytes(Connection& c, bool& fin) {
    fin = fin_unsent(c);
    const std::uint32_t unsent = unsent_bytes(c);
    if (unsent == 0 && !fin) return 0;
    const Room room = room_to_send(c);
    const std::uint32_t wanted = std::min<std::uint32_t>(unsent, c.mss);
    const std::uint32_t bytes = std::min(wanted, room.window);
    fin = fin && bytes == unsent && bytes < room.window;
    if (bytes + std::uint32_t{fin} == 0) return 0;
    // Whole segments, as long as something is out that will make room for one.
    if (room.congestion < bytes && !room.network_empty) {
        fin = false;
        return 0;
    }
    if (bytes == c.mss || fin) return bytes;
    // Sender's silly window avoidance (§3.8.6.2.1); Nagle's rule (§3.7.4) if it is wanted.
    const bool all = bytes == unsent;
    if (all && (!options.nagle || c.flight.empty() || c.fin_queued)) return bytes;
    if (bytes < wanted && c.max_window != 0 && bytes >= c.max_window / 2) return bytes;
    return 0;
}

bool Core::send_new(Connection& c, std::uint32_t bytes, bool fin, std::uint32_t segments) {
    const std::uint32_t end = c.nxt + bytes + std::uint32_t{fin};
    if (!flights.room_for_new()) return false;
    if (!emit_data(c, c.nxt, end)) return false;
    c.flight.sent(flights, c.nxt, end, static_cast<std::uint16_t>(segments), now_us);
    c.nxt = end;
    if (c.recovery == Recovery::fast) c.congestion.recovery_sent(bytes);
    c.sent_ms = clock_ms();
    stats.bytes_out.add(bytes);
    return true;
}

// Those whose write() found the core's blocks used up, and those whose window its receive memory
// keeps shut, hear of it when there is some again. True: more are left than one turn's.
bool Core::feed_needy() {
    const std::uint32_t enough = std::max(limits.send_blocks / 8, kScarceSendBytes / kBlockBytes);
    const bool can_write = blocks.free_blocks() >= std::min(enough, limits.send_blocks);
    const bool can_receive = receive_charged <= limits.core_receive_bytes / 2;
    if (!can_write && !can_receive) return false;
    bool fed = false;
    for (std::uint32_t visits = std::min(needy.size(), 16u); visits != 0; --visits) {
        Connection& c = connections[needy.pop(connections.get())];
        if (c.starved && can_write) {
            c.starved = c.wants_writable = false;
            tell(c, kWritable);
            fed = true;
        }
        if (c.window_cut && can_receive) {
            c.window_cut = false;
            if (still_cut(c) && after(c.rcv_nxt + window(c), c.advertised)) acknowledge_now(c);
            fed = true;
        }
        if (c.starved || c.window_cut) needy.push(connections.get(), index(c));
    }
    return fed && !needy.empty();
}

}  // namespace skerry::net::tcp
