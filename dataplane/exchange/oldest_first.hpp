// A list of records of one table, in the order in which they joined it. A record is in one such
// list at most, and has `next` and `previous`: indices of the table, kNoExchange at the ends.
#pragma once

#include <cstdint>

#include "dataplane/exchange_sink.hpp"

namespace skerry {

template <typename Record>
class OldestFirst {
  public:
    std::uint32_t first() const { return first_; }
    bool empty() const { return first_ == kNoExchange; }

    void join(Record* table, Record& record) {
        const auto index = static_cast<std::uint32_t>(&record - table);
        record.previous = last_;
        record.next = kNoExchange;
        (empty() ? first_ : table[last_].next) = index;
        last_ = index;
    }
    void leave(Record* table, const Record& record) {
        (record.previous == kNoExchange ? first_ : table[record.previous].next) = record.next;
        (record.next == kNoExchange ? last_ : table[record.next].previous) = record.previous;
    }

  private:
    std::uint32_t first_ = kNoExchange;
    std::uint32_t last_ = kNoExchange;
};

}  // namespace skerry
