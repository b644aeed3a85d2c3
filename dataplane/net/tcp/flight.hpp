// What a connection has sent and the peer has not acknowledged: one record a segment (or a burst of
// segments sent as one), which is the scoreboard of RFC 2018/6675, and when each was sent last,
// which is what RACK-TLP (RFC 8985) decides by. Without SACK: NewReno's duplicate acknowledgements
// (RFC 5681 §3.2, RFC 6582).
//
// Records come from a pool of the core; a Flight is a connection's list of them, and does nothing
// by itself: the caller sends what next_lost() names, keeps the timers that detect_loss() and
// probe_timeout_us() ask for, and tells congestion control. SYN and FIN are sequence space like
// any.
//
// Acknowledgements are hostile: SACK blocks outside what is in flight are ignored, and no sequence
// of them makes more records than there were segments. One call walks the connection's records at
// most once for each block; records that are SACKed and adjacent become one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/net/tcp/segment.hpp"
#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {

enum FlightBits : std::uint8_t {
    kSacked = 1,         // the peer has it
    kLost = 2,           // taken for lost, to be sent again
    kRetransmitted = 4,  // has been sent more than once
};

struct FlightRecord {
    std::uint32_t seq = 0;  // [seq, end)
    std::uint32_t end = 0;
    std::uint32_t next = 0;  // of the free list as well
    std::uint32_t previous = 0;
    std::uint64_t sent_us = 0;   // when it was sent last
    std::uint16_t segments = 0;  // how many it was sent as; of merged ones, all of them
    std::uint8_t flags = 0;
    std::uint32_t bytes() const { return end - seq; }
    bool is(std::uint8_t bits) const { return (flags & bits) != 0; }
};
static_assert(sizeof(FlightRecord) == 32);

// The records of one core. Allocates in the constructor only.
class FlightPool {
  public:
    static constexpr std::uint32_t kNone = ~0u;

    explicit FlightPool(std::uint32_t records);
    FlightRecord& operator[](std::uint32_t id) { return records_[id]; }
    const FlightRecord& operator[](std::uint32_t id) const { return records_[id]; }
    std::uint32_t capacity() const { return capacity_; }
    std::uint32_t free_count() const { return free_; }
    bool room_for_new() const { return free_ > capacity_ / 16; }
    // The last sixteenth is kept for splitting what is in flight already, so that new data can't
    // keep lost data from being sent again. kNone: nothing left.
    std::uint32_t take(bool for_split);
    void give(std::uint32_t id);

  private:
    std::unique_ptr<FlightRecord[]> records_;
    std::uint32_t capacity_;
    std::uint32_t free_;
    std::uint32_t first_free_;
};

// One acknowledgement, as the connection has accepted it (RFC 9293 §3.10.7.4, fifth).
struct AckInput {
    std::uint32_t ack = 0;             // SND.UNA ≤ ack ≤ SND.NXT
    std::uint32_t snd_nxt = 0;         // the highest sequence number ever sent, plus one
    std::span<const SackBlock> sacks;  // none, if SACK was not negotiated
    std::uint64_t now_us = 0;
    // The latest moment at which the segment may have been sent whose timestamp is echoed; 0: no
    // timestamps.
    std::uint64_t echo_us = 0;
    std::uint32_t min_rtt_us = 0;  // of Rto; 0: none yet
    std::uint32_t mss = 0;
    bool sack_permitted = false;
    bool duplicate = false;    // as RFC 5681 §2 defines it
    bool in_recovery = false;  // fast recovery, or after a timeout, up to its recovery point
};

struct Acked {
    std::uint32_t acked_bytes = 0;      // SND.UNA moves by these
    std::uint32_t sacked_bytes = 0;     // newly SACKed
    std::uint32_t delivered_bytes = 0;  // newly known to have arrived, either way
    std::uint32_t rtt_us = 0;           // a sample under Karn's rule; 0: none
    bool retransmission_acked = false;  // something cumulatively acknowledged had been sent twice
    bool spurious = false;  // … and its first transmission had arrived after all (RFC 3522)
    bool dsack = false;     // the peer says that it got something twice (RFC 2883)
    // A loss was found and mended by the tail loss probe: congestion control must be told
    // (RFC 8985 §7.4.2).
    bool probe_repaired = false;
    bool reordered = false;  // something arrived behind what was sent after it
};

struct LossInput {
    std::uint64_t now_us = 0;
    std::uint32_t srtt_us = 0;
    std::uint32_t min_rtt_us = 0;
    bool in_recovery = false;
};

class Flight {
  public:
    // New data at the end: begins where the last record ends. `segments`: how many it is sent as.
    // false: the pool is empty; nothing may be sent.
    bool sent(FlightPool& pool, std::uint32_t seq, std::uint32_t end, std::uint16_t segments,
              std::uint64_t now_us);

    // The first `bytes` of a record were sent again (1 ≤ bytes ≤ all of it); the record is split if
    // that is not all of it. If nothing is left to split with, all of it counts as sent.
    void retransmitted(FlightPool& pool, std::uint32_t id, std::uint32_t bytes,
                       std::uint64_t now_us);

