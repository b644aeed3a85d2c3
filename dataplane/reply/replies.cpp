#include "dataplane/reply/replies.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/dedup/dedup.hpp"
#include "dataplane/load/own_load.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

void transmit(Context& context, rte_mbuf* mbuf, const net::Path& path) {
    net::build(mbuf, path, context.shared.server.ports[path.port]);
    context.send(mbuf, path.port);
}

// Turns a request's header into the header of its reply, with no payload and nothing executed.
void make_reply(Context& context, wire::Header& header, ReplyStatus status,
                wire::Kind kind = wire::Kind::reply, std::uint64_t cookie = 0) {
    wire::write_reply_head(header,
                           {.kind = kind,
                            .status = static_cast<std::uint8_t>(status),
                            .busy = busy_byte(context),
                            .cookie = cookie},
                           context.shared.server.place);
}

// A POP is told with each answer how busy this region is.
std::uint16_t tell_load(Context& context, wire::Header& header, std::uint16_t request_flags) {
    if (context.shared.server.is_pop || !(request_flags & wire::flag::forwarded)) return 0;
    header.cookie.set(load_word(context));
    return wire::flag::load;
}

// Of an answer: what one datagram carries; an exchange takes what fits a worker's answer.
std::uint32_t payload_limit(const Context& context, const Invocation& invocation) {
    if (invocation.exchange != kNoExchange) return channel::kMaxAreaBytes;
    const net::PortView& port = context.shared.server.ports[invocation.path.port];
    const std::uint32_t message_bytes = net::max_udp_payload(invocation.path, port);
    return message_bytes < wire::kHeaderBytes ? 0 : message_bytes - wire::kHeaderBytes;
}

std::uint16_t reply_flags(const Invocation& invocation) {
    std::uint16_t flags = 0;
    if (invocation.cold) flags |= wire::flag::cold;
    if (invocation.maybe_repeated) flags |= wire::flag::maybe_repeated;
    return flags;
}

wire::Header reply_header(Context& context, const Invocation& invocation, ReplyStatus status) {
    wire::Header header = invocation.header;
    make_reply(context, header, status);
    const std::uint16_t load = tell_load(context, header, invocation.header.flags.get());
    header.flags.set(static_cast<std::uint16_t>(reply_flags(invocation) | load));
    header.attempts = invocation.attempts;
    header.queue_us.set(invocation.queue_us);
    header.qualifier.set(invocation.version_key);
    return header;
}

rte_mbuf* fresh(Context& context, const void* header, const void* payload,
                std::uint32_t payload_bytes) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(context.pool);
    if (mbuf == nullptr) {
        context.counters.count(Reason::drop_no_mbuf);
        return nullptr;
    }
    const std::uint32_t bytes = wire::kHeaderBytes + payload_bytes;
    char* data = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes));
    SKERRY_CHECK(data != nullptr);  // callers check against the port's MTU, pools are made for it
    std::memcpy(data, header, wire::kHeaderBytes);
    if (payload_bytes != 0) std::memcpy(data + wire::kHeaderBytes, payload, payload_bytes);
    return mbuf;
}

// How it ended, once for each invocation.
void count_end(Context& context, const Invocation& invocation, Reason reason) {
    context.counters.count(invocation.exchange == kExchangeGone ? Reason::drop_client_gone
                                                                : reason);
}

void answer_exchange(Context& context, std::uint32_t exchange, const ExchangeAnswer& answer) {
    if (exchange == kExchangeGone) {
        rte_pktmbuf_free(answer.kept);
        return;
    }
    context.sink_of(exchange).answer(exchange, answer);
}

// The end of an exchange's invocation. Its connection sees to retransmits; what is kept is kept for
// those who ask again over another one.
void answer_exchange(Context& context, Invocation& invocation, ExchangeAnswer answer) {
    if (invocation.dedup_entry != kNoDedup) [[unlikely]] {
        if (!context.dedup->answered(invocation.dedup_entry, answer))
            invocation.dedup_entry = kNoDedup;
    }
    answer_exchange(context, invocation.exchange, answer);
}

// The same, when nothing was executed, as far as is known.
void refuse_exchange(Context& context, Invocation& invocation, const ExchangeAnswer& answer) {
    if (invocation.maybe_repeated) return answer_exchange(context, invocation, answer);
    const std::uint32_t entry = std::exchange(invocation.dedup_entry, kNoDedup);
    if (entry != kNoDedup) [[unlikely]]
        context.dedup->refused(entry, answer);
    answer_exchange(context, invocation.exchange, answer);
}

