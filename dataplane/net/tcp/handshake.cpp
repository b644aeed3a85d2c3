// How connections begin: LISTEN, SYN-SENT, SYN-RECEIVED (RFC 9293 §3.10.7.2, §3.10.7.3), and what
// both sides agree on.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/isn.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {

Listener* Core::listener_of(std::uint16_t port) {
    for (Listener& listener : listeners)
        if (listener.open && listener.port == port) return &listener;
    return nullptr;
}

// A SYN to a listener.
bool Core::begin(const Frame& frame, const Segment& syn, Listener& listener, rte_mbuf* mbuf) {
    if (cookies_wanted(listener))
        return within_budget(frame.path) &&
               send_cookie(frame.path, syn, cookie_numbers(frame.path, syn), mbuf);
    Connection* c = allocate(frame.path);
    if (c == nullptr) {
        count(Reason::drop_tcp_full);
        return false;
    }
    count(Reason::tcp_syn_taken);
    c->passive = true;
    c->listener = static_cast<std::uint8_t>(&listener - listeners.data());
    ++listener.half_open;
    c->state = State::syn_received;
    c->una = initial_sequence(sequence_key, c->path, now_us);
    c->nxt = c->una + 1;
    take_syn(*c, syn);
    c->rtt_of_syn = true;
    c->state_due_us = now_us + options.half_open_us;
    begin_progress(*c);
    emit_syn(*c);
    restart_retransmit_timer(*c);
    schedule(*c);
    return false;
}

// What the peer's SYN says, against what we offer: RFC 7323 §1.3 (each option only if both have
// it), RFC 2018 §2, RFC 9293 §3.7.1 (MSS).
void Core::take_syn(Connection& c, const Segment& syn) {
    c.rcv_nxt = syn.seq + 1;
    c.last_ack = c.rcv_nxt;
    c.advertised = c.rcv_nxt + std::min(limits.connection_receive_bytes, 65535u);
    c.timestamps = options.timestamps && syn.has_timestamp;
    c.sack = options.sack && syn.sack_permitted;
    c.scaling = options.window_scaling && syn.has_scale;
    c.send_scale = c.scaling ? syn.scale : std::uint8_t{0};
    c.receive_scale = c.scaling ? receive_scale : std::uint8_t{0};
    if (c.timestamps) {
        c.ts_recent = syn.ts_value;
        c.ts_recent_s = static_cast<std::uint32_t>(now_us / 1'000'000);
    }
    c.peer_mss = syn.has_mss ? syn.mss : c.path.peer.is_v4() ? kDefaultMssV4 : kDefaultMssV6;
    c.send_window = syn.window;  // of a SYN never scaled (RFC 7323 §2.2)
    c.max_window = syn.window;
    c.wl1 = syn.seq;
    c.wl2 = syn.ack;
    recompute_mss(c);
}

void Core::become_established(Connection& c, std::uint8_t event) {
    c.state = State::established;
    c.congestion.start(options.congestion, c.mss);
    // RFC 6928 §2: not after a SYN was lost. RFC 6298 §5.7 on the timeout.
    if (!c.rtt_of_syn && !c.cookie) {
        c.congestion.syn_was_lost();
        c.rto.syn_was_lost = c.rto.srtt_us == 0;
    }
    c.rto.reset_backoff();
    c.retransmit = Retransmit::off;
    c.retransmit_due_us = 0;
    c.state_due_us = 0;
    begin_progress(c);
    c.sent_ms = clock_ms();
    c.recover = c.una;
    restart_keep_alive(c);
    if (c.passive) c.owned = true;
    if (c.fin_queued) c.state = State::fin_wait_1;  // shutdown() came first
    tell(c, event);
    if (c.queue.bytes() != 0 || c.fin_queued) want_output(c);
}

// The timer of the state says when the SYN was sent.
std::uint32_t Core::round_trip_of_syn(const Connection& c) const {
    const std::uint64_t limit_us = c.passive ? options.half_open_us : options.connect_us;
    return static_cast<std::uint32_t>(now_us + limit_us - c.state_due_us);
}

// RFC 6298 §3: a SYN that was sent twice is no sample, unless a timestamp tells which one was
// answered.
void Core::sample_handshake(Connection& c, const Segment& segment) {
    if (c.rtt_of_syn) {
        c.rto.sample(round_trip_of_syn(c));
    } else if (c.timestamps && segment.has_timestamp && segment.ts_echo != 0) {
        const std::uint32_t ms = timestamp_now(c) - segment.ts_echo;
        if (ms < kMaxRtoUs / 1000) c.rto.sample(ms * 1000);
    }
}

// False: its source may have no more of them, and this one is over.
bool Core::admitted(Connection& c, const Segment& segment) {
    if (gate.admit == nullptr || gate.admit(gate.context, index(c), c.path)) return true;
    if (resets.allow(now_us, limits.resets_per_second)) reset(c.path, segment, nullptr);
    finish(c, Reason::tcp_closed_source);
    return false;
}