    Acked acked(FlightPool& pool, const AckInput& in);

    // Marks what is lost (RFC 8985 §6.2; without SACK acked() has done it by RFC 6582), and says
    // how many bytes that is. `reorder_us`: call again after that long if no acknowledgement comes;
    // 0: no need.
    std::uint32_t detect_loss(FlightPool& pool, const LossInput& in, std::uint32_t& reorder_us);

    // The retransmission timer ran out (RFC 8985 §6.3): the first record and all that should have
    // been acknowledged by now are lost; all of them, if the peer has reneged (RFC 2018 §8).
    void timeout(FlightPool& pool, const LossInput& in);

    // The path has become narrower: what is larger than `bytes` did not get through.
    void lost_if_larger(FlightPool& pool, std::uint32_t bytes);
    // A timeout was too early: nothing is taken for lost any more.
    void forgive(FlightPool& pool);

    // The lost record to be sent first, or kNone.
    std::uint32_t next_lost(const FlightPool& pool);
    // Recovery is over (RFC 8985 §6.2 step 4 ages the reordering window by it).
    void left_recovery();

    // ---- Tail loss probe (RFC 8985 §7).

    // May the probe timer run? Not in recovery, which the caller knows.
    bool may_probe() const {
        return !empty() && sacked_bytes_ == 0 && lost_bytes_ == 0 && !probe_sent_;
    }
    // After the last transmission or acknowledgement; the caller takes the lesser of this and what
    // is left of the RTO (§7.2). `srtt_us` 0: no sample.
    std::uint32_t probe_timeout_us(const FlightPool& pool, std::uint32_t srtt_us,
                                   std::uint32_t max_ack_delay_us) const;
    // What to send again if there is nothing new to send; kNone if nothing is in flight.
    std::uint32_t probe_record() const { return tail_; }
    void probe_sent(std::uint32_t snd_nxt, bool was_retransmission);

    void clear(FlightPool& pool);  // frees all records, forgets everything

    bool empty() const { return head_ == FlightPool::kNone; }
    std::uint32_t first() const { return head_; }
    std::uint32_t bytes() const { return bytes_; }  // RFC 5681's FlightSize
    // RFC 6675 §4's pipe: what is believed to be on its way.
    std::uint32_t pipe_bytes() const {
        const std::uint32_t gone = sacked_bytes_ + lost_bytes_ + duplicate_bytes_;
        return bytes_ > gone ? bytes_ - gone : 0;
    }
    std::uint32_t sacked_bytes() const { return sacked_bytes_; }
    std::uint32_t lost_bytes() const { return lost_bytes_; }
    std::uint32_t records() const { return records_; }
    std::uint8_t duplicate_acks() const { return duplicate_acks_; }
    bool reordering_seen() const { return reordering_seen_; }

  private:
    friend struct FlightAck;

    void unlink(FlightPool& pool, std::uint32_t id);
    std::uint32_t split(FlightPool& pool, std::uint32_t id, std::uint32_t at);
    void mark_lost(FlightPool& pool, std::uint32_t id);
    void merge_sacked(FlightPool& pool, std::uint32_t id);
    std::uint32_t reorder_window_us(const LossInput& in) const;
    void update_reorder_window(const AckInput& in, bool dsack);
    bool probe_answered(const AckInput& in, bool dsack);

    std::uint32_t head_ = FlightPool::kNone;
    std::uint32_t tail_ = FlightPool::kNone;
    std::uint32_t hint_ = FlightPool::kNone;  // no record before it is lost; kNone: none is at all
    std::uint32_t records_ = 0;
    std::uint32_t bytes_ = 0;
    std::uint32_t sacked_bytes_ = 0;
    std::uint32_t lost_bytes_ = 0;
    std::uint32_t sacked_segments_ = 0;
    std::uint32_t duplicate_bytes_ = 0;  // without SACK: what duplicates say has arrived

    std::uint32_t rack_rtt_us_ = 0;   // of what was delivered and had been sent last
    std::uint64_t rack_sent_us_ = 0;  // when that was; 0: nothing yet
    std::uint32_t rack_end_ = 0;
    std::uint32_t fack_ = 0;             // the highest that was delivered
    std::uint32_t dsack_round_ = 0;      // of has_dsack_round_
    std::uint32_t probe_end_ = 0;        // of probe_sent_: SND.NXT then
    std::uint8_t reorder_quarters_ = 1;  // reordering window in quarters of the least RTT
    std::uint8_t reorder_persist_ = 16;  // recoveries until it is one quarter again
    std::uint8_t duplicate_acks_ = 0;
    bool reordering_seen_ = false;
    bool has_dsack_round_ = false;
    bool probe_sent_ = false;
    bool probe_was_retransmission_ = false;
};
static_assert(sizeof(Flight) <= 96);

}  // namespace skerry::net::tcp
