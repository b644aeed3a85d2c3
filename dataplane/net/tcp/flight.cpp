// The list of records: sending, splitting, merging, freeing. What acknowledgements do to it is in
// flight_ack.cpp, what is decided by time in rack.cpp.
#include "dataplane/net/tcp/flight.hpp"

#include "sandbox/base/check.hpp"

namespace skerry::net::tcp {

FlightPool::FlightPool(std::uint32_t records)
    : records_(std::make_unique<FlightRecord[]>(records)),
      capacity_(records),
      free_(records),
      first_free_(records == 0 ? kNone : 0) {
    for (std::uint32_t id = 0; id < records; ++id)
        records_[id].next = id + 1 == records ? kNone : id + 1;
}

std::uint32_t FlightPool::take(bool for_split) {
    if (free_ <= (for_split ? 0 : capacity_ / 16)) return kNone;
    const std::uint32_t id = first_free_;
    first_free_ = records_[id].next;
    --free_;
    return id;
}

void FlightPool::give(std::uint32_t id) {
    records_[id].next = first_free_;
    first_free_ = id;
    ++free_;
}

bool Flight::sent(FlightPool& pool, std::uint32_t seq, std::uint32_t end, std::uint16_t segments,
                  std::uint64_t now_us) {
    const std::uint32_t id = pool.take(false);
    if (id == FlightPool::kNone) return false;
    if (empty()) fack_ = seq;
    pool[id] = {.seq = seq,
                .end = end,
                .next = FlightPool::kNone,
                .previous = tail_,
                .sent_us = now_us,
                .segments = segments == 0 ? std::uint16_t{1} : segments,
                .flags = 0};
    if (tail_ == FlightPool::kNone) {
        head_ = id;
    } else {
        SKERRY_CHECK(pool[tail_].end == seq);
        pool[tail_].next = id;
    }
    tail_ = id;
    ++records_;
    bytes_ += end - seq;
    return true;
}

// Takes a record out of the list and of the counts.
void Flight::unlink(FlightPool& pool, std::uint32_t id) {
    const FlightRecord& record = pool[id];
    (record.previous == FlightPool::kNone ? head_ : pool[record.previous].next) = record.next;
    (record.next == FlightPool::kNone ? tail_ : pool[record.next].previous) = record.previous;
    if (hint_ == id) hint_ = record.next;
    --records_;
    bytes_ -= record.bytes();
    if (record.is(kSacked)) {
        sacked_bytes_ -= record.bytes();
        sacked_segments_ -= record.segments;
    } else if (record.is(kLost)) {
        lost_bytes_ -= record.bytes();
    }
    pool.give(id);
}

// Makes two of one, the second from `at` on, and returns the second; kNone if there is no record
// left. Never of a SACKed one.
std::uint32_t Flight::split(FlightPool& pool, std::uint32_t id, std::uint32_t at) {
    const std::uint32_t made = pool.take(true);
    if (made == FlightPool::kNone) return made;
    FlightRecord& first = pool[id];
    FlightRecord& second = pool[made];
    second = first;
    second.seq = at;
    second.previous = id;
    const std::uint32_t share = static_cast<std::uint32_t>(std::uint64_t{first.segments} *
                                                           (at - first.seq) / first.bytes());
    first.segments = static_cast<std::uint16_t>(share == 0 ? 1 : share);
    const int rest = second.segments - first.segments;
    second.segments = static_cast<std::uint16_t>(rest < 1 ? 1 : rest);
    first.end = at;
    first.next = made;
    (second.next == FlightPool::kNone ? tail_ : pool[second.next].previous) = made;
    ++records_;
    return made;
}

void Flight::retransmitted(FlightPool& pool, std::uint32_t id, std::uint32_t bytes,
                           std::uint64_t now_us) {
    if (bytes < pool[id].bytes()) split(pool, id, pool[id].seq + bytes);
    FlightRecord& record = pool[id];
    if (record.is(kLost)) lost_bytes_ -= record.bytes();
    record.flags = static_cast<std::uint8_t>((record.flags & ~kLost) | kRetransmitted);
    record.sent_us = now_us;
    if (hint_ == id) hint_ = record.next;
}

void Flight::mark_lost(FlightPool& pool, std::uint32_t id) {
    FlightRecord& record = pool[id];
    record.flags |= kLost;
    lost_bytes_ += record.bytes();
    if (hint_ == FlightPool::kNone || before(record.seq, pool[hint_].seq)) hint_ = id;
}

// A SACKed record and its SACKed neighbours become one: their times have been used.
void Flight::merge_sacked(FlightPool& pool, std::uint32_t id) {
    for (std::uint32_t other : {pool[id].previous, pool[id].next}) {
        if (other == FlightPool::kNone || !pool[other].is(kSacked)) continue;
        FlightRecord gone = pool[other];
        const std::uint32_t all = pool[id].segments + std::uint32_t{gone.segments};
        if (all > 0xffff) continue;
        unlink(pool, other);
        FlightRecord& record = pool[id];
        record.seq = min_seq(record.seq, gone.seq);
        record.end = max_seq(record.end, gone.end);
        record.segments = static_cast<std::uint16_t>(all);
        record.flags |= gone.flags & kRetransmitted;
        bytes_ += gone.bytes();
        sacked_bytes_ += gone.bytes();
        sacked_segments_ += gone.segments;
    }
}

std::uint32_t Flight::next_lost(const FlightPool& pool) {
    if (lost_bytes_ == 0) hint_ = FlightPool::kNone;
    while (hint_ != FlightPool::kNone && !pool[hint_].is(kLost)) hint_ = pool[hint_].next;
    return hint_;
}

void Flight::lost_if_larger(FlightPool& pool, std::uint32_t bytes) {
    for (std::uint32_t id = head_; id != FlightPool::kNone; id = pool[id].next)
        if (pool[id].bytes() > bytes && !pool[id].is(kSacked | kLost)) mark_lost(pool, id);
}

void Flight::forgive(FlightPool& pool) {
    for (std::uint32_t id = head_; id != FlightPool::kNone; id = pool[id].next)
        pool[id].flags &= static_cast<std::uint8_t>(~kLost);
    lost_bytes_ = 0;
    hint_ = FlightPool::kNone;
}

void Flight::clear(FlightPool& pool) {
    while (!empty()) unlink(pool, head_);
    *this = {};
}

}  // namespace skerry::net::tcp
