// Segments that have arrived, RFC 9293 §3.10.7: to which connection, whether in the window, and
// then step by step.
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/isn.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
namespace {

// Looked up together, so that one's memory comes while others are computed.
constexpr std::size_t kInputAhead = 32;

// RFC 7323 §5.5: after 24 days a timestamp says nothing any more.
constexpr std::uint32_t kTimestampLifeS = 24 * 24 * 3600;

bool same(const Path& a, const Path& b) {
    return a.peer_udp == b.peer_udp && a.local_udp == b.local_udp && a.peer == b.peer &&
           a.local == b.local;
}

}  // namespace

void Core::input(std::span<const Arrived> burst, std::uint64_t now) {
    now_us = std::max(now_us, now);
    std::array<Sought, kInputAhead> sought;
    while (!burst.empty()) {
        const auto some = burst.first(std::min<std::size_t>(burst.size(), kInputAhead));
        fetch(some, sought);
        const std::uint64_t changes = table.changes();
        for (std::size_t i = 0; i < some.size(); ++i) {
            sought[i].is_new = !sought[i].likely && table.changes() == changes;
            if (!input(some[i].mbuf, some[i].frame, sought[i])) rte_pktmbuf_free(some[i].mbuf);
        }
        burst = burst.subspan(some.size());
    }
}

// Where each of them is to be looked for; and that is on its way into the cache, since with many
// connections, or many who are none, it is not there.
void Core::fetch(std::span<const Arrived> some, std::span<Sought> sought) const {
    for (std::size_t i = 0; i < some.size(); ++i) {
        sought[i].hash = hash_of(some[i].frame.path);
        table.prefetch(sought[i].hash);
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
        const std::uint32_t likely = table.find(sought[i].hash, [](std::uint32_t) { return true; });
        sought[i].likely = likely != kNone;
        if (likely == kNone) continue;
        const auto* at = reinterpret_cast<const char*>(&connections[likely]);
        for (std::size_t line = 0; line < sizeof(Connection); line += 64)
            __builtin_prefetch(at + line, 1);
    }
}

bool Core::input(rte_mbuf* mbuf, const Frame& frame, const Sought& sought) {
    if (frame.kind == FrameKind::tcp_error) {
        path_error(frame);
        return false;
    }
    Segment segment;
    stats.segments_in.add();
    if (!parse(frame.payload, frame.payload_bytes, segment)) {
        count(Reason::drop_tcp_header);
        return false;
    }
    if (sought.is_new) return without_connection(frame, segment, mbuf);
    const std::uint32_t found = table.find(
        sought.hash, [&](std::uint32_t i) { return same(connections[i].path, frame.path); });
    return found == kNone ? without_connection(frame, segment, mbuf)
                          : process(connections[found], frame, segment, mbuf);
}

// RFC 9293 §3.10.7.1 and §3.10.7.2.
bool Core::without_connection(const Frame& frame, const Segment& segment, rte_mbuf* mbuf) {
    if (segment.has(kRst)) {
        count(Reason::drop_tcp_stray);
        return false;
    }
    Listener* listener = listener_of(segment.destination);
    if (listener == nullptr) {
        return stray(frame, segment,
                     segment.has(kSyn) && !segment.has(kAck) ? Reason::drop_tcp_listener
                                                             : Reason::drop_tcp_stray,
                     mbuf);
    }
    if (segment.has(kAck)) {
        if (segment.has(kSyn)) return stray(frame, segment, Reason::drop_tcp_stray, mbuf);
        return finish_cookie(frame, segment, *listener, mbuf);
    }
    if (!segment.has(kSyn) || segment.has(kFin)) {
        count(Reason::drop_tcp_flags);
        return false;
    }
    return begin(frame, segment, *listener, mbuf);
}

bool Core::process(Connection& c, const Frame& frame, const Segment& segment, rte_mbuf* mbuf) {
    if (c.state == State::syn_sent) return in_syn_sent(c, segment, mbuf);
    if (c.state == State::time_wait && new_incarnation(c, segment)) {
        Listener* listener = listener_of(segment.destination);
        finish(c, Reason::tcp_closed_done);
        return listener != nullptr && begin(frame, segment, *listener, mbuf);
    }
    Segment in = segment;
    // RFC 9293 §3.5, figure 8: in a simultaneous open the peer's SYN-ACK repeats the SYN that has
    // been taken; what is new is its acknowledgement.
    if (c.state == State::syn_received && in.has(kSyn) && in.has(kAck) && in.seq + 1 == c.rcv_nxt &&
        in.ack == c.nxt && !c.passive) {
        in.flags = static_cast<std::uint8_t>(in.flags & ~kSyn);
        ++in.seq;
    }
    if (!acceptable(c, in) || !check_reset_and_syn(c, in)) return false;
    if (!in.has(kAck)) {
        count(Reason::drop_tcp_flags);
        return false;
    }
    if (c.state == State::syn_received && !complete_handshake(c, frame, in)) return false;
    c.path.peer_mac = frame.path.peer_mac;
    c.path.vlan_tci = frame.path.vlan_tci;
    heard(c);
    if (!acknowledge(c, in)) return false;
    count(Reason::tcp_taken);
    const bool kept = take_payload(c, in, mbuf);
    if (c.used && c.state != State::closed) schedule(c);
    return kept;
}

