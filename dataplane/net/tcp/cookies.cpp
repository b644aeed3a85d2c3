// SYN cookies (RFC 4987 §3.6): while a listener has too many half-open connections, everything that
// is to be remembered of a SYN is in the numbers that we answer it with (syn_cookie.hpp).
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/syn_cookie.hpp"

namespace skerry::net::tcp {

bool Core::cookies_wanted(const Listener& listener) const {
    return options.always_cookies || listener.half_open >= limits.half_open ||
           (free_list.empty() && time_waits.empty());
}

// Counts it if not.
bool Core::within_budget(const Path& path) {
    syn_budget.begin(now_us);
    if (syn_budget.spend(syn_budget.hash(syn_tuple(path)))) return true;
    count(Reason::drop_tcp_syn_budget);
    return false;
}

std::uint8_t Core::cookie_mss_of(const Path& path, const Segment& syn) {
    return cookie_mss_index(syn.has_mss         ? syn.mss
                            : path.peer.is_v4() ? kDefaultMssV4
                                                : kDefaultMssV6);
}

Core::CookieNumbers Core::cookie_numbers(const Path& path, const Segment& syn) const {
    return {make_cookie(cookie_key, path, syn.seq, cookie_mss_of(path, syn), now_us),
            timestamp_offset(timestamp_key, path)};
}

bool Core::send_cookie(const Path& path, const Segment& syn, const CookieNumbers& numbers,
                       rte_mbuf* mbuf) {
    count(Reason::tcp_cookie_sent);
    cookie_sent_us = std::max<std::uint64_t>(now_us, 1);
    Segment out;
    out.flags = kSyn | kAck;
    out.seq = numbers.cookie;
    out.ack = syn.seq + 1;
    out.window = static_cast<std::uint16_t>(std::min(limits.connection_receive_bytes, 65535u));
    out.has_mss = true;
    out.mss = offered_mss(path);
    if (options.timestamps && syn.has_timestamp) {
        const bool scaling = options.window_scaling && syn.has_scale;
        out.has_timestamp = true;
        out.ts_echo = syn.ts_value;
        const CookieOptions kept{options.sack && syn.sack_permitted, scaling,
                                 scaling ? syn.scale : std::uint8_t{0}};
        out.ts_value = cookie_timestamp(clock_ms() + numbers.timestamp_offset, kept);
        out.has_scale = scaling;
        out.scale = receive_scale;
        out.sack_permitted = options.sack && syn.sack_permitted;
    }
    return emit_in(mbuf, path, out);
}

// An ACK to a listener, of no connection: the third step of a handshake that was not remembered, or
// a stray. The connection is made as if its SYN had been kept.
bool Core::finish_cookie(const Frame& frame, const Segment& segment, Listener& listener,
                         rte_mbuf* mbuf) {
    // Guesses are looked at only while there is something to guess.
    const bool may_be = cookie_sent_us != 0 && now_us - cookie_sent_us < 2 * kCookieEpochUs;
    const auto mss =
        may_be ? check_cookie(cookie_key, frame.path, segment.seq - 1, segment.ack - 1, now_us)
               : std::nullopt;
    if (!mss) {
        return stray(frame, segment, Reason::drop_tcp_cookie, mbuf);
    }
    if (listener.backlog >= limits.backlog) {
        count(Reason::drop_tcp_backlog);
        return false;
    }
    Connection* c = allocate(frame.path);
    if (c == nullptr) {
        count(Reason::drop_tcp_full);
        return false;
    }
    count(Reason::tcp_cookie_taken);
    Segment syn;
    syn.seq = segment.seq - 1;
    syn.window = segment.window;
    syn.has_mss = true;
    syn.mss = kCookieMss[*mss];
    if (segment.has_timestamp && options.timestamps) {
        const CookieOptions said = cookie_options(segment.ts_echo);
        syn.has_timestamp = true;
        syn.ts_value = segment.ts_value;
        syn.has_scale = said.has_scale;
        syn.scale = said.scale;
        syn.sack_permitted = said.sack;
    }
    c->passive = true;
    c->cookie = true;
    c->listener = static_cast<std::uint8_t>(&listener - listeners.data());
    ++listener.half_open;  // complete_handshake() takes it back
    c->state = State::syn_received;
    c->una = segment.ack - 1;
    c->nxt = segment.ack;
    take_syn(*c, syn);
    begin_progress(*c);
    return process(*c, frame, segment, mbuf);
}

}  // namespace skerry::net::tcp
