// The short way for SYNs under pressure (RFC 4987 §3.6). A flood's SYNs come between the segments
// of connections, and what is looked at in turns with other things is slow: here they are taken out
// of their burst, and each step is done for all of them before the next.
#include <algorithm>
#include <array>
#include <memory>

#include "dataplane/net/plain_syn.hpp"
#include "dataplane/net/siphash_columns.hpp"
#include "dataplane/net/tcp/core.hpp"
#include "dataplane/net/tcp/syn_cookie.hpp"

namespace skerry::net::tcp {
namespace {

constexpr std::size_t kAtOnce = Asked::kAtOnce;

std::uint64_t ports_of(const Path& path) {
    return std::uint64_t{path.local_udp} << 16 | path.peer_udp;
}

}  // namespace

bool Core::any_wants_cookies() const {
    return std::any_of(listeners.begin(), listeners.end(), [&](const Listener& listener) {
        return listener.open && cookies_wanted(listener);
    });
}

std::size_t Core::answer_flood(std::span<rte_mbuf*> burst, std::uint8_t port, std::uint64_t now) {
    if (!any_wants_cookies()) return burst.size();
    now_us = std::max(now_us, now);
    for (std::span left = burst; !left.empty();) {
        const auto some = left.first(std::min(left.size(), kAtOnce));
        answer_some(some, port);
        left = left.subspan(some.size());
    }
    return static_cast<std::size_t>(std::remove(burst.begin(), burst.end(), nullptr) -
                                    burst.begin());
}

// Leaves nullptr where one was answered.
void Core::answer_some(std::span<rte_mbuf*> some, std::uint8_t port) {
    const std::size_t count = read_asked(some, port);
    if (count == 0) return;
    seek(count);
    number(count);  // meanwhile the table's lines come
    for (std::size_t i = 0; i < count; ++i) {
        // What may be of a connection (RFC 5961 §4, RFC 6191) comes after what came before it.
        if (table.find(asked.places[i], [](std::uint32_t) { return true; }) != kNone) continue;
        const Asked::Syn& syn = asked.syns[i];
        stats.segments_in.add();
        rte_mbuf* mbuf = std::exchange(some[syn.at], nullptr);
        const CookieNumbers numbers{static_cast<std::uint32_t>(asked.hashes[i]),
                                    static_cast<std::uint32_t>(asked.offsets[i])};
        if (!send_cookie(syn.plain.path, syn.segment, numbers, mbuf)) rte_pktmbuf_free(mbuf);
    }
}

// Those that a listener would answer with cookies. How many.
std::size_t Core::read_asked(std::span<rte_mbuf* const> some, std::uint8_t port) {
    std::array<std::uint8_t, kAtOnce> likely;
    std::size_t likely_count = 0;
    for (std::size_t i = 0; i < some.size(); ++i) {
        likely[likely_count] = static_cast<std::uint8_t>(i);
        likely_count += may_be_syn(some[i]) ? 1 : 0;
    }
    std::size_t count = 0;
    for (const std::uint8_t at : std::span(likely).first(likely_count)) {
        Asked::Syn& syn = asked.syns[count];
        if (!read_plain_syn(some[at], port, ports[port], syn.plain)) continue;
        const Path& path = syn.plain.path;
        const auto listener = std::find_if(
            listeners.begin(), listeners.end(),
            [&](const Listener& one) { return one.open && one.port == path.local_udp; });
        if (listener == listeners.end() || !cookies_wanted(*listener) ||
            !parse(syn.plain.tcp, syn.plain.tcp_bytes, syn.segment))
            continue;
        syn.at = at;
        syn.v4 = path.peer.is_v4();
        asked.addresses[count] =
            std::uint64_t{path.local.v4_network_order()} << 32 | path.peer.v4_network_order();
        asked.ports[count] = ports_of(path);
        asked.last[count] = sip_padding(2);
        ++count;
    }
    return count;
}

// hash_of() of each, in `places`.
void Core::seek(std::size_t count) {
    const std::uint64_t* const columns[] = {asked.addresses.data(), asked.ports.data(),
                                            asked.last.data()};
    siphash_columns_of_table(table_key, columns, std::span(asked.hashes).first(count));
    for (std::size_t i = 0; i < count; ++i) {
        const Asked::Syn& syn = asked.syns[i];
        asked.places[i] =
            syn.v4 ? static_cast<std::uint32_t>(asked.hashes[i]) : hash_of(syn.plain.path);
        table.prefetch(asked.places[i]);
    }
}

// cookie_numbers() of each: the cookie instead of its hash.
void Core::number(std::size_t count) {
    const std::uint64_t epoch = now_us / kCookieEpochUs;
    for (std::size_t i = 0; i < count; ++i) {
        const Asked::Syn& syn = asked.syns[i];
        asked.ports[i] = std::uint64_t{syn.segment.seq} << 32 | ports_of(syn.plain.path);
        asked.last[i] = sip_tail(2, cookie_tail(epoch, cookie_mss_of(syn.plain.path, syn.segment)));
    }
    const std::uint64_t* const columns[] = {asked.addresses.data(), asked.ports.data(),
                                            asked.last.data()};
    siphash_columns(cookie_key, columns, std::span(asked.hashes).first(count));
    asked.last.fill(sip_padding(1));
    const std::uint64_t* const of_hosts[] = {asked.addresses.data(), asked.last.data()};
    siphash_columns(timestamp_key, of_hosts, std::span(asked.offsets).first(count));
    for (std::size_t i = 0; i < count; ++i) {
        const Asked::Syn& syn = asked.syns[i];
        const std::uint8_t mss = cookie_mss_of(syn.plain.path, syn.segment);
        asked.hashes[i] = cookie_from(asked.hashes[i], epoch, mss);
        if (syn.v4) continue;
        const CookieNumbers numbers = cookie_numbers(syn.plain.path, syn.segment);
        asked.hashes[i] = numbers.cookie;
        asked.offsets[i] = numbers.timestamp_offset;
    }
}

}  // namespace skerry::net::tcp
