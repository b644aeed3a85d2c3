#include "dataplane/exchange/exchanges.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "dataplane/dedup/dedup.hpp"
#include "dataplane/http/answer_text.hpp"
#include "dataplane/payload_chain.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

// A client gives no deadline: the function's own limit, and this for waiting and the way.
constexpr std::uint32_t kWay_us = 1'000'000;

wire::Header request_header(const http::Call& call, const Target& target) {
    wire::Header header{};
    header.magic.set(wire::kMagic);
    header.version = wire::kVersion;
    header.kind = static_cast<std::uint8_t>(wire::Kind::invoke);
    header.request_id_hi.set(call.request_id_hi);
    header.request_id_lo.set(call.request_id_lo);
    header.function_key.set(target.function_key);
    header.qualifier.set(target.qualifier);
    header.trace_id_hi.set(call.trace_id_hi);
    header.trace_id_lo.set(call.trace_id_lo);
    header.span_id.set(call.span_id);
    header.flags.set(static_cast<std::uint16_t>((call.wants_tail ? wire::flag::want_tail : 0) |
                                                (call.idempotent ? wire::flag::idempotent : 0)));
    return header;
}

std::uint32_t payload_limit(const http::Call& call, const Target& target) {
    return call.later ? std::min(target.max_payload_bytes, kEventPayloadBytesMax)
                      : target.max_payload_bytes;
}

}  // namespace

Exchanges::Exchanges(Context& context, rte_mempool* buffers, std::uint32_t connections)
    : context_(context),
      buffers_(buffers),
      connections_(connections),
      records_(std::make_unique<Record[]>(connections)),
      submissions_(context),
      answer_text_(std::make_unique_for_overwrite<char[]>(kAnswerBytesMax)) {
    SKERRY_CHECK(rte_pktmbuf_data_room_size(buffers) >= kBufferBytes + RTE_PKTMBUF_HEADROOM);
    gone_.reserve(context.invocations.size());
}

Exchanges::~Exchanges() {
    for (std::uint32_t i = 0; i < connections_; ++i) {
        records_[i].chain.free();
        rte_pktmbuf_free(records_[i].log);
    }
}

Exchanges::Record* Exchanges::find(http::Exchange exchange) {
    SKERRY_CHECK(exchange.connection < connections_);
    Record& record = records_[exchange.connection];
    return record.state != State::free && record.serial == exchange.serial ? &record : nullptr;
}

// The target of the call, or why there is none.
const Target* Exchanges::admit(const http::Call& call, Reason& reason) const {
    const Target* target = context_.snapshot->find(call.function, call.qualifier);
    if (target == nullptr) {
        const bool known = context_.snapshot->find(call.function, {}) != nullptr;
        reason = known ? Reason::refused_no_version : Reason::refused_no_function;
    } else if (call.payload_bytes != http::kUnknownBytes &&
               call.payload_bytes > payload_limit(call, *target)) {
        reason = Reason::refused_too_large;
    } else if (call.later && !submissions_.there()) {
        reason = Reason::refused_no_events;
    } else if (call.later && context_.snapshot->draining()) {
        reason = Reason::refused_draining;
    }
    return target;
}

void Exchanges::refuse(http::Answer& answer, Reason reason, std::uint64_t limit_bytes) {
    context_.counters.count(reason);
    answer = {};
    answer.status = info(reason).status;
    answer.reason = reason;
    answer.limit_bytes = limit_bytes;
    std::memcpy(answer.place, context_.shared.server.place, sizeof answer.place);
}

