// How large segments may be: MSS (RFC 9293 §3.7.1, RFC 6691), path MTU by what routers say (RFC
// 1191, RFC 8201, believed as RFC 5927 §7 allows), and without them (RFC 4821, RFC 8899 §4.4: black
// holes).
#include <cstring>

#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kHeadersV4 = 40;
constexpr std::uint32_t kHeadersV6 = 60;
constexpr std::uint16_t kLeastMtuV4 = 576;
constexpr std::uint16_t kLeastMtuV6 = 1280;
constexpr std::uint32_t kLeastMss = 64;          // whatever a peer says: less is only work for both
constexpr std::uint64_t kRaiseUs = 600'000'000;  // RFC 1191 §6.3: ten minutes

std::uint32_t headers(const Path& path) {
    return path.peer.is_v4() ? kHeadersV4 : kHeadersV6;
}

}  // namespace

std::uint16_t Core::port_mtu(const Path& path) const {
    return ports[path.port].mtu;
}

std::uint16_t Core::offered_mss(const Path& path) const {
    return static_cast<std::uint16_t>(port_mtu(path) - headers(path));
}

void Core::recompute_mss(Connection& c) {
    std::uint32_t mss = std::min<std::uint32_t>(c.peer_mss, c.path_mtu - headers(c.path));
    if (c.timestamps) mss = mss > kTimestampBytes ? mss - kTimestampBytes : 0;
    mss = std::min(mss, pool_payload_bytes);
    c.mss = static_cast<std::uint16_t>(std::max(mss, kLeastMss));
}

void Core::path_error(const Frame& frame) {
    const std::uint32_t found = table.find(hash_of(frame.path), [&](std::uint32_t i) {
        const Path& p = connections[i].path;
        return p.peer == frame.path.peer && p.local == frame.path.local &&
               p.peer_udp == frame.path.peer_udp && p.local_udp == frame.path.local_udp;
    });
    if (found == kNone) return count(Reason::drop_tcp_icmp);
    Connection& c = connections[found];
    std::uint32_t seq;
    std::memcpy(&seq, frame.payload + 4, sizeof seq);
    seq = __builtin_bswap32(seq);
    // RFC 5927 §4.1: it must be about something that is on its way.
    if (!in_window(seq, c.una, c.nxt - c.una)) return count(Reason::drop_tcp_icmp);
    // RFC 5927 §6, RFC 9293 §3.9.2.2: no error ends a connection.
    if (frame.mtu == 0) return count(Reason::tcp_path_noted);
    const std::uint16_t least = c.path.peer.is_v4() ? kLeastMtuV4 : kLeastMtuV6;
    const std::uint16_t mtu = std::max(frame.mtu, least);
    if (mtu >= c.path_mtu) return count(Reason::drop_tcp_icmp);
    count(Reason::tcp_path_mtu);
    set_path_mtu(c, mtu);
}

void Core::set_path_mtu(Connection& c, std::uint16_t mtu) {
    c.path_mtu = mtu;
    c.path_lowered_ms = clock_ms() | 1;
    recompute_mss(c);
    if (c.state == State::syn_sent || c.state == State::syn_received) return;
    c.congestion.set_mss(c.mss);
    // What was too big did not arrive: again, in pieces, and that is not congestion (RFC 1191
    // §6.5).
    c.flight.lost_if_larger(flights, c.mss + 1u);
    if (c.recovery == Recovery::none && c.flight.lost_bytes() != 0) {
        c.recovery = Recovery::timeout;
        c.recover = c.nxt;
    }
    want_output(c);
    schedule(c);
}

// A second timeout in a row of a full segment: perhaps somebody drops what is large and says
// nothing.
void Core::suspect_black_hole(Connection& c) {
    if (c.flight.empty()) return;
    if (flights[c.flight.first()].bytes() < c.mss) return;
    if (++c.shrinks < 2) return;
    c.shrinks = 0;
    if (c.path_mtu > kLeastMtuV6) {
        set_path_mtu(c, kLeastMtuV6);
    } else if (c.path.peer.is_v4() && c.path_mtu > kLeastMtuV4) {
        set_path_mtu(c, kLeastMtuV4);
    }
}

void Core::raise_path_mtu(Connection& c) {
    if (c.path_lowered_ms == 0 || since_us(c.path_lowered_ms) < kRaiseUs) return;
    c.path_lowered_ms = 0;
    c.path_mtu = port_mtu(c.path);
    recompute_mss(c);
    c.congestion.set_mss(c.mss);
}

}  // namespace skerry::net::tcp