// RFC 6191 §2, and RFC 9293 §3.10.7.4 on TIME-WAIT: a SYN that can't be an old duplicate begins a
// new connection.
bool Core::new_incarnation(const Connection& c, const Segment& segment) const {
    if (!segment.has(kSyn) || segment.has(kAck) || segment.has(kRst) || segment.has(kFin))
        return false;
    if (c.timestamps && segment.has_timestamp)
        return after(segment.ts_value, c.ts_recent) ||
               (segment.ts_value == c.ts_recent && after(segment.seq, c.rcv_nxt));
    return after(segment.seq, c.rcv_nxt);
}

// RFC 9293 §3.10.7.4 step 1, after RFC 7323 §5.3.
bool Core::acceptable(Connection& c, const Segment& segment) {
    if (c.timestamps && !segment.has(kRst)) {
        // RFC 7323 §3.2: once agreed on, every segment must have one.
        if (!segment.has_timestamp) {
            count(Reason::drop_tcp_old_timestamp);
            return false;
        }
        const auto age_s = static_cast<std::uint32_t>(now_us / 1'000'000) - c.ts_recent_s;
        if (before(segment.ts_value, c.ts_recent) && age_s < kTimestampLifeS) {
            count(Reason::drop_tcp_old_timestamp);
            answer_unacceptable(c, segment);
            return false;
        }
    }
    const std::uint32_t window_bytes = c.advertised - c.rcv_nxt;
    const std::uint32_t length = segment.length();
    const bool starts_inside = in_window(segment.seq, c.rcv_nxt, window_bytes);
    const bool inside = length == 0
                            ? segment.seq == c.rcv_nxt || starts_inside
                            : starts_inside ||
                                  in_window(segment.seq + length - 1, c.rcv_nxt, window_bytes) ||
                                  // Covers the window from before it to behind it.
                                  (window_bytes != 0 && before(segment.seq, c.rcv_nxt) &&
                                   after(segment.seq + length, c.rcv_nxt));
    if (inside) return true;
    count(Reason::drop_tcp_window);
    if (segment.has(kRst)) return false;
    // Zero window: acknowledgements, and resets that are exact, are taken all the same (§3.10.7.4).
    if (window_bytes == 0 && segment.has(kAck) && segment.seq == c.rcv_nxt &&
        c.state != State::syn_received && c.state != State::time_wait)
        acknowledge(c, segment);
    if (c.used && c.state != State::closed) answer_unacceptable(c, segment);
    return false;
}

// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. What carried bytes (a retransmission, a probe of our window)
// is always answered: the peer paid a packet for it. What did not might be such an answer itself,
// so two who disagree would go on for ever: rationed.
void Core::answer_unacceptable(Connection& c, const Segment& segment) {
    if (c.state == State::syn_received && segment.has(kSyn) && segment.seq + 1 == c.rcv_nxt) {
        emit_syn(c);
        return;
    }
    if (segment.payload_bytes != 0 && c.sack &&
        at_or_before(segment.seq + segment.payload_bytes, c.rcv_nxt)) {
        c.dsack = {segment.seq, segment.seq + segment.payload_bytes};
        c.has_dsack = true;
    }
    if (segment.has(kFin) && c.state == State::time_wait) {
        c.state_due_us = now_us + options.time_wait_us;  // §3.10.7.4: restart 2 MSL
        schedule(c);
    }
    // A keep-alive probe is one before what is expected (RFC 9293 §3.8.4).
    if (segment.length() != 0 || segment.seq == c.rcv_nxt - 1) {
        emit_ack(c);
    } else {
        challenge(c);
    }
}

// Steps 2 and 4. false: there is nothing more to do with it.
bool Core::check_reset_and_syn(Connection& c, const Segment& segment) {
    if (segment.has(kRst)) {
        if (c.state == State::time_wait) {  // RFC 1337 §3: a reset does not end TIME-WAIT
            count(Reason::drop_tcp_window);
            return false;
        }
        // RFC 5961 §3.2: only an exact one is believed.
        if (segment.seq != c.rcv_nxt) {
            count(Reason::drop_tcp_challenged);
            challenge(c);
            return false;
        }
        finish(c, c.state != State::syn_received ? Reason::tcp_closed_reset
                  : c.passive                    ? Reason::tcp_closed_handshake
                                                 : Reason::tcp_closed_refused);
        return false;
    }
    if (segment.has(kSyn)) {  // RFC 5961 §4.2
        count(Reason::drop_tcp_challenged);
        challenge(c);
        return false;
    }
    return true;
}

bool Core::stray(const Frame& frame, const Segment& segment, Reason reason, rte_mbuf* mbuf) {
    if (!resets.allow(now_us, limits.resets_per_second)) {
        count(Reason::drop_tcp_rate);
        return false;
    }
    count(reason);
    return reset(frame.path, segment, mbuf);
}

// RFC 9293 §3.10.7.1: the reset that answers a segment of no connection.
bool Core::reset(const Path& path, const Segment& segment, rte_mbuf* mbuf) {
    Segment out;
    out.flags = kRst;
    if (segment.has(kAck)) {
        out.seq = segment.ack;
    } else {
        out.flags = kRst | kAck;
        out.ack = segment.seq + segment.length();
    }
    return emit_in(mbuf, path, out);
}

void Core::heard(Connection& c) {
    c.heard_ms = clock_ms();
    c.keep_alives = 0;
}

}  // namespace skerry::net::tcp
