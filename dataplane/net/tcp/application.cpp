// What the application does with a connection (RFC 9293 §3.9.1): write, read, shut, close, abort;
// and how it is told.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {

bool Core::listen(std::uint16_t port) {
    if (listener_of(port) != nullptr) return true;
    for (Listener& listener : listeners)
        // One whose handshakes are still going on keeps its place.
        if (!listener.open && listener.half_open == 0 && listener.backlog == 0) {
            listener = {.port = port, .open = true};
            return true;
        }
    return false;
}

void Core::unlisten(std::uint16_t port) {
    if (Listener* listener = listener_of(port)) listener->open = false;
}

std::uint32_t Core::poll(std::span<Event> events) {
    std::uint32_t n = 0;
    for (std::uint32_t visits = ready_list.size(); visits != 0 && n < events.size(); --visits) {
        const std::uint32_t at = ready_list.pop(connections.get());
        Connection& c = connections[at];
        events[n++] = {{at, c.generation}, c.event_bits, c.reason, c.path.local_udp, c.tag};
        if ((c.event_bits & kAccepted) != 0) --listeners[c.listener].backlog;
        const bool over = (c.event_bits & kClosed) != 0;
        c.event_bits = 0;
        if (over) free_connection(c);
    }
    return n;
}

std::uint32_t Core::room(const Connection& c) const {
    if (c.write_closed || c.state == State::closed || c.state == State::time_wait) return 0;
    const std::uint32_t most = send_limit();
    const std::uint32_t left = most > c.queue.bytes() ? most - c.queue.bytes() : 0;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(left, std::uint64_t{blocks.free_blocks()} * kBlockBytes));
}

std::uint32_t Core::send_limit() const {
    return blocks.free_blocks() >= limits.send_blocks / 2
               ? limits.connection_send_bytes
               : std::min(limits.connection_send_bytes, kScarceSendBytes);
}

// There are too few to let a connection write half of what it may when they are scarce.
bool Core::blocks_scarce() const {
    return blocks.free_blocks() < std::min(limits.send_blocks, kScarceSendBytes / 2 / kBlockBytes);
}

std::uint32_t Core::write(Connection& c, std::span<const std::uint8_t> bytes) {
    const std::uint32_t most = room(c);
    if (c.queue.bytes() == 0) begin_progress(c);
    const std::uint32_t taken_bytes =
        c.queue.append(blocks, bytes.first(std::min<std::size_t>(bytes.size(), most)));
    if (taken_bytes < bytes.size()) want_writable(c);
    if (taken_bytes != 0) want_output(c);
    return taken_bytes;
}

void Core::want_writable(Connection& c) {
    if (c.write_closed || c.state == State::closed || c.state == State::time_wait) return;
    c.wants_writable = true;
    // Its own acknowledgements will not tell it, if the core's blocks are what is missing.
    if (blocks_scarce()) {
        c.starved = true;
        needy.push(connections.get(), index(c));
    }
    tell_writable(c);
}

// RFC 9293 §3.10.4: the FIN goes behind what has been written.
void Core::shutdown(Connection& c) {
    if (c.write_closed || c.state == State::closed || c.state == State::time_wait) return;
    if (c.queue.bytes() == 0) begin_progress(c);
    c.write_closed = true;
    c.fin_queued = true;
    c.wants_writable = false;
    if (c.state == State::established) {
        c.state = State::fin_wait_1;
    } else if (c.state == State::close_wait) {
        c.state = State::last_ack;
    }
    want_output(c);
}

void Core::close(Connection& c) {
    if (c.state == State::closed) return free_connection(c);
    if (c.state == State::syn_sent) return abort(c, Reason::tcp_closed_aborted);
    if (c.received.bytes != 0 || c.reassembly.mbufs != 0)
        return abort(c, Reason::tcp_closed_unread);
    shutdown(c);
    disown(c);
    if (c.state == State::fin_wait_2) {
        c.state_due_us = now_us + options.fin_wait_us;
        schedule(c);
    }
}

// RFC 9293 §3.10.5.
void Core::abort(Connection& c, Reason reason) {
    if (c.state == State::closed) return free_connection(c);
    const bool silent = c.state == State::syn_sent || c.state == State::time_wait;
    if (!silent) emit_reset(c);
    disown(c);
    finish(c, reason);
}

// The handle is dead: nothing will be told any more.
void Core::disown(Connection& c) {
    if ((c.event_bits & kAccepted) != 0) --listeners[c.listener].backlog;
    c.event_bits = 0;
    ready_list.remove(connections.get(), index(c));
    if (c.state != State::time_wait) needy.remove(connections.get(), index(c));
    if (c.owned) ++c.generation;
    c.owned = false;
}

Info Core::info(const Connection& c) const {
    Info info;
    info.state = c.state;
    info.path = c.path;
    info.mss = c.mss;
    info.smoothed_rtt_us = c.rto.srtt_us;
    info.rto_us = c.rto.rto_us(options.min_rto_us);
    info.congestion_window = c.congestion.window();
    info.in_flight_bytes = c.flight.pipe_bytes();
    info.send_window = c.send_window;
    info.receive_window = after(c.advertised, c.rcv_nxt) ? c.advertised - c.rcv_nxt : 0;
    info.unread_bytes = c.received.bytes;
    info.unsent_bytes = unsent_bytes(c);
    info.kept_bytes = c.queue.bytes();
    return info;
}

void Core::update_gauges() {
    stats.connections.set(used_count);
    stats.time_waits.set(time_waits.size());
    stats.ready.set(ready_list.size());
    stats.receive_bytes.set(receive_charged);
    stats.send_blocks_used.set(limits.send_blocks - blocks.free_blocks());
    stats.flights_used.set(limits.flights - flights.free_count());
    stats.reassembly_mbufs.set(reassembly_mbufs);
}

}  // namespace skerry::net::tcp
