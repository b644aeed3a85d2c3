// Who gives way when there are no buffers left.
#include "dataplane/exchange/exchanges.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

// For the record: who has held buffers for longest loses them, be it a request that is coming in or
// an answer that is being read. So who is slow does not hold what others need. False: there is
// nobody else.
bool Exchanges::make_room(const Record& record) {
    std::uint32_t incoming = receiving_.first();
    if (incoming == index_of(record)) incoming = record.next;
    const std::uint32_t reader = slow_reader();
    if (incoming == kNoExchange && reader == kNoExchange) return false;
    const auto age_ms = [&](std::uint32_t index) {
        return context_.now_ms - records_[index].since_ms;
    };
    if (reader != kNoExchange && (incoming == kNoExchange || age_ms(reader) > age_ms(incoming))) {
        give_up(reader);
    } else {
        refuse_incoming(incoming);
    }
    return true;
}

bool Exchanges::reads_slower(const Record& a, const Record& b) const {
    const auto age_ms = [&](const Record& record) {
        return std::uint64_t{context_.now_ms - record.since_ms};
    };
    return a.payload_bytes * age_ms(b) < b.payload_bytes * age_ms(a);
}

// Of those who have had their time.
std::uint32_t Exchanges::slow_reader() const {
    const std::uint32_t patience_ms = context_.shared.server.http.reader_patience_ms;
    std::uint32_t slowest = kNoExchange;
    std::uint32_t at = readers_.first();
    for (std::uint32_t i = 0; i < kReadersLookedAt && at != kNoExchange; ++i) {
        const Record& record = records_[at];
        if (context_.now_ms - record.since_ms < patience_ms) break;
        if (slowest == kNoExchange || reads_slower(record, records_[slowest])) slowest = at;
        at = record.next;
    }
    return slowest;
}

// Its client sees the answer broken off.
void Exchanges::give_up(std::uint32_t reader) {
    Record& record = records_[reader];
    context_.counters.count(Reason::http_reader_gave_way);
    SKERRY_CHECK(server_->answer_failed({reader, record.serial}));
    forget(record);
}

void Exchanges::refuse_incoming(std::uint32_t incoming) {
    Record& victim = records_[incoming];
    receiving_.leave(records_.get(), victim);
    victim.chain.free();
    victim.state = State::answering;
    http::Answer answer;
    refuse(answer, Reason::refused_no_buffer);
    SKERRY_CHECK(server_->answered({incoming, victim.serial}, answer));
}

}  // namespace skerry