// Of a request that came by datagram. Its payload, from here on: what is kept, if that is kept.
const void* keep_for_tries(Context& context, Invocation& invocation, ExchangeAnswer answer) {
    if (answer.reason == Reason::failed_deadline_queued) {  // nobody has begun with it
        context.dedup->refused(std::exchange(invocation.dedup_entry, kNoDedup), answer);
    } else if (!context.dedup->answered(invocation.dedup_entry, answer)) {
        invocation.dedup_entry = kNoDedup;
    }
    return answer.payload;
}

// `payload` may be a worker's memory, which it can change at any time: it is read once, and the
// reply that is kept is the reply that was sent.
void answer(Context& context, Invocation& invocation, const wire::Header& header, Reason reason,
            const void* payload, std::uint32_t payload_bytes) {
    if (invocation.exchange != kNoExchange) {
        const ExchangeAnswer to_exchange{.reply = header,
                                         .reason = reason,
                                         .payload = payload,
                                         .payload_bytes = payload_bytes,
                                         .tail_follows = invocation.hold_reply,
                                         .selection = invocation.selection};
        // It may be tried again, for nobody has begun with it.
        if (reason == Reason::failed_deadline_queued)
            return refuse_exchange(context, invocation, to_exchange);
        return answer_exchange(context, invocation, to_exchange);
    }
    rte_mbuf* mbuf = fresh(context, &header, payload, payload_bytes);
    const bool held = invocation.hold_reply && mbuf != nullptr;
    if (mbuf != nullptr) payload = rte_pktmbuf_mtod_offset(mbuf, void*, wire::kHeaderBytes);
    if (invocation.dedup_entry != kNoDedup) [[unlikely]]
        payload = keep_for_tries(context, invocation,
                                 {.reply = header,
                                  .reason = reason,
                                  .payload = payload,
                                  .payload_bytes = payload_bytes,
                                  .tail_follows = held,
                                  .selection = invocation.selection});
    if (held) {
        invocation.reply = mbuf;
        return;
    }
    context.cache.answer(invocation.cache_entry, &header, wire::kHeaderBytes, payload,
                         payload_bytes, context.now_ms);
    if (mbuf != nullptr) transmit(context, mbuf, invocation.path);
}

}  // namespace

std::uint8_t busy_byte(const Context& context) {
    const std::uint64_t used = context.counters.in_flight.get();
    const std::uint64_t idle = context.shared.idle_slots.load(std::memory_order_relaxed);
    return used == 0 ? 0 : static_cast<std::uint8_t>(used * 255 / (used + idle));
}

void strip_to_message(rte_mbuf* mbuf, const void* message, std::uint32_t message_bytes) {
    const auto* start = rte_pktmbuf_mtod(mbuf, const std::byte*);
    const auto offset = static_cast<const std::byte*>(message) - start;
    SKERRY_CHECK(offset >= 0 && offset + message_bytes <= mbuf->data_len && mbuf->nb_segs == 1);
    mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + offset);
    mbuf->data_len = static_cast<std::uint16_t>(message_bytes);
    mbuf->pkt_len = message_bytes;
    mbuf->ol_flags = 0;
    mbuf->tx_offload = 0;
}

void refuse(Context& context, rte_mbuf* mbuf, wire::Header* header, const net::Path& path,
            Reason reason) {
    context.counters.count(reason);
    const std::uint16_t flags = header->flags.get();
    make_reply(context, *header, info(reason).status);
    header->flags.set(tell_load(context, *header, flags));
    strip_to_message(mbuf, header, wire::kHeaderBytes);
    transmit(context, mbuf, path);
}

void refuse(Context& context, const Arrival& arrival, Reason reason) {
    if (arrival.exchange == kNoExchange) {
        if (arrival.dedup_entry != kNoDedup) [[unlikely]] {
            wire::Header header = *arrival.header;
            make_reply(context, header, info(reason).status);
            context.dedup->refused(arrival.dedup_entry, {header, reason, nullptr, 0});
        }
        context.cache.forget(arrival.cache_entry);
        refuse(context, arrival.mbuf, arrival.header, arrival.path, reason);
        return;
    }
    context.counters.count(reason);
    const std::uint16_t flags = arrival.header->flags.get();
    make_reply(context, *arrival.header, info(reason).status);
    arrival.header->flags.set(tell_load(context, *arrival.header, flags));
    const ExchangeAnswer answer{*arrival.header, reason, nullptr, 0};
    if (arrival.dedup_entry != kNoDedup) [[unlikely]]
        context.dedup->refused(arrival.dedup_entry, answer);
    answer_exchange(context, arrival.exchange, answer);
    rte_pktmbuf_free(arrival.mbuf);
}

