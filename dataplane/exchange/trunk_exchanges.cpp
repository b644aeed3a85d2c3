#include "dataplane/exchange/trunk_exchanges.hpp"

#include <algorithm>

#include "dataplane/dedup/dedup.hpp"
#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {
namespace {

constexpr std::uint32_t kWay_us = 1'000'000;  // as for datagrams without a deadline

}  // namespace

TrunkExchanges::TrunkExchanges(Context& context, net::tcp::Stack& stack, rte_mempool* buffers,
                               std::uint32_t trunks)
    : context_(context),
      stack_(stack),
      buffers_(buffers),
      over_tcp_(stack, trunk::Role::server, trunks, kWindowBytes, *this),
      trunks_(trunks),
      records_(std::make_unique<Record[]>(std::size_t{trunks} * trunk::kStreams)) {
    gone_.reserve(context.invocations.size());
}

TrunkExchanges::~TrunkExchanges() {
    for (std::size_t i = 0; i < trunks_.size() * trunk::kStreams; ++i) records_[i].chain.free();
}

// ---- streams, as they come

// Whether the function is there and would take it; if not, why.
bool TrunkExchanges::admit(const wire::Header& header, Reason& reason) const {
    const std::uint64_t key = header.function_key.get();
    const Target* target =
        key == 0 ? nullptr : context_.snapshot->find(key, header.qualifier.get());
    if (target == nullptr) {
        const bool known = key != 0 && context_.snapshot->find(key, 0) != nullptr;
        reason = known ? Reason::refused_no_version : Reason::refused_no_function;
    } else if (header.hop_count >= wire::kMaxHops) {
        reason = Reason::refused_hops;
    } else if (wire::argument_bytes(header) > target->max_payload_bytes) {
        reason = Reason::refused_too_large;
    } else {
        return true;
    }
    return false;
}

void TrunkExchanges::message(trunk::Link& link, std::uint32_t place, const wire::Header& header) {
    Record& record = record_of(link, place);
    SKERRY_CHECK(record.state == State::free);
    ++exchanges_open_;
    record.arrived_tsc = context_.now_tsc;
    record.state = State::receiving;
    receiving_.join(records_.get(), record);
    wire::Header answer = header;
    Reason reason = Reason::refused_no_buffer;
    if (!admit(header, reason)) return refuse(record, answer, reason);
    if (!append(record, &header, wire::kHeaderBytes))
        refuse(record, answer, Reason::refused_no_buffer);
}

void TrunkExchanges::payload(trunk::Link& link, std::uint32_t place, trunk::Bytes piece) {
    Record& record = record_of(link, place);
    SKERRY_CHECK(record.state == State::receiving);
    const auto bytes = static_cast<std::uint32_t>(piece.size());
    if (!append(record, piece.data(), bytes)) {
        wire::Header answer = *rte_pktmbuf_mtod(record.chain.first, wire::Header*);
        return refuse(record, answer, Reason::refused_no_buffer);
    }
    link.grant(place, bytes);
    over_tcp_.speaks(link.number());
}

void TrunkExchanges::complete(trunk::Link& link, std::uint32_t place) {
    Record& record = record_of(link, place);
    SKERRY_CHECK(record.state == State::receiving);
    receiving_.leave(records_.get(), record);
    record.state = State::complete;
    complete_.join(records_.get(), record);
}

// The POP wants nothing more of it, or is not there any more.
void TrunkExchanges::cancelled(trunk::Link& link, std::uint32_t place) {
    Record& record = record_of(link, place);
    if (record.state == State::receiving) receiving_.leave(records_.get(), record);
    if (record.state == State::complete) complete_.leave(records_.get(), record);
    if (record.state == State::joined) {
        context_.dedup->leave(record.invocation);
        context_.counters.count(Reason::drop_client_gone);
    } else if (record.state == State::running || record.state == State::held) {
        SKERRY_CHECK(record.invocation != kNoInvocation && gone_.size() < gone_.capacity());
        gone_.push_back(record.invocation);
    } else if (record.state != State::answering) {
        context_.counters.count(Reason::drop_client_gone);  // before it was an invocation
    }
    forget(record);
}

