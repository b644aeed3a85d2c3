// From a free entry of the table to a connection, and back: allocation, what the application is
// told, TIME-WAIT, and every way to end.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/isn.hpp"

namespace skerry::net::tcp {

std::uint32_t Core::hash_of(const Path& path) const {
    return table_hash(table_key, path);
}

// nullptr: the table is full. Whoever has been longest in TIME-WAIT makes room.
Connection* Core::allocate(const Path& path) {
    if (free_list.empty() && !time_waits.empty()) {
        Connection& oldest = connections[time_waits.front()];
        if (oldest.owned) return nullptr;
        finish(oldest, Reason::tcp_closed_recycled);
    }
    if (free_list.empty()) return nullptr;
    const std::uint32_t hash = hash_of(path);
    const std::uint32_t at = free_list.front();
    if (!table.insert(hash, at)) return nullptr;
    free_list.remove(connections.get(), at);
    Connection& c = connections[at];
    const std::uint32_t generation = c.generation;
    c = Connection{};
    c.generation = generation;
    c.used = true;
    c.path = path;
    c.hash = hash;
    c.path_mtu = port_mtu(path);
    c.ts_offset = timestamp_offset(timestamp_key, path);
    c.heard_ms = clock_ms();
    c.sent_ms = clock_ms();
    ++used_count;
    return &c;
}

void Core::tell(Connection& c, std::uint8_t bits) {
    if (!c.owned) return;
    c.event_bits = static_cast<std::uint8_t>(c.event_bits | bits);
    ready_list.push(connections.get(), index(c));
}

void Core::tell_writable(Connection& c) {
    if (c.queue.bytes() > send_limit() / 2 || blocks_scarce()) return;
    c.wants_writable = false;
    c.starved = false;
    tell(c, kWritable);
}

// RFC 9293 §3.6.1. Nothing is left to be sent but acknowledgements.
void Core::enter_time_wait(Connection& c) {
    left(c);
    needy.remove(connections.get(), index(c));
    c.state = State::time_wait;
    c.flight.clear(flights);
    c.queue.clear(blocks);
    c.retransmit = Retransmit::off;
    c.retransmit_due_us = 0;
    c.reorder_due_us = 0;
    c.state_due_us = now_us + options.time_wait_us;
    time_waits.push(connections.get(), index(c));
}

// CLOSED. The application is told, if it knows of the connection; the entry is free when it has
// been, or at once.
void Core::finish(Connection& c, Reason reason) {
    count(reason);
    stats.closed.add();
    left(c);
    if (c.passive && c.state == State::syn_received) --listeners[c.listener].half_open;
    const bool untold = (c.event_bits & kAccepted) != 0;
    if (untold) --listeners[c.listener].backlog;
    Connection* const pool_of = connections.get();
    const std::uint32_t at = index(c);
    table.remove(c.hash, at);
    wheel.cancel(at);
    c.armed_us = 0;
    c.flight.clear(flights);
    c.queue.clear(blocks);
    drop_received(c);
    output_list.remove(pool_of, at);
    if (c.state == State::time_wait) {
        time_waits.remove(pool_of, at);
    } else {
        needy.remove(pool_of, at);
    }
    c.state = State::closed;
    c.reason = reason;
    if (c.owned && !untold) {
        tell(c, kClosed);
    } else {
        free_connection(c);
    }
}

void Core::free_connection(Connection& c) {
    const std::uint32_t at = index(c);
    ready_list.remove(connections.get(), at);
    c.used = false;
    c.owned = false;
    ++c.generation;
    --used_count;
    free_list.push_front(connections.get(), at);
}

}  // namespace skerry::net::tcp