void send_header(Context& context, rte_mbuf* mbuf, wire::Header* header, const net::Path& path,
                 wire::Kind kind, std::uint64_t cookie) {
    make_reply(context, *header, ReplyStatus::ok, kind, cookie);
    strip_to_message(mbuf, header, wire::kHeaderBytes);
    transmit(context, mbuf, path);
}

void replay(Context& context, rte_mbuf* mbuf, wire::Header* request, const net::Path& path,
            const std::byte* reply, std::uint32_t reply_bytes) {
    // The copy may have come another way than the request, where less fits.
    if (reply_bytes > net::max_udp_payload(path, context.shared.server.ports[path.port])) {
        refuse(context, mbuf, request, path, Reason::failed_answer_too_large);
        return;
    }
    context.counters.count(Reason::served_replay);
    rte_pktmbuf_reset(mbuf);
    auto* data = reinterpret_cast<std::byte*>(
        rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(reply_bytes)));
    SKERRY_CHECK(data != nullptr);
    std::memcpy(data, reply, reply_bytes);
    auto* header = reinterpret_cast<wire::Header*>(data);
    header->flags.set(header->flags.get() | wire::flag::replayed);
    transmit(context, mbuf, path);
}

void send_accepted(Context& context, const Invocation& invocation) {
    wire::Header header = invocation.header;
    make_reply(context, header, ReplyStatus::ok, wire::Kind::accepted);
    if (invocation.exchange != kNoExchange) {
        if (invocation.exchange != kExchangeGone)
            context.sink_of(invocation.exchange).accepted(invocation.exchange, header);
        return;
    }
    send_message(context, invocation.path, header);
}

void send_message(Context& context, const net::Path& path, const wire::Header& header) {
    rte_mbuf* mbuf = fresh(context, &header, nullptr, 0);
    if (mbuf != nullptr) transmit(context, mbuf, path);
}

void answer_try(Context& context, const net::Path& path, std::uint32_t cache_entry,
                const ExchangeAnswer& answer) {
    const std::uint32_t limit = net::max_udp_payload(path, context.shared.server.ports[path.port]);
    wire::Header header = answer.reply;
    std::uint32_t bytes = answer.payload_bytes;
    header.payload_bytes.set(bytes);
    // It may have been made for a trunk. Without the tail of its log it is still an answer.
    if (wire::kHeaderBytes + bytes > limit) bytes -= wire::tail_of(header);
    const bool fits = wire::kHeaderBytes + bytes <= limit;
    if (!fits) {
        header.status = static_cast<std::uint8_t>(info(Reason::failed_answer_too_large).status);
        bytes = 0;
    }
    if (bytes != answer.payload_bytes) header.tail_bytes.set(0);
    header.payload_bytes.set(bytes);
    rte_mbuf* mbuf = fresh(context, &header, answer.payload, bytes);
    if (fits && info(static_cast<ReplyStatus>(header.status)).retry == Retry::unstarted) {
        context.cache.forget(cache_entry);
    } else {
        context.cache.answer(cache_entry, &header, wire::kHeaderBytes, answer.payload, bytes,
                             context.now_ms);
    }
    if (mbuf != nullptr) transmit(context, mbuf, path);
}

void answer_header(Context& context, Invocation& invocation, Reason reason) {
    count_end(context, invocation, reason);
    answer(context, invocation, reply_header(context, invocation, info(reason).status), reason,
           nullptr, 0);
}

void answer_failure(Context& context, Invocation& invocation, Reason reason,
                    const std::byte* payload, std::uint32_t payload_bytes) {
    if (payload_bytes > payload_limit(context, invocation)) payload_bytes = 0;
    count_end(context, invocation, reason);
    wire::Header header = reply_header(context, invocation, info(reason).status);
    header.payload_bytes.set(payload_bytes);
    answer(context, invocation, header, reason, payload, payload_bytes);
}

