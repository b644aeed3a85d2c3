// Requests with a retry key that came by datagram, while Dedup sees to them: where their answers
// go, for those that wait for another try's.
//
// Owned by one core, by its Dedup; a place for each that may wait, and one that is being looked at.
// Its exchanges have the bit kDatagramExchange. No heap after its constructor.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/context.hpp"
#include "dataplane/exchange_sink.hpp"

namespace skerry {

class DatagramTries final : public ExchangeSink {
  public:
    DatagramTries(Context& context, std::uint32_t places);

    // The arrival has an exchange now; it holds an entry of the reply cache.
    void begin(Arrival& arrival);
    // It goes on as a datagram: it is the first of its kind.
    void drop(Arrival& arrival);

    // ExchangeSink
    void opened(std::uint32_t, std::uint32_t) override {}
    void joined(std::uint32_t exchange, std::uint32_t waiter) override;
    void accepted(std::uint32_t exchange, const wire::Header& accepted) override;
    void answer(std::uint32_t exchange, const ExchangeAnswer& answer) override;
    void tail(std::uint32_t, const char*, std::uint32_t) override {}  // what is kept has its tail

  private:
    struct Place {
        net::Path path;
        std::uint32_t cache_entry = 0;
        std::uint32_t next = 0;  // free list
    };
    Place& place_of(std::uint32_t exchange) { return places_[exchange & ~kDatagramExchange]; }
    void give_back(std::uint32_t exchange);

    Context& context_;
    const std::uint32_t count_;
    std::unique_ptr<Place[]> places_;
    std::uint32_t free_ = 0;
};

}  // namespace skerry
