// RACK-TLP (RFC 8985): what is lost is judged by when it was sent, compared with what has arrived.
#include "dataplane/net/tcp/flight.hpp"

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kDupThresh = 3;
constexpr std::uint8_t kPersistRecoveries = 16;
constexpr std::uint32_t kProbeWithoutSampleUs = 1'000'000;
constexpr std::uint32_t kLeastProbeUs = 2'000;  // two ticks of the timers

}  // namespace

// §6.2 step 4, the part that learns: a duplicate means that we were too quick, and the window grows
// by a quarter of the least round trip, once a round trip.
void Flight::update_reorder_window(const AckInput& in, bool dsack) {
    if (has_dsack_round_ && at_or_after(in.ack, dsack_round_)) has_dsack_round_ = false;
    if (!dsack || has_dsack_round_) return;
    has_dsack_round_ = true;
    dsack_round_ = in.snd_nxt;
    if (reorder_quarters_ < 255) ++reorder_quarters_;
    reorder_persist_ = kPersistRecoveries;
}

void Flight::left_recovery() {
    duplicate_acks_ = 0;
    duplicate_bytes_ = 0;
    if (reorder_persist_ > 0) --reorder_persist_;
    if (reorder_persist_ == 0) reorder_quarters_ = 1;
}

std::uint32_t Flight::reorder_window_us(const LossInput& in) const {
    if (!reordering_seen_ && (in.in_recovery || sacked_segments_ >= kDupThresh)) return 0;
    const std::uint64_t window = std::uint64_t{in.min_rtt_us} * reorder_quarters_ / 4;
    return window > in.srtt_us ? in.srtt_us : static_cast<std::uint32_t>(window);
}

std::uint32_t Flight::detect_loss(FlightPool& pool, const LossInput& in,
                                  std::uint32_t& reorder_us) {
    reorder_us = 0;
    if (rack_sent_us_ == 0) return 0;
    const std::uint32_t lost_before = lost_bytes_;
    const std::uint64_t patience_us = std::uint64_t{rack_rtt_us_} + reorder_window_us(in);
    for (std::uint32_t id = head_; id != FlightPool::kNone; id = pool[id].next) {
        const FlightRecord& record = pool[id];
        const bool sent_before = record.sent_us < rack_sent_us_ ||
                                 (record.sent_us == rack_sent_us_ && before(record.end, rack_end_));
        if (record.is(kSacked | kLost)) continue;
        if (!sent_before) {
            // What was sent once lies in the order of sending: nothing behind it was sent before.
            if (!record.is(kRetransmitted)) break;
            continue;
        }
        const std::uint64_t due_us = record.sent_us + patience_us;
        if (due_us <= in.now_us) {
            mark_lost(pool, id);
        } else if (due_us - in.now_us > reorder_us) {
            reorder_us = static_cast<std::uint32_t>(due_us - in.now_us);
        }
    }
    return lost_bytes_ - lost_before;
}

void Flight::timeout(FlightPool& pool, const LossInput& in) {
    probe_sent_ = false;
    duplicate_acks_ = 0;
    duplicate_bytes_ = 0;
    if (empty()) return;
    // What the peer has SACKed in front of everything it has not kept, or it would be acknowledged.
    const bool reneged = pool[head_].is(kSacked);
    const std::uint64_t patience_us = std::uint64_t{rack_rtt_us_} + reorder_window_us(in);
    for (std::uint32_t id = head_; id != FlightPool::kNone; id = pool[id].next) {
        FlightRecord& record = pool[id];
        if (reneged && record.is(kSacked)) {
            record.flags &= static_cast<std::uint8_t>(~kSacked);
            sacked_bytes_ -= record.bytes();
            sacked_segments_ -= record.segments;
        }
        if (record.is(kSacked | kLost)) continue;
        if (reneged || id == head_ || record.sent_us + patience_us <= in.now_us)
            mark_lost(pool, id);
    }
}

// §7.2. One segment in flight may meet a delayed acknowledgement.
std::uint32_t Flight::probe_timeout_us(const FlightPool& pool, std::uint32_t srtt_us,
                                       std::uint32_t max_ack_delay_us) const {
    if (srtt_us == 0) return kProbeWithoutSampleUs;
    std::uint64_t timeout = 2ull * srtt_us;
    if (head_ == tail_ && head_ != FlightPool::kNone && pool[head_].segments == 1)
        timeout += max_ack_delay_us;
    if (timeout < kLeastProbeUs) timeout = kLeastProbeUs;
    return timeout > ~0u ? ~0u : static_cast<std::uint32_t>(timeout);
}

void Flight::probe_sent(std::uint32_t snd_nxt, bool was_retransmission) {
    probe_sent_ = true;
    probe_end_ = snd_nxt;
    probe_was_retransmission_ = was_retransmission;
}

// §7.4.2, the end of a probe's episode. true: it has mended a loss that nothing else has seen.
bool Flight::probe_answered(const AckInput& in, bool dsack) {
    if (before(in.ack, probe_end_)) return false;
    if (!probe_was_retransmission_ || dsack) {
        probe_sent_ = false;  // new data, or the peer has got both
        return false;
    }
    if (after(in.ack, probe_end_)) {
        probe_sent_ = false;
        return true;
    }
    // Acknowledges all that there was, once: which of the two, the next acknowledgement says. A
    // second one without a SACK block means that both have arrived.
    if (in.duplicate && in.sacks.empty()) probe_sent_ = false;
    return false;
}

}  // namespace skerry::net::tcp
