#include "dataplane/dedup/datagram_tries.hpp"

#include "dataplane/reply/replies.hpp"
#include "sandbox/base/check.hpp"

namespace skerry {

DatagramTries::DatagramTries(Context& context, std::uint32_t places)
    : context_(context), count_(places), places_(std::make_unique<Place[]>(places)) {
    for (std::uint32_t i = 0; i < places; ++i) places_[i].next = i + 1;
}

void DatagramTries::begin(Arrival& arrival) {
    SKERRY_CHECK(free_ < count_);
    const std::uint32_t number = free_;
    Place& place = places_[number];
    free_ = place.next;
    place.path = arrival.path;
    place.cache_entry = arrival.cache_entry;
    arrival.exchange = kDatagramExchange | number;
}

void DatagramTries::drop(Arrival& arrival) {
    give_back(arrival.exchange);
    arrival.exchange = kNoExchange;
}

void DatagramTries::give_back(std::uint32_t exchange) {
    place_of(exchange).next = free_;
    free_ = exchange & ~kDatagramExchange;
}

// Copies of it are told that it is in hand, as those of an invocation are.
void DatagramTries::joined(std::uint32_t exchange, std::uint32_t waiter) {
    context_.cache.bind(place_of(exchange).cache_entry, waiter);
}

void DatagramTries::accepted(std::uint32_t exchange, const wire::Header& accepted) {
    send_message(context_, place_of(exchange).path, accepted);
}

void DatagramTries::answer(std::uint32_t exchange, const ExchangeAnswer& answer) {
    const Place place = place_of(exchange);
    give_back(exchange);
    answer_try(context_, place.path, place.cache_entry, answer);
}

}  // namespace skerry
