// What an acknowledgement says about what is in flight.
#include "dataplane/net/tcp/flight.hpp"

namespace skerry::net::tcp {

// One acknowledgement at work.
struct FlightAck {
    Flight& flight;
    FlightPool& pool;
    const AckInput& in;
    Acked out = {};
    std::uint64_t newest_once_us = 0;    // of what was sent once: a sample
    std::uint64_t newest_sacked_us = 0;  // of these, what this acknowledgement SACKed

    void cumulative();
    void selective(SackBlock block);
    void deliver(const FlightRecord& record, bool cumulatively);
    bool is_dsack() const;
    void without_sack();
    void take_sample();
};

namespace {

bool sent_after(std::uint64_t a_us, std::uint32_t a_end, std::uint64_t b_us, std::uint32_t b_end) {
    return a_us > b_us || (a_us == b_us && after(a_end, b_end));
}

}  // namespace

// A record that is now known to have arrived: RFC 8985 §6.2 steps 2 and 3.
void FlightAck::deliver(const FlightRecord& record, bool cumulatively) {
    out.delivered_bytes += record.bytes();
    if (after(record.end, flight.fack_)) {
        flight.fack_ = record.end;
    } else if (before(record.end, flight.fack_) && !record.is(kRetransmitted)) {
        flight.reordering_seen_ = true;
        out.reordered = true;
    }
    const std::uint64_t rtt_us = in.now_us - record.sent_us;
    if (record.is(kRetransmitted)) {
        const bool of_first = in.echo_us != 0 && in.echo_us < record.sent_us;
        if (cumulatively) {
            out.retransmission_acked = true;
            out.spurious |= of_first;
        }
        // It must be the first transmission that has arrived.
        if (of_first || rtt_us < in.min_rtt_us) return;
    } else {
        if (record.sent_us > newest_once_us) newest_once_us = record.sent_us;
        if (!cumulatively && record.sent_us > newest_sacked_us) newest_sacked_us = record.sent_us;
    }
    if (sent_after(record.sent_us, record.end, flight.rack_sent_us_, flight.rack_end_)) {
        flight.rack_sent_us_ = record.sent_us;
        flight.rack_end_ = record.end;
        flight.rack_rtt_us_ = static_cast<std::uint32_t>(rtt_us);
    }
}

void FlightAck::cumulative() {
    while (!flight.empty()) {
        FlightRecord& record = pool[flight.head_];
        if (!after(in.ack, record.seq)) return;
        if (after(record.end, in.ack)) {
            // A part of it: the rest stays as it is.
            const std::uint32_t part = in.ack - record.seq;
            out.acked_bytes += part;
            if (record.is(kSacked)) {
                flight.sacked_bytes_ -= part;
            } else {
                out.delivered_bytes += part;
                if (record.is(kLost)) flight.lost_bytes_ -= part;
            }
            flight.bytes_ -= part;
            record.seq = in.ack;
            return;
        }
        out.acked_bytes += record.bytes();
        if (!record.is(kSacked)) {
            deliver(record, true);
        } else if (record.is(kRetransmitted)) {
            out.retransmission_acked = true;
        }
        flight.unlink(pool, flight.head_);
    }
}

// RFC 2883 §4: the first block is at or before the acknowledgement, or inside the second.
bool FlightAck::is_dsack() const {
    if (in.sacks.empty()) return false;
    const SackBlock& first = in.sacks[0];
    if (!before(first.left, first.right)) return false;
    if (at_or_before(first.right, in.ack)) return true;
    return in.sacks.size() > 1 && at_or_after(first.left, in.sacks[1].left) &&
           at_or_before(first.right, in.sacks[1].right);
}

void FlightAck::selective(SackBlock block) {
    if (!before(block.left, block.right) || !after(block.right, in.ack) ||
        after(block.right, in.snd_nxt))
        return;
    if (before(block.left, in.ack)) block.left = in.ack;
    std::uint32_t id = flight.head_;
    while (id != FlightPool::kNone && before(pool[id].seq, block.right)) {
        if (pool[id].is(kSacked) || at_or_before(pool[id].end, block.left)) {
            id = pool[id].next;
            continue;
        }
        // Half a segment is not worth a record, and would let a peer make any number of them.
        if (before(pool[id].seq, block.left)) {
            std::uint32_t second = FlightPool::kNone;
            if (pool[id].segments > 1) second = flight.split(pool, id, block.left);
            id = second == FlightPool::kNone ? pool[id].next : second;
            continue;
        }
        if (after(pool[id].end, block.right) &&
            (pool[id].segments == 1 || flight.split(pool, id, block.right) == FlightPool::kNone))
            return;
        FlightRecord& record = pool[id];
        deliver(record, false);
        out.sacked_bytes += record.bytes();
        if (record.is(kLost)) flight.lost_bytes_ -= record.bytes();
        record.flags = static_cast<std::uint8_t>((record.flags & ~kLost) | kSacked);
        flight.sacked_bytes_ += record.bytes();
        flight.sacked_segments_ += record.segments;
        flight.merge_sacked(pool, id);
        id = pool[id].next;
    }
}

// RFC 5681 §3.2 and RFC 6582 §3.2: each duplicate says that a segment has left the network; the
// third one, and each partial acknowledgement, that the first in flight is lost.
void FlightAck::without_sack() {
    if (out.acked_bytes != 0) {
        const std::uint32_t deflate = in.in_recovery ? out.acked_bytes : flight.duplicate_bytes_;
        flight.duplicate_bytes_ -=
            deflate < flight.duplicate_bytes_ ? deflate : flight.duplicate_bytes_;
        if (!in.in_recovery) flight.duplicate_acks_ = 0;
        if (in.in_recovery && !flight.empty() && !pool[flight.head_].is(kLost))
            flight.mark_lost(pool, flight.head_);
    }
    if (!in.duplicate || flight.empty()) return;
    // The first is missing: no more duplicates are honest than there are others.
    const std::uint32_t others = flight.bytes_ - pool[flight.head_].bytes();
    const std::uint32_t sum = flight.duplicate_bytes_ + in.mss;
    if (sum > others + in.mss - 1) return;
    flight.duplicate_bytes_ = sum < others ? sum : others;
    if (flight.duplicate_acks_ < 255) ++flight.duplicate_acks_;
    if (flight.duplicate_acks_ == 3 && !in.in_recovery && !pool[flight.head_].is(kLost))
        flight.mark_lost(pool, flight.head_);
}

// Karn: with a retransmission among what was acknowledged cumulatively, the others may have arrived
// long ago and waited for it. What is SACKed has just arrived.
void FlightAck::take_sample() {
    const std::uint64_t sent_us = out.retransmission_acked ? newest_sacked_us : newest_once_us;
    if (sent_us == 0) return;
    const std::uint64_t rtt_us = in.now_us - sent_us;
    out.rtt_us = rtt_us == 0 ? 1 : rtt_us > ~0u ? ~0u : static_cast<std::uint32_t>(rtt_us);
}

Acked Flight::acked(FlightPool& pool, const AckInput& in) {
    FlightAck ack{.flight = *this, .pool = pool, .in = in};
    ack.cumulative();
    if (in.sack_permitted) {
        ack.out.dsack = ack.is_dsack();
        for (const SackBlock& block : in.sacks) ack.selective(block);
    } else {
        ack.without_sack();
    }
    ack.take_sample();
    update_reorder_window(in, ack.out.dsack);
    ack.out.probe_repaired = probe_sent_ && probe_answered(in, ack.out.dsack);
    return ack.out;
}

}  // namespace skerry::net::tcp
