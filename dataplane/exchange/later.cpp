// Event invocations: to the queue that keeps them, and its word back to their clients.
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
void Exchanges::submit(Record& record) {
    record.state = State::submitted;
    if (!submissions_.submit(record.chain.first, record.payload_bytes,
                             {index_of(record), record.serial}))
        return end_later(record, Reason::refused_events_full);
    (void)record.chain.release();
}

std::uint32_t Exchanges::take_verdicts() {
    return submissions_.take([this](http::Exchange client, EventFate fate) {
        Record* record = find(client);
        if (record == nullptr || record->state != State::submitted) return;  // it has gone
        end_later(*record, reason_of(fate));
    });
}

void Exchanges::end_later(Record& record, Reason reason) {
    record.chain.free();
    http::Answer answer;
    refuse(answer, reason);
    deliver(record, answer, false);
}

}  // namespace skerry