bool Exchanges::start(const http::Call& call, http::Answer& answer) {
    SKERRY_CHECK(call.exchange.connection < connections_);
    Record& record = records_[call.exchange.connection];
    SKERRY_CHECK(record.state == State::free);
    Reason reason = Reason::served_local;
    const Target* target = admit(call, reason);
    if (reason != Reason::served_local) {
        refuse(answer, reason, target == nullptr ? 0 : payload_limit(call, *target));
        return false;
    }
    if (call.dry_run) {
        answer = {};
        return false;
    }
    record = Record{};
    wire::Header header = request_header(call, *target);
    if (!call.retry_id.empty()) name(call, header);
    if (!append(record, &header, wire::kHeaderBytes)) {
        forget(record);
        refuse(answer, Reason::refused_no_buffer);
        return false;
    }
    record.serial = call.exchange.serial;
    record.payload_limit = payload_limit(call, *target);
    record.later = call.later;
    record.is_json = call.event == nullptr && target->takes_json;
    record.since_ms = context_.now_ms;
    if (call.event != nullptr && !begin_event(record, call, reason)) {
        forget(record);
        refuse(answer, reason, target->max_payload_bytes);
        return false;
    }
    record.before_body = record.payload_bytes;
    if (!keep_context(record, call.client_context)) {
        forget(record);
        refuse(answer, Reason::refused_no_buffer);
        return false;
    }
    record.state = State::receiving;
    receiving_.join(records_.get(), record);
    ++open_;
    return true;
}

bool Exchanges::append(Record& record, const void* bytes, std::uint32_t count,
                       std::uint32_t kept_free) {
    return record.chain.append_making_room(
        buffers_, bytes, count, [&] { return make_room(record); }, kept_free);
}

// What there are no buffers for is refused, not waited for: who has part of its buffers waits for
// others like it.
std::size_t Exchanges::payload_room(http::Exchange) {
    return ~std::size_t{0};
}

bool Exchanges::payload(http::Exchange exchange, std::string_view piece, http::Answer& answer) {
    Record* record = find(exchange);
    SKERRY_CHECK(record != nullptr && record->state == State::receiving);
    Reason reason = Reason::refused_too_large;
    const std::uint32_t limit = record->payload_limit;
    if (record->is_json) (void)record->json.take(piece);  // its end is waited for
    if (record->routed) {
        if (put_body(*record, piece, reason)) return true;
    } else if (piece.size() <= limit - record->payload_bytes) {
        if (append(*record, piece.data(), static_cast<std::uint32_t>(piece.size()))) {
            record->payload_bytes += static_cast<std::uint32_t>(piece.size());
            return true;
        }
        reason = Reason::refused_no_buffer;
    }
    receiving_.leave(records_.get(), *record);
    forget(*record);
    refuse(answer, reason, limit);
    return false;
}

void Exchanges::payload_complete(http::Exchange exchange) {
    Record* record = find(exchange);
    SKERRY_CHECK(record != nullptr && record->state == State::receiving);
    receiving_.leave(records_.get(), *record);
    if (record->routed) end_event(*record);
    // AWS's clients send nothing for an event that has nothing in it.
    if (record->payload_bytes == 0) {
        SKERRY_CHECK(append(*record, "{}", 2));  // the header's buffer has room
        record->payload_bytes = 2;
        record->is_json = false;  // nothing is left to be looked at
    }
    join_context(*record);
    finish_key(*record);
    record->state = State::complete;
    rte_pktmbuf_mtod(record->chain.first, wire::Header*)->payload_bytes.set(record->payload_bytes);
    complete_.join(records_.get(), *record);
}

