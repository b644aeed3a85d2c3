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
    const std::size_t count = read_asked(some, keep_to_budget(some), port);
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

// Finds those that look like SYNs; how many are left to be answered. One that is not is dropped
// before anything but its tuple has been read.
std::size_t Core::keep_to_budget(std::span<rte_mbuf*> some) {
    std::size_t likely = 0;
    for (std::size_t i = 0; i < some.size(); ++i) {
        asked.likely[likely] = static_cast<std::uint8_t>(i);
        likely += may_be_syn(some[i]) ? 1 : 0;
    }
    syn_budget.begin(now_us);
    if (syn_budget.spend_all(static_cast<std::uint32_t>(likely))) return likely;
    std::size_t tuples = 0;
    for (const std::uint8_t at : std::span(asked.likely).first(likely)) {
        SynTuple syn;
        if (!read_syn_tuple(some[at], syn)) continue;
        const Listener* listener = listener_of(syn.local_port());
        if (listener == nullptr || !cookies_wanted(*listener)) continue;
        asked.hashes[tuples] = syn_budget.hash(syn);
        syn_budget.prefetch(asked.hashes[tuples]);
        asked.likely[tuples++] = at;
    }
    std::size_t left = 0;
    for (std::size_t i = 0; i < tuples; ++i) {
        const std::uint8_t at = asked.likely[i];
        asked.likely[left] = at;
        if (syn_budget.spend(asked.hashes[i])) {
            ++left;
        } else {
            rte_pktmbuf_free(std::exchange(some[at], nullptr));
        }
    }
    counters.count(Reason::drop_tcp_syn_budget, tuples - left);
    stats.segments_in.add(tuples - left);
    return left;
}

// Of the `likely` ones, those that a listener would answer with cookies. How many.
std::size_t Core::read_asked(std::span<rte_mbuf* const> some, std::size_t likely,
                             std::uint8_t port) {
    std::size_t count = 0;
    for (const std::uint8_t at : std::span(asked.likely).first(likely)) {
        Asked::Syn& syn = asked.syns[count];
        if (!read_plain_syn(some[at], port, ports[port], syn.plain)) continue;
        const Path& path = syn.plain.path;
        const Listener* listener = listener_of(path.local_udp);
        if (listener == nullptr || !cookies_wanted(*listener) ||
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
