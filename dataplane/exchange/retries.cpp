// Requests whose clients may try them again.
#include "dataplane/dedup/dedup.hpp"
#include "dataplane/dedup/key.hpp"
#include "dataplane/exchange/exchanges.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

// What makes other tries of it the same; claim() adds the payload.
void Exchanges::name(const http::Call& call, wire::Header& header) {
    if (context_.dedup == nullptr || call.later || !dedup::is_id(call.retry_id)) return;
    std::array<char, 46> text;
    const std::string_view address = call.access_key.empty()
                                         ? transport_->peer(call.exchange.connection, text)
                                         : std::string_view{};
    const dedup::Key key = dedup::key_of({.access_key = call.access_key,
                                          .address = address,
                                          .function_key = header.function_key.get(),
                                          .qualifier = header.qualifier.get(),
                                          .wants_tail = call.wants_tail,
                                          .id = call.retry_id});
    header.flags.set(static_cast<std::uint16_t>(header.flags.get() | wire::flag::retry_key));
    dedup::put_key(header, key);
}

// False: another try of it has been begun, and brings its answer.
bool Exchanges::claim(Arrival& arrival) {
    wire::Header& header = *arrival.header;
    dedup::put_key(header, dedup::with_payload(dedup::key_in(header), arrival.mbuf,
                                               wire::kHeaderBytes, header.payload_bytes.get()));
    return context_.dedup->claim(arrival);
}

void Exchanges::joined(std::uint32_t exchange, std::uint32_t waiter) {
    Record& record = records_[exchange];
    SKERRY_CHECK(record.state == State::running && record.invocation == kNoInvocation);
    record.state = State::joined;
    record.invocation = waiter;
}

}  // namespace skerry