std::uint32_t Exchanges::take(std::span<Arrival> arrivals) {
    std::uint32_t count = 0;
    while (!complete_.empty() && count < arrivals.size()) {
        const std::uint32_t index = complete_.first();
        Record& record = records_[index];
        complete_.leave(records_.get(), record);
        auto* header = rte_pktmbuf_mtod(record.chain.first, wire::Header*);
        record.state = State::running;
        Arrival& arrival = arrivals[count];
        arrival = {};
        arrival.mbuf = record.chain.release();
        arrival.header = header;
        arrival.exchange = index;
        if (record.is_json && !record.json.complete()) {
            refuse_payload(record, arrival);
            continue;
        }
        const bool keyed = (header->flags.get() & wire::flag::retry_key) != 0;
        if (record.later) {
            if (!keyed || context_.dedup->claim(arrival)) submit(index, arrival);
            continue;
        }
        // What is deployed may have changed since the request's head was read.
        record.latest = header->qualifier.get() == 0;
        arrival.target = context_.snapshot->choose(
            context_.snapshot->find(header->function_key.get(), header->qualifier.get()),
            header->request_id_hi.get(), header->request_id_lo.get());
        if (arrival.target == nullptr) {
            skerry::refuse(context_, arrival, Reason::refused_no_version);
            continue;
        }
        arrival.deadline_us = arrival.target->timeout_us + kWay_us;
        if (keyed && !context_.dedup->claim(arrival)) continue;
        context_.count_arrival(*arrival.target);
        ++count;
    }
    return count;
}

void Exchanges::refuse_payload(Record& record, const Arrival& arrival) {
    if (!record.later) return skerry::refuse(context_, arrival, Reason::refused_not_json);
    rte_pktmbuf_free(arrival.mbuf);
    record.state = State::submitted;
    end_later(record, Reason::refused_not_json);
}

std::uint32_t Exchanges::take_gone(std::span<std::uint32_t> invocations) {
    const auto count = static_cast<std::uint32_t>(std::min(gone_.size(), invocations.size()));
    for (std::uint32_t i = 0; i < count; ++i) {
        invocations[i] = gone_.back();
        gone_.pop_back();
    }
    return count;
}

void Exchanges::cancel(http::Exchange exchange) {
    Record* record = find(exchange);
    SKERRY_CHECK(record != nullptr);
    if (record->state == State::receiving) receiving_.leave(records_.get(), *record);
    if (record->state == State::complete) complete_.leave(records_.get(), *record);
    if (record->state == State::joined) {
        context_.dedup->leave(record->invocation);
        context_.counters.count(Reason::drop_client_gone);
    } else if (record->state == State::running || record->state == State::held) {
        SKERRY_CHECK(record->invocation != kNoInvocation && gone_.size() < gone_.capacity());
        gone_.push_back(record->invocation);
    } else if (record->state != State::answering) {
        context_.counters.count(Reason::drop_client_gone);  // before it was an invocation
    }
    forget(*record);
}

// From within answered() or answer_more(), or later, when the client has read on.
void Exchanges::release(http::Exchange exchange) {
    Record* record = find(exchange);
    SKERRY_CHECK(record != nullptr && record->state == State::answering);
    record->released = true;
    if (!record->pumping) pump(*record);
}

// Hands on what is kept, buffer by buffer, as long as the connection takes it.
void Exchanges::pump(Record& record) {
    record.pumping = true;
    while (record.released && record.chain.first != nullptr) {
        record.payload_bytes += record.chain.first->data_len;
        record.chain.drop_first();
        const rte_mbuf* next = record.chain.first;
        if (next == nullptr) break;
        record.released = false;
        const http::Bytes piece(rte_pktmbuf_mtod(next, const std::uint8_t*), next->data_len);
        const http::Exchange exchange{index_of(record), record.serial};
        SKERRY_CHECK(server_->answer_more(exchange, piece, next->next != nullptr));
    }
    record.pumping = false;
    if (record.released) forget(record);
}

const classify::Published* Exchanges::routes() {
    return context_.snapshot == nullptr ? nullptr : context_.snapshot->routes();
}

bool Exchanges::ready() {
    return context_.snapshot != nullptr && !context_.snapshot->draining();
}

void Exchanges::forget(Record& record) {
    if (record.reading) readers_.leave(records_.get(), record);
    record.chain.free();
    rte_pktmbuf_free(record.log);
    if (record.state != State::free) --open_;
    const std::uint32_t serial = record.serial;
    record = Record{};
    record.serial = serial;
}

