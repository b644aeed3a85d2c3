// Requests whose clients may try them again.
#include "dataplane/dedup/dedup.hpp"
#include "dataplane/dedup/key.hpp"
#include "dataplane/exchange/exchanges.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

// What makes other tries of it the same; finish_key() adds the payload.
void Exchanges::name(const http::Call& call, wire::Header& header) {
    if (context_.dedup == nullptr || !dedup::is_id(call.retry_id)) return;
    std::array<char, 46> text;
    const std::string_view address = call.access_key.empty()
                                         ? transport_->peer(call.exchange.connection, text)
                                         : std::string_view{};
    std::array<std::string_view, 4> target;
    if (const function_url::Event* event = call.event; event != nullptr)
        target = {event->method, event->host, event->path, event->query};
    const dedup::Key key = dedup::key_of({.access_key = call.access_key,
                                          .address = address,
                                          .function_key = header.function_key.get(),
                                          .qualifier = header.qualifier.get(),
                                          .wants_tail = call.wants_tail,
                                          .context_bytes = call.client_context.size(),
                                          .id = call.retry_id,
                                          .later = call.later,
                                          .target = target});
    header.flags.set(static_cast<std::uint16_t>(header.flags.get() | wire::flag::retry_key));
    dedup::put_key(header, key);
}

// Of an event only the request's body: times, ids and signatures differ between tries.
void Exchanges::finish_key(Record& record) {
    auto& header = *rte_pktmbuf_mtod(record.chain.first, wire::Header*);
    if ((header.flags.get() & wire::flag::retry_key) == 0) return;
    dedup::put_key(header, dedup::with_payload(
                               dedup::key_in(header), record.chain.first,
                               static_cast<std::uint32_t>(wire::kHeaderBytes) + record.before_body,
                               record.payload_bytes - record.before_body));
}

void Exchanges::joined(std::uint32_t exchange, std::uint32_t waiter) {
    Record& record = records_[exchange];
    SKERRY_CHECK(record.state == State::running && record.invocation == kNoInvocation);
    record.state = State::joined;
    record.invocation = waiter;
}

}  // namespace skerry