bool TrunkExchanges::append(Record& record, const void* bytes, std::uint32_t count) {
    return record.chain.append_making_room(buffers_, bytes, count,
                                           [&] { return make_room(record); });
}

// For the record: the request that has been coming in for longest is refused, and its buffers are
// free. False: there is no other.
bool TrunkExchanges::make_room(const Record& record) {
    std::uint32_t oldest = receiving_.first();
    if (oldest == index_of(record)) oldest = record.next;
    if (oldest == kNoExchange) return false;
    Record& victim = records_[oldest];
    wire::Header answer = *rte_pktmbuf_mtod(victim.chain.first, wire::Header*);
    refuse(victim, answer, Reason::refused_no_buffer);
    return true;
}

// One that is coming in: nothing of it has been executed. `header` becomes its answer's.
void TrunkExchanges::refuse(Record& record, wire::Header& header, Reason reason) {
    context_.counters.count(reason);
    receiving_.leave(records_.get(), record);
    record.chain.free();
    wire::write_reply_head(header,
                           {.kind = wire::Kind::reply,
                            .status = static_cast<std::uint8_t>(info(reason).status),
                            .busy = busy_byte(context_)},
                           context_.shared.server.place);
    send(record, header);
}

// ---- invocations

std::uint32_t TrunkExchanges::time_left_us(const Record& record, const wire::Header& header,
                                           const Target& target) const {
    const std::uint32_t deadline_us = header.deadline_us.get();
    if (deadline_us == 0) return target.timeout_us + kWay_us;
    // It came with the header; the payload may have taken its time.
    const std::uint32_t gone_us = context_.us_from_tsc(context_.now_tsc - record.arrived_tsc);
    return deadline_us - std::min(deadline_us, gone_us);
}

std::uint32_t TrunkExchanges::take(std::span<Arrival> arrivals) {
    std::uint32_t count = 0;
    while (!complete_.empty() && count < arrivals.size()) {
        Record& record = records_[complete_.first()];
        complete_.leave(records_.get(), record);
        auto* header = rte_pktmbuf_mtod(record.chain.first, wire::Header*);
        record.state = State::running;
        Arrival& arrival = arrivals[count];
        arrival = {};
        arrival.mbuf = record.chain.release();
        arrival.header = header;
        arrival.exchange = kTrunkExchange | index_of(record);
        // What is deployed may have changed since the request's head was read.
        Reason reason = Reason::served_local;
        if (!admit(*header, reason)) {
            skerry::refuse(context_, arrival, reason);
            continue;
        }
        arrival.target =
            context_.snapshot->find(header->function_key.get(), header->qualifier.get());
        arrival.deadline_us = time_left_us(record, *header, *arrival.target);
        if ((header->flags.get() & wire::flag::retry_key) != 0 && context_.dedup != nullptr &&
            !context_.dedup->claim(arrival))
            continue;
        context_.count_arrival(*arrival.target);
        ++count;
    }
    return count;
}

std::uint32_t TrunkExchanges::take_gone(std::span<std::uint32_t> invocations) {
    const auto count = static_cast<std::uint32_t>(std::min(gone_.size(), invocations.size()));
    for (std::uint32_t i = 0; i < count; ++i) {
        invocations[i] = gone_.back();
        gone_.pop_back();
    }
    return count;
}

void TrunkExchanges::opened(std::uint32_t exchange, std::uint32_t invocation) {
    Record& record = record_of(exchange);
    SKERRY_CHECK(record.state == State::running && record.invocation == kNoInvocation);
    record.invocation = invocation;
}