void refuse_header(Context& context, Invocation& invocation, Reason reason) {
    count_end(context, invocation, reason);
    wire::Header header = reply_header(context, invocation, info(reason).status);
    header.flags.set(header.flags.get() | wire::flag::withdrawn);
    if (invocation.exchange != kNoExchange)
        return refuse_exchange(context, invocation,
                               {.reply = header,
                                .reason = reason,
                                .payload = nullptr,
                                .payload_bytes = 0,
                                .selection = invocation.selection});
    if (const std::uint32_t entry = std::exchange(invocation.dedup_entry, kNoDedup);
        entry != kNoDedup) [[unlikely]]
        context.dedup->refused(entry, {header, reason, nullptr, 0});
    context.cache.forget(invocation.cache_entry);
    send_message(context, invocation.path, header);
}

void answer_local(Context& context, Invocation& invocation, ReplyStatus status,
                  const std::byte* payload, std::uint32_t payload_bytes, std::uint32_t run_us) {
    if (payload_bytes > payload_limit(context, invocation)) {
        answer_header(context, invocation, Reason::failed_answer_too_large);
        return;
    }
    const Reason reason = status == ReplyStatus::ok ? Reason::served_local : Reason::served_error;
    count_end(context, invocation, reason);
    wire::Header header = reply_header(context, invocation, status);
    header.run_us.set(run_us);
    header.payload_bytes.set(payload_bytes);
    answer(context, invocation, header, reason, payload, payload_bytes);
}

std::uint32_t room_for_tail(const Context& context, const Invocation& invocation) {
    if (invocation.exchange != kNoExchange) return kTailBytes;
    const std::uint32_t limit = wire::kHeaderBytes + payload_limit(context, invocation);
    const std::uint32_t bytes = invocation.reply->pkt_len;
    return std::min<std::uint32_t>(
        {kTailBytes, limit - std::min(limit, bytes), rte_pktmbuf_tailroom(invocation.reply)});
}

void send_held(Context& context, Invocation& invocation, const char* tail,
               std::uint32_t tail_bytes) {
    if (invocation.exchange != kNoExchange) {
        const std::uint32_t entry = std::exchange(invocation.dedup_entry, kNoDedup);
        if (entry != kNoDedup) context.dedup->tail(entry, tail, tail_bytes);
        if (invocation.exchange != kExchangeGone)
            context.sink_of(invocation.exchange).tail(invocation.exchange, tail, tail_bytes);
        return;
    }
    const std::uint32_t entry = std::exchange(invocation.dedup_entry, kNoDedup);
    if (entry != kNoDedup) [[unlikely]]
        context.dedup->tail(entry, tail, tail_bytes);
    rte_mbuf* mbuf = invocation.reply;
    invocation.reply = nullptr;
    auto* header = rte_pktmbuf_mtod(mbuf, wire::Header*);
    if (tail_bytes != 0) {
        char* end = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(tail_bytes));
        SKERRY_CHECK(end != nullptr);  // the caller knows room_for_tail()
        std::memcpy(end, tail, tail_bytes);
        header->payload_bytes.set(header->payload_bytes.get() + tail_bytes);
        header->tail_bytes.set(static_cast<std::uint16_t>(tail_bytes));
    }
    context.cache.answer(invocation.cache_entry, header, wire::kHeaderBytes, header + 1,
                         mbuf->pkt_len - wire::kHeaderBytes, context.now_ms);
    transmit(context, mbuf, invocation.path);
}

namespace {

// Less may fit the way to the client than the way from the region: the tail's end is worth most.
std::uint32_t fit_tail(wire::Header& header, std::uint32_t message_bytes, std::uint32_t limit) {
    const std::uint32_t tail = wire::tail_of(header);
    if (message_bytes <= limit || message_bytes - limit > tail) {
        header.tail_bytes.set(static_cast<std::uint16_t>(tail));
        return message_bytes;
    }
    const std::uint32_t excess = message_bytes - limit, left = tail - excess;
    auto* from = reinterpret_cast<std::byte*>(&header) + message_bytes - tail;
    std::memmove(from, from + excess, left);
    header.tail_bytes.set(static_cast<std::uint16_t>(left));
    header.payload_bytes.set(header.payload_bytes.get() - excess);
    return limit;
}

// A region's word on how it ended, and its header as the client's answer.
Reason relay_header(Context& context, const Invocation& invocation, wire::Header* header) {
    const auto status = static_cast<ReplyStatus>(header->status);
    const Reason reason = status == ReplyStatus::ok               ? Reason::served_region
                          : status == ReplyStatus::function_error ? Reason::served_error
                                                                  : Reason::failed_region_said;
    count_end(context, invocation, reason);
    const wire::Header& request = invocation.header;
    header->request_id_hi = request.request_id_hi;
    header->request_id_lo = request.request_id_lo;
    header->function_key = request.function_key;
    header->trace_id_hi = request.trace_id_hi;
    header->trace_id_lo = request.trace_id_lo;
    header->span_id = request.span_id;
    header->hop_count = request.hop_count;
    header->cookie.set(0);
    header->attempts = invocation.attempts;
    header->flags.set(static_cast<std::uint16_t>((header->flags.get() & wire::flag::cold) |
                                                 reply_flags(invocation)));
    header->copy = request.copy;
    return reason;
}

}  // namespace