void Exchanges::opened(std::uint32_t exchange, std::uint32_t invocation) {
    Record& record = records_[exchange];
    SKERRY_CHECK(record.state == State::running && record.invocation == kNoInvocation);
    record.invocation = invocation;
}

// In the words of Lambda's clients, if the version has any.
void Exchanges::name_version(const Record& record, const wire::Header& reply,
                             http::Answer& answer) const {
    const Snapshot& snapshot = *context_.snapshot;
    const Target* executed = snapshot.find(reply.function_key.get(), answer.version_key);
    if (executed == nullptr) return;
    answer.version_number = snapshot.version_number(*executed);
    answer.latest = record.latest && snapshot.is_lambda(*executed);
}

void Exchanges::answer(std::uint32_t exchange, const ExchangeAnswer& answer) {
    Record& record = records_[exchange];
    SKERRY_CHECK(record.state == State::running || record.state == State::joined);
    std::uint32_t tail_bytes = wire::tail_of(answer.reply);  // of a region's
    SKERRY_CHECK(tail_bytes <= answer.payload_bytes);
    if (tail_bytes > kTailBytes) tail_bytes = 0;  // a region that says so is believed nothing
    http::Answer to_client;
    to_client.status = static_cast<ReplyStatus>(answer.reply.status);
    to_client.reason = answer.reason;
    to_client.version_key = answer.reply.qualifier.get();
    name_version(record, answer.reply, to_client);
    to_client.replayed = (answer.reply.flags.get() & wire::flag::replayed) != 0;
    if (answer.executed != wire::RequestId{})
        server_->is_try_of({exchange, record.serial}, answer.executed.hi, answer.executed.lo);
    to_client.cold = (answer.reply.flags.get() & wire::flag::cold) != 0;
    to_client.selection = answer.selection;
    to_client.attempts = answer.reply.attempts;
    const auto& regions = context_.snapshot->regions();
    const bool forwarded =
        answer.selection.why != Why::none && answer.selection.region < regions.size();
    std::memcpy(to_client.place,
                forwarded ? regions[answer.selection.region].name : answer.reply.place,
                sizeof to_client.place);
    to_client.payload = static_cast<const std::uint8_t*>(answer.payload);
    to_client.payload_bytes = answer.payload_bytes - tail_bytes;
    if (record.routed) {
        shape_answer(record, to_client, answer.kept);
        deliver(record, to_client, false);
        return;
    }
    if (answer.kept != nullptr) {
        adopt(record, answer.kept, to_client, tail_bytes);
        deliver(record, to_client, true);
        return;
    }
    if (tail_bytes != 0)
        to_client.tail = {static_cast<const char*>(answer.payload) + to_client.payload_bytes,
                          tail_bytes};
    if (answer.tail_follows) {
        hold(record, to_client);
    } else {
        deliver(record, to_client, false);
    }
}

// An answer that lies in buffers of ours already: the record has them from here on, its tail apart.
void Exchanges::adopt(Record& record, rte_mbuf* payload, http::Answer& answer,
                      std::uint32_t tail_bytes) {
    if (tail_bytes != 0) {
        char text[kTailBytes];
        std::uint32_t skip = answer.payload_bytes, got = 0;
        for (const rte_mbuf* at = payload; at != nullptr; at = at->next) {
            const std::uint32_t passed = std::min<std::uint32_t>(skip, at->data_len);
            skip -= passed;
            std::memcpy(text + got, rte_pktmbuf_mtod_offset(at, const char*, passed),
                        at->data_len - passed);
            got += at->data_len - passed;
        }
        SKERRY_CHECK(got == tail_bytes);
        // Without a buffer for it the answer goes without.
        if (keep_log(record, answer, {text, tail_bytes}))
            answer.tail = {rte_pktmbuf_mtod_offset(record.log, const char*, sizeof(Held)),
                           tail_bytes};
        payload = keep_first_bytes(payload, answer.payload_bytes);
    }
    record.chain.first = payload;  // it does not grow any more
}

