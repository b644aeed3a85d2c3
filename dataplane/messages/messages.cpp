#include "dataplane/messages/messages.hpp"

#include "dataplane/dedup/dedup.hpp"
#include "dataplane/reply/replies.hpp"

namespace skerry {
namespace {

bool is_answer(const wire::Header& header) {
    const auto kind = static_cast<wire::Kind>(header.kind);
    return kind != wire::Kind::invoke && kind != wire::Kind::probe && kind != wire::Kind::cancel;
}

}  // namespace

std::uint32_t Messages::take(std::span<Datagram> datagrams, Arrival* arrivals) {
    std::uint32_t sorted = 0;
    cancel_count_ = 0;
    for (Datagram& datagram : datagrams)
        if (sort(datagram, arrivals[sorted])) ++sorted;
    std::uint32_t admitted = 0;
    for (std::uint32_t i = 0; i < sorted; ++i) {
        if (!admit(arrivals[i])) continue;
        if (admitted != i) arrivals[admitted] = arrivals[i];
        ++admitted;
    }
    return admitted;
}

// True: a well-formed invocation, with everything that admit() reads on its way into the cache.
bool Messages::sort(Datagram& datagram, Arrival& arrival) {
    wire::Header* header = datagram.header();
    if (datagram.frame.fragment) [[unlikely]] {
        on_fragment(datagram);
        return false;
    }
    const wire::ParseError error = wire::validate(header, datagram.bytes());
    // The return ports are for what regions answer; nobody is served there.
    if (datagram.path().local_udp != context_.shared.server.udp_port &&
        (error != wire::ParseError::none || !is_answer(*header))) [[unlikely]] {
        context_.counters.count(Reason::drop_udp_port);
        rte_pktmbuf_free(datagram.mbuf);
        return false;
    }
    if (error == wire::ParseError::none) [[likely]] {
        switch (static_cast<wire::Kind>(header->kind)) {
            case wire::Kind::invoke:
                if (!context_.shared.server.may_invoke(datagram.path().peer)) [[unlikely]] {
                    refuse(context_, datagram.mbuf, header, datagram.path(),
                           Reason::refused_datagram);
                    return false;
                }
                // Field by field: a temporary would be copied before its writes have arrived.
                arrival.mbuf = datagram.mbuf;
                arrival.header = header;
                arrival.target = context_.snapshot->prefetch_cell(header->function_key.get(),
                                                                  header->qualifier.get());
                arrival.tag = context_.cache.tag(
                    datagram.path(), {header->request_id_hi.get(), header->request_id_lo.get()});
                if (is_elsewhere(datagram, arrival.tag)) return false;
                arrival.cache_entry = 0;
                arrival.dedup_entry = kNoDedup;
                arrival.exchange = kNoExchange;
                arrival.deadline_us = header->deadline_us.get();
                arrival.path = datagram.path();
                __builtin_prefetch(arrival.target);
                context_.cache.prefetch(arrival.tag);
                return true;
            case wire::Kind::reply:
            case wire::Kind::accepted:
            case wire::Kind::challenge:
                to_forwarder(datagram);
                return false;
            case wire::Kind::cancel:
                on_cancel(datagram);
                return false;
            case wire::Kind::probe:
                prober_.on_probe(datagram);
                return false;
            case wire::Kind::probe_reply:
                // Core 0 sends all probes; their replies may come to any core.
                if (context_.core == 0) {
                    prober_.on_probe_reply(datagram);
                } else {
                    hand_over(datagram.mbuf, 0);
                }
                return false;
        }
    }
    // Only what claims to be a request is answered: two servers must never answer each other's
    // errors.
    const bool ours =
        error == wire::ParseError::bad_version || error == wire::ParseError::bad_length;
    if (ours && header->kind == static_cast<std::uint8_t>(wire::Kind::invoke)) {
        refuse(context_, datagram.mbuf, header, datagram.path(),
               error == wire::ParseError::bad_version ? Reason::refused_bad_version
                                                      : Reason::refused_bad_message);
        return false;
    }
    context_.counters.count(Reason::drop_not_skerry);
    rte_pktmbuf_free(datagram.mbuf);
    return false;
}

// A request that came in fragments was larger than a packet. Its header is in the first one, which
// is all that is looked at: whoever sent it is told, with less than it sent.
void Messages::on_fragment(Datagram& datagram) {
    const wire::ParseError error = wire::validate(datagram.header(), datagram.bytes());
    if (error == wire::ParseError::bad_length &&
        datagram.header()->kind == static_cast<std::uint8_t>(wire::Kind::invoke)) {
        refuse(context_, datagram.mbuf, datagram.header(), datagram.path(),
               Reason::refused_too_large);
        return;
    }
    context_.counters.count(Reason::drop_fragment);
    rte_pktmbuf_free(datagram.mbuf);
}

// Copies of a request must meet in one cache, and what cancels it, too. A port that does not keep a
// source on one queue (a kernel's packet fan-out, under pressure) leaves the choice to us. True: it
// has been handed over.
bool Messages::is_elsewhere(const Datagram& datagram, std::uint64_t tag) {
    const ServerInfo& server = context_.shared.server;
    if (server.ports[datagram.path().port].sticky) [[likely]]
        return false;
    const auto owner = static_cast<std::uint32_t>(tag % server.core_count);
    if (owner == context_.core) return false;
    hand_over(datagram.mbuf, owner);
    return true;
}

// Never answered: who sent it does not wait.
void Messages::on_cancel(Datagram& datagram) {
    const wire::Header& header = *datagram.header();
    const std::uint64_t tag = context_.cache.tag(
        datagram.path(), {header.request_id_hi.get(), header.request_id_lo.get()});
    if (is_elsewhere(datagram, tag)) return;
    if (!cookie_is_good(datagram.path().peer, header.cookie.get())) {
        context_.counters.count(Reason::drop_cancel);
    } else if (cancel_count_ == kCancels) {
        context_.counters.count(Reason::cancel_late);
    } else {
        cancels_[cancel_count_++] = {tag, header.function_key.get()};
    }
    rte_pktmbuf_free(datagram.mbuf);
}

void Messages::to_forwarder(Datagram& datagram) {
    const Token token = Token::unpack(datagram.header()->request_id_lo.get());
    if (token.core == context_.core) {
        forwarder_.on_message(datagram.mbuf, datagram.header(), datagram.bytes(), datagram.path());
    } else if (token.core < context_.shared.server.core_count &&
               forwarder_.is_ours(*datagram.header(), datagram.path())) {
        hand_over(datagram.mbuf, token.core);
    } else {
        context_.counters.count(Reason::drop_stale_reply);
        rte_pktmbuf_free(datagram.mbuf);
    }
}

void Messages::hand_over(rte_mbuf* mbuf, std::uint32_t core) {
    if (rte_ring_enqueue(context_.shared.handover[core], mbuf) == 0) {
        context_.counters.count(Reason::handed_over);
        handed_over_ |= 1u << core;
        return;
    }
    context_.counters.count(Reason::drop_handover_full);
    rte_pktmbuf_free(mbuf);
}

// A client that has proved its address sends more than one request: what was worked out for an
// address is kept until another one takes its place.
bool Messages::cookie_is_good(const net::IpAddress& source, std::uint64_t cookie) {
    const ServerInfo& server = context_.shared.server;
    if (!server.require_cookie) return true;
    Proved& known = proved_[(source.high() ^ source.low() ^ source.low() >> 56) % kProved];
    if (known.source == source && known.epoch == context_.cookie_epoch && known.cookie == cookie)
        [[likely]]
        return true;
    if (!wire::cookie_is_good({server.cookie_key[0], server.cookie_key[1]}, source,
                              context_.cookie_epoch, cookie))
        return false;
    known = {source, context_.cookie_epoch, cookie};
    return true;
}

// True: a request that has not been seen before, for a function that exists. It holds an entry of
// the reply cache.
bool Messages::admit(Arrival& arrival) {
    wire::Header* header = arrival.header;
    if (!cookie_is_good(arrival.path.peer, header->cookie.get())) [[unlikely]] {
        const ServerInfo& server = context_.shared.server;
        context_.counters.count(Reason::challenge_sent);
        send_header(context_, arrival.mbuf, header, arrival.path, wire::Kind::challenge,
                    wire::make_cookie({server.cookie_key[0], server.cookie_key[1]},
                                      arrival.path.peer, context_.cookie_epoch));
        return false;
    }
    // A retransmit is answered even when the function has gone meanwhile: it was executed.
    if (!first_time(arrival)) return false;

    // What POPs send to a region has been counted there.
    if (context_.sources != nullptr && context_.shared.server.is_pop &&
        !context_.sources->datagram(arrival.path.peer, context_.now_tsc)) [[unlikely]] {
        refuse(context_, arrival, Reason::refused_source_rate);
        return false;
    }

    const Snapshot& snapshot = *context_.snapshot;
    const std::uint64_t key = header->function_key.get();
    arrival.target =
        key == 0 ? nullptr
                 : snapshot.choose(snapshot.find(key, header->qualifier.get()),
                                   header->request_id_hi.get(), header->request_id_lo.get());
    Reason reason = Reason::served_local;
    if (arrival.target == nullptr) {
        const bool known = key != 0 && snapshot.find(key, 0) != nullptr;
        reason = known ? Reason::refused_no_version : Reason::refused_no_function;
    } else if (header->hop_count >= wire::kMaxHops) {
        reason = Reason::refused_hops;
    } else if (wire::argument_bytes(*header) > arrival.target->max_payload_bytes) {
        reason = Reason::refused_too_large;
    }
    if (reason != Reason::served_local) [[unlikely]] {
        refuse(context_, arrival, reason);
        return false;
    }
    if (arrival.deadline_us == 0) {
        // No deadline given: the function's own limit, and a second for the way.
        arrival.deadline_us = arrival.target->timeout_us + 1000000;
    }
    // A POP's, with what makes tries of it the same, whichever POP, or life of one, they come from.
    if (is_keyed(*header) && !context_.dedup->claim_datagram(arrival)) [[unlikely]]
        return false;
    context_.count_arrival(*arrival.target);
    return true;
}

// Clients' keys are made by POPs, of what proves who they are: a datagram's word for one is nothing
// to a POP.
bool Messages::is_keyed(const wire::Header& header) const {
    constexpr std::uint16_t kFlags = wire::flag::retry_key | wire::flag::forwarded;
    return (header.flags.get() & kFlags) == kFlags && context_.dedup != nullptr &&
           !context_.shared.server.is_pop;
}

bool Messages::first_time(Arrival& arrival) {
    wire::Header* header = arrival.header;
    const wire::ReplyCache::Found found =
        context_.cache.find_or_reserve(arrival.tag, header->function_key.get(), context_.now_ms);
    switch (found.seen) {
        case wire::Seen::fresh:
            arrival.cache_entry = found.entry;
            return true;
        case wire::Seen::in_flight:
            context_.counters.count(Reason::joined);
            if ((header->flags.get() & wire::flag::want_accepted) &&
                found.invocation != wire::ReplyCache::kNoInvocation) {
                send_header(context_, arrival.mbuf, header, arrival.path, wire::Kind::accepted, 0);
            } else {
                rte_pktmbuf_free(arrival.mbuf);
            }
            return false;
        case wire::Seen::answered:
            replay(context_, arrival.mbuf, header, arrival.path, found.reply, found.reply_bytes);
            return false;
        case wire::Seen::gone:
            refuse(context_, arrival.mbuf, header, arrival.path, Reason::refused_reply_gone);
            return false;
        case wire::Seen::full:
            refuse(context_, arrival.mbuf, header, arrival.path, Reason::refused_dedupe_full);
            return false;
        case wire::Seen::reused:
            refuse(context_, arrival.mbuf, header, arrival.path, Reason::refused_id_reuse);
            return false;
    }
    return false;
}

}  // namespace skerry