void answer_relayed(Context& context, Invocation& invocation, rte_mbuf* mbuf, wire::Header* header,
                    std::uint32_t message_bytes) {
    const std::uint32_t limit = wire::kHeaderBytes + payload_limit(context, invocation);
    message_bytes = fit_tail(*header, message_bytes, limit);
    const std::uint32_t payload_bytes = message_bytes - wire::kHeaderBytes;
    if (message_bytes > limit) {
        rte_pktmbuf_free(mbuf);
        answer_header(context, invocation, Reason::failed_answer_too_large);
        return;
    }
    const Reason reason = relay_header(context, invocation, header);
    if (invocation.exchange != kNoExchange) {
        answer_exchange(context, invocation,
                        ExchangeAnswer{.reply = *header,
                                       .reason = reason,
                                       .payload = header + 1,
                                       .payload_bytes = payload_bytes,
                                       .selection = invocation.selection});
        rte_pktmbuf_free(mbuf);
        return;
    }
    context.cache.answer(invocation.cache_entry, header, wire::kHeaderBytes, header + 1,
                         payload_bytes, context.now_ms);
    strip_to_message(mbuf, header, message_bytes);
    transmit(context, mbuf, invocation.path);
}

void answer_relayed(Context& context, Invocation& invocation, wire::Header& header,
                    rte_mbuf* payload) {
    const std::uint32_t payload_bytes = header.payload_bytes.get();
    if (invocation.exchange != kNoExchange) {
        const Reason reason = relay_header(context, invocation, &header);
        answer_exchange(context, invocation,
                        ExchangeAnswer{.reply = header,
                                       .reason = reason,
                                       .payload = nullptr,
                                       .payload_bytes = payload_bytes,
                                       .kept = payload,
                                       .selection = invocation.selection});
        return;
    }
    // For who asked by datagram. (A tail that makes it too long costs it the answer here.)
    rte_mbuf* mbuf = payload_bytes > payload_limit(context, invocation)
                         ? nullptr
                         : fresh(context, &header, nullptr, 0);
    char* to = mbuf == nullptr || payload_bytes == 0
                   ? nullptr
                   : rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(payload_bytes));
    if (mbuf == nullptr || (to == nullptr && payload_bytes != 0)) {
        rte_pktmbuf_free(mbuf);
        rte_pktmbuf_free(payload);
        answer_header(context, invocation, Reason::failed_answer_too_large);
        return;
    }
    for (const rte_mbuf* at = payload; at != nullptr; to += at->data_len, at = at->next)
        std::memcpy(to, rte_pktmbuf_mtod(at, const void*), at->data_len);
    rte_pktmbuf_free(payload);
    answer_relayed(context, invocation, mbuf, rte_pktmbuf_mtod(mbuf, wire::Header*),
                   wire::kHeaderBytes + payload_bytes);
}

void no_longer_away(Context& context, Invocation& invocation) {
    if (invocation.away) context.shared.tenants->back(invocation.tenant);
    if (invocation.forward_counted) --context.forwarded_of[invocation.tenant];
    invocation.away = invocation.forward_counted = false;
}

void finish(Context& context, std::uint32_t index) {
    Invocation& invocation = context.invocations[index];
    context.timers.cancel(index);
    if (invocation.request != nullptr) rte_pktmbuf_free(invocation.request);
    invocation.request = nullptr;
    if (invocation.reply != nullptr) rte_pktmbuf_free(invocation.reply);
    invocation.reply = nullptr;
    if (invocation.reserved) context.shared.reservations->leave(invocation.function);
    if (invocation.permit != Permit::none)
        context.shared.tenants->give_back(invocation.tenant, invocation.permit);
    no_longer_away(context, invocation);
    if (invocation.in_tenant) context.shared.tenants->done(invocation.tenant);
    if (invocation.dedup_entry != kNoDedup) context.dedup->lost(invocation.dedup_entry);
    context.invocations.release(index);
}

}  // namespace skerry