// Until tail(). Without buffers for it nothing is kept, and tail() says so.
void Exchanges::hold(Record& record, const http::Answer& answer) {
    record.state = State::held;
    if (!keep_log(record, answer, {})) return;
    if (keep(record, answer.payload, answer.payload_bytes)) return;
    rte_pktmbuf_free(record.log);
    record.log = nullptr;
}

void Exchanges::tail(std::uint32_t exchange, const char* text, std::uint32_t bytes) {
    Record& record = records_[exchange];
    SKERRY_CHECK(record.state == State::held);
    http::Answer to_client;
    if (record.log == nullptr) {
        to_client.status = info(Reason::failed_answer_no_room).status;
        to_client.reason = Reason::failed_answer_no_room;
        context_.counters.count(Reason::failed_answer_no_room);
        deliver(record, to_client, false);
        return;
    }
    to_client = rte_pktmbuf_mtod(record.log, const Held*)->answer;
    char* to = rte_pktmbuf_append(record.log, static_cast<std::uint16_t>(bytes));
    SKERRY_CHECK(to != nullptr);
    std::memcpy(to, text, bytes);
    to_client.tail = {to, bytes};
    deliver(record, to_client, true);
}

// `kept`: its payload lies in the record's buffers already, and its tail in `log`.
void Exchanges::deliver(Record& record, http::Answer& answer, bool kept) {
    record.state = State::answering;
    record.invocation = kNoInvocation;
    const std::uint32_t index = index_of(record);
    if (!kept && transport_->room(index) < answer.payload_bytes + http::head_room(answer)) {
        const std::string_view extra = answer.fields.empty() ? answer.tail : answer.fields;
        kept = (extra.empty() || keep_log(record, answer, extra)) &&
               keep(record, answer.payload, answer.payload_bytes);
        if (!kept) {
            context_.counters.count(Reason::failed_answer_no_room);
            answer.reason = Reason::failed_answer_no_room;
            answer.status = info(Reason::failed_answer_no_room).status;
            answer.payload_bytes = 0;
            answer.http_status = 0;
            answer.tail = answer.fields = {};
        } else if (record.log != nullptr) {
            (answer.fields.empty() ? answer.tail : answer.fields) = {
                rte_pktmbuf_mtod_offset(record.log, const char*, sizeof(Held)), extra.size()};
        }
    }
    if (kept && record.chain.first != nullptr) {
        answer.total_bytes = answer.payload_bytes;
        answer.payload = rte_pktmbuf_mtod(record.chain.first, const std::uint8_t*);
        answer.payload_bytes = record.chain.first->data_len;
        answer.more = record.chain.first->next != nullptr;
        record.payload_bytes = 0;
        record.since_ms = context_.now_ms;
        record.reading = true;
        readers_.join(records_.get(), record);
    }
    record.pumping = true;  // a release() from within is seen to below
    const bool heard = server_->answered({index, record.serial}, answer);
    record.pumping = false;
    SKERRY_CHECK(heard);
    if (record.released) pump(record);
}

bool Exchanges::keep_log(Record& record, const http::Answer& answer, std::string_view tail) {
    record.log = rte_pktmbuf_alloc(buffers_);
    if (record.log == nullptr) return false;
    char* to = rte_pktmbuf_append(record.log, static_cast<std::uint16_t>(sizeof(Held)));
    new (to) Held{answer};
    if (tail.empty()) return true;
    to = rte_pktmbuf_append(record.log, static_cast<std::uint16_t>(tail.size()));
    SKERRY_CHECK(to != nullptr);
    std::memcpy(to, tail.data(), tail.size());
    return true;
}

// A worker's memory, to be read once: what is kept is what is sent.
bool Exchanges::keep(Record& record, const void* payload, std::uint32_t payload_bytes) {
    if (append(record, payload, payload_bytes)) return true;
    record.chain.free();
    return false;
}

}  // namespace skerry
