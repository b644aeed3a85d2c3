// Event invocations: to the queue that keeps them, and its word back to their clients.
#include "dataplane/dedup/dedup.hpp"
#include "dataplane/exchange/exchanges.hpp"

namespace skerry {
namespace {

Reason reason_of(EventFate fate) {
    switch (fate) {
        case EventFate::accepted:
            return Reason::event_accepted;
        case EventFate::full:
            return Reason::refused_events_full;
        case EventFate::failed:
            return Reason::failed_event_store;
        case EventFate::unknown:
            break;
    }
    return Reason::failed_event_unknown;
}

}  // namespace

// To the queue, which says later what became of it.
void Exchanges::submit(std::uint32_t exchange, Arrival& arrival) {
    Record& record = records_[exchange];
    record.state = State::submitted;
    if (submissions_.submit(arrival.mbuf, record.payload_bytes, {exchange, record.serial},
                            arrival.dedup_entry))
        return;
    tell_tries(arrival.dedup_entry, *arrival.header, Reason::refused_events_full);
    rte_pktmbuf_free(arrival.mbuf);
    end_later(record, Reason::refused_events_full);
}

std::uint32_t Exchanges::take_verdicts() {
    return submissions_.take([this](const EventSubmissions::Verdict& verdict) {
        const Reason reason = reason_of(verdict.fate);
        tell_tries(verdict.dedup_entry, verdict.header, reason);
        Record* record = find(verdict.client);
        if (record == nullptr || record->state != State::submitted) return;  // it has gone
        end_later(*record, reason);
    });
}

// Other tries of it, now and later, are told the same. What was not kept is tried anew.
void Exchanges::tell_tries(std::uint32_t entry, const wire::Header& request, Reason reason) {
    if (entry == kNoDedup) return;
    wire::Header reply = request;
    wire::write_reply_head(
        reply,
        {.kind = wire::Kind::reply, .status = static_cast<std::uint8_t>(info(reason).status)},
        context_.shared.server.place);
    ExchangeAnswer answer{reply, reason, nullptr, 0};
    if (reason == Reason::event_accepted || reason == Reason::failed_event_unknown)
        (void)context_.dedup->answered(entry, answer);
    else
        context_.dedup->refused(entry, answer);
}

void Exchanges::end_later(Record& record, Reason reason) {
    record.chain.free();
    http::Answer answer;
    refuse(answer, reason);
    deliver(record, answer, false);
}

}  // namespace skerry