// Step 5 in SYN-RECEIVED. false: dropped.
bool Core::complete_handshake(Connection& c, const Frame& frame, const Segment& segment) {
    if (segment.ack != c.nxt) {
        count(Reason::drop_tcp_ack);
        if (resets.allow(now_us, limits.resets_per_second)) reset(frame.path, segment, nullptr);
        return false;
    }
    if (c.passive) {
        Listener& listener = listeners[c.listener];
        if (listener.backlog >= limits.backlog) {
            count(Reason::drop_tcp_backlog);
            return false;
        }
        if (!admitted(c, segment)) return false;
        --listener.half_open;
        ++listener.backlog;
    }
    c.una = segment.ack;
    c.send_window = std::uint32_t{segment.window} << c.send_scale;
    c.max_window = std::max(c.max_window, c.send_window);
    c.wl1 = segment.seq;
    c.wl2 = segment.ack;
    sample_handshake(c, segment);
    (c.passive ? stats.accepted : stats.connected).add();
    become_established(c, c.passive ? kAccepted : kConnected);
    return true;
}

// RFC 9293 §3.10.7.3.
bool Core::in_syn_sent(Connection& c, const Segment& segment, rte_mbuf* mbuf) {
    if (segment.has(kAck) && segment.ack != c.nxt) {
        count(Reason::drop_tcp_ack);
        if (!segment.has(kRst) && resets.allow(now_us, limits.resets_per_second))
            reset(c.path, segment, nullptr);
        return false;
    }
    if (segment.has(kRst)) {
        if (segment.has(kAck)) {
            finish(c, Reason::tcp_closed_refused);
        } else {
            count(Reason::drop_tcp_stray);
        }
        return false;
    }
    if (!segment.has(kSyn)) {
        count(Reason::drop_tcp_flags);
        return false;
    }
    take_syn(c, segment);
    heard(c);
    if (!segment.has(kAck)) {  // simultaneous open
        count(Reason::tcp_syn_taken);
        c.state = State::syn_received;
        emit_syn(c);
        restart_retransmit_timer(c);
        schedule(c);
        return false;
    }
    count(Reason::tcp_taken);
    c.una = segment.ack;
    sample_handshake(c, segment);
    stats.connected.add();
    become_established(c, kConnected);
    acknowledge_now(c);
    Segment rest = segment;  // data with a SYN is allowed, if rare
    rest.flags = static_cast<std::uint8_t>(rest.flags & ~kSyn);
    ++rest.seq;
    const bool kept = take_payload(c, rest, mbuf);
    if (c.used && c.state != State::closed) schedule(c);
    return kept;
}

Handle Core::connect(const Connect& to, std::uint64_t now) {
    now_us = std::max(now_us, now);
    if (to.port >= ports.size() || to.local.is_v4() != to.peer.is_v4() || to.peer_port == 0)
        return {};
    Path path;
    path.local = to.local;
    path.peer = to.peer;
    path.peer_mac = to.next_hop;
    path.vlan_tci = to.vlan_tci;
    path.port = to.port;
    path.peer_udp = to.peer_port;
    path.local_udp = to.local_port;
    if (to.local_port == 0 && !choose_port(path)) return {};
    if (to.local_port != 0 && taken(path)) return {};
    Connection* c = allocate(path);
    if (c == nullptr) return {};
    c->owned = true;
    c->tag = to.tag;
    c->state = State::syn_sent;
    c->una = initial_sequence(sequence_key, c->path, now_us);
    c->nxt = c->una + 1;
    c->peer_mss = path.peer.is_v4() ? kDefaultMssV4 : kDefaultMssV6;
    recompute_mss(*c);
    c->rtt_of_syn = true;
    begin_progress(*c);
    c->state_due_us = now_us + options.connect_us;
    emit_syn(*c);
    restart_retransmit_timer(*c);
    schedule(*c);
    return {index(*c), c->generation};
}

bool Core::taken(const Path& path) const {
    return table.find(hash_of(path), [&](std::uint32_t i) {
        const Path& other = connections[i].path;
        return other.peer_udp == path.peer_udp && other.local_udp == path.local_udp &&
               other.peer == path.peer && other.local == path.local;
    }) != kNone;
}

// RFC 6056 §3.3.3: from a place that depends on the destination and that nobody else can know.
bool Core::choose_port(Path& path) {
    constexpr std::uint32_t kTries = 64;
    const std::uint32_t range = std::uint32_t{options.ephemeral_last} - options.ephemeral_first + 1;
    path.local_udp = 0;
    const std::uint32_t start = hash_of(path);
    for (std::uint32_t i = 0; i < kTries; ++i) {
        const std::uint32_t at = (start + next_ephemeral++) % range;
        path.local_udp = static_cast<std::uint16_t>(options.ephemeral_first + at);
        if (!taken(path)) return true;
    }
    return false;
}

}  // namespace skerry::net::tcp