void TrunkExchanges::joined(std::uint32_t exchange, std::uint32_t waiter) {
    Record& record = record_of(exchange);
    SKERRY_CHECK(record.state == State::running && record.invocation == kNoInvocation);
    record.state = State::joined;
    record.invocation = waiter;
}

void TrunkExchanges::accepted(std::uint32_t exchange, const wire::Header& accepted) {
    Record& record = record_of(exchange);
    SKERRY_CHECK(record.state == State::running);
    trunk::Link& link = link_of(record);
    link.say(index_of(record) % trunk::kStreams, accepted);
    over_tcp_.speaks(link.number());
}

void TrunkExchanges::answer(std::uint32_t exchange, const ExchangeAnswer& answer) {
    Record& record = record_of(exchange);
    SKERRY_CHECK((record.state == State::running || record.state == State::joined) &&
                 answer.kept == nullptr);
    wire::Header reply = answer.reply;
    reply.payload_bytes.set(answer.payload_bytes);
    const bool kept = keep(record, answer.payload, answer.payload_bytes);
    if (!kept) {
        context_.counters.count(Reason::failed_answer_no_room);
        reply.status = static_cast<std::uint8_t>(info(Reason::failed_answer_no_room).status);
        reply.payload_bytes.set(0);
    }
    record.invocation = answer.tail_follows ? record.invocation : kNoInvocation;
    if (answer.tail_follows) {
        record.state = State::held;
        record.reply = reply;
    } else {
        send(record, reply);
    }
}

void TrunkExchanges::tail(std::uint32_t exchange, const char* text, std::uint32_t bytes) {
    Record& record = record_of(exchange);
    SKERRY_CHECK(record.state == State::held);
    record.invocation = kNoInvocation;
    wire::Header reply = record.reply;
    // Without a buffer for all of it the answer goes without.
    PayloadChain tail;
    if (bytes != 0 && tail.append(buffers_, text, bytes)) {
        if (record.chain.last == nullptr) {
            record.chain = tail;
        } else {
            record.chain.last->next = tail.first;
            record.chain.first->nb_segs =
                static_cast<std::uint16_t>(record.chain.first->nb_segs + tail.first->nb_segs);
            record.chain.first->pkt_len += tail.first->pkt_len;
            record.chain.last = tail.last;
        }
        reply.payload_bytes.set(reply.payload_bytes.get() + bytes);
        reply.tail_bytes.set(static_cast<std::uint16_t>(bytes));
    } else {
        tail.free();
    }
    send(record, reply);
}

// A worker's memory, to be read once: what is kept is what is sent.
bool TrunkExchanges::keep(Record& record, const void* payload, std::uint32_t bytes) {
    if (record.chain.append(buffers_, payload, bytes)) return true;
    record.chain.free();
    return false;
}

void TrunkExchanges::send(Record& record, const wire::Header& reply) {
    record.state = State::answering;
    record.offset = 0;
    trunk::Link& link = link_of(record);
    link.reply(index_of(record) % trunk::kStreams, reply);
    over_tcp_.speaks(link.number());
}

trunk::Bytes TrunkExchanges::unsent(trunk::Link& link, std::uint32_t place) {
    const Record& record = record_of(link, place);
    const rte_mbuf* first = record.chain.first;
    return {rte_pktmbuf_mtod_offset(first, const std::uint8_t*, record.offset),
            first->data_len - record.offset};
}

void TrunkExchanges::sent(trunk::Link& link, std::uint32_t place, std::uint32_t bytes) {
    Record& record = record_of(link, place);
    record.offset += bytes;
    if (record.offset != record.chain.first->data_len) return;
    record.offset = 0;
    record.chain.drop_first();
}

void TrunkExchanges::over(trunk::Link& link, std::uint32_t place) {
    forget(record_of(link, place));
}

void TrunkExchanges::forget(Record& record) {
    record.chain.free();
    record = Record{};
    --exchanges_open_;
}

}  // namespace skerry
