// NewReno, and what CUBIC shares with it. CUBIC's own growth is in cubic.cpp.
#include "dataplane/net/tcp/congestion.hpp"

#include "dataplane/net/tcp/seq.hpp"

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kNever = ~0u;
constexpr std::uint32_t kStretch =
    8;  // segments one acknowledgement may grow slow start by: 9406's L

// RFC 9406 §4.3.
constexpr std::uint32_t kMinThresholdUs = 4'000;
constexpr std::uint32_t kMaxThresholdUs = 16'000;
constexpr std::uint32_t kThresholdDivisor = 8;
constexpr std::uint16_t kSamples = 8;
constexpr std::uint32_t kConservativeDivisor = 4;
constexpr std::uint16_t kConservativeRounds = 5;

std::uint32_t clamp(std::uint64_t bytes) {
    return bytes > Congestion::kUnlimited ? Congestion::kUnlimited
                                          : static_cast<std::uint32_t>(bytes);
}

}  // namespace

void Congestion::start(CongestionControl kind, std::uint32_t mss) {
    *this = {};
    kind_ = kind;
    mss_ = mss;
    window_ = initial_window(mss);
    watching_ = true;
    round_ = {.end = 0,
              .last_min_us = kNever,
              .min_us = kNever,
              .baseline_us = kNever,
              .samples = 0,
              .conservative_rounds = 0};
}

void Congestion::set_mss(std::uint32_t mss) {
    mss_ = mss;
    if (window_ < mss) window_ = mss;
}

void Congestion::begin_round(std::uint32_t nxt) {
    round_.end = nxt;
    round_.last_min_us = round_.min_us;
    round_.min_us = kNever;
    round_.samples = 0;
}

// HyStart++: does the delay grow? Then slowly on, for a few rounds, to see whether that was noise.
void Congestion::watch_rounds(const CongestionAck& ack) {
    if (ack.rtt_us != 0) {
        if (ack.rtt_us < round_.min_us) round_.min_us = ack.rtt_us;
        ++round_.samples;
    }
    if (round_.samples >= kSamples && round_.min_us != kNever) {
        if (round_.baseline_us != kNever) {
            if (round_.min_us < round_.baseline_us) round_.baseline_us = kNever;  // it was noise
        } else if (round_.last_min_us != kNever) {
            std::uint32_t threshold = round_.last_min_us / kThresholdDivisor;
            if (threshold < kMinThresholdUs) threshold = kMinThresholdUs;
            if (threshold > kMaxThresholdUs) threshold = kMaxThresholdUs;
            if (round_.min_us >= round_.last_min_us + threshold) {
                round_.baseline_us = round_.min_us;
                round_.conservative_rounds = 0;
            }
        }
    }
    if (!at_or_after(ack.una, round_.end)) return;
    begin_round(ack.nxt);
    if (round_.baseline_us != kNever && ++round_.conservative_rounds >= kConservativeRounds) {
        ssthresh_ = window_;
        watching_ = false;
    }
}

void Congestion::grow_slowly(const CongestionAck& ack) {
    const std::uint32_t most = kStretch * mss_;
    std::uint32_t bytes = ack.bytes < most ? ack.bytes : most;
    if (watching_ && round_.baseline_us != kNever) bytes /= kConservativeDivisor;
    const std::uint64_t grown = std::uint64_t{window_} + bytes;
    // Not beyond where congestion avoidance takes over.
    window_ = clamp(grown > ssthresh_ ? ssthresh_ : grown);
    if (watching_) watch_rounds(ack);
}

void Congestion::begin_epoch(std::uint64_t now_us) {
    phase_ = Phase::avoidance;
    watching_ = false;
    epoch_ = {.start_ms = static_cast<std::uint32_t>(now_us / 1000),
              .k_ms = 0,
              .credit = 0,
              .estimate = 0};
}

void Congestion::add_credit(double bytes) {
    const double credit = static_cast<double>(epoch_.credit) + bytes;
    const double whole = credit < 0 ? 0 : static_cast<double>(static_cast<std::uint32_t>(credit));
    epoch_.credit = static_cast<float>(credit - whole);
    window_ = clamp(std::uint64_t{window_} + static_cast<std::uint32_t>(whole));
}

void Congestion::acked(const CongestionAck& ack) {
    const auto now_ms = static_cast<std::uint32_t>(ack.now_us / 1000);
    const std::uint32_t since_ms = now_ms - last_ms_;
    last_ms_ = now_ms;
    if (phase_ == Phase::recovery || ack.bytes == 0) return;
    if (slow_start()) {
        // Less than half of it in use: it has not been tried out (RFC 7661 §4).
        if (ack.app_limited && ack.flight_before <= window_ / 2) return;
        grow_slowly(ack);
        return;
    }
    if (ack.app_limited) {
        // CUBIC's clock stands still while the window is not used (RFC 9438 §5.8).
        if (phase_ == Phase::avoidance) epoch_.start_ms += since_ms;
        return;
    }
    if (kind_ == CongestionControl::cubic) {
        grow_cubic(ack);
        return;
    }
    if (phase_ != Phase::avoidance) begin_epoch(ack.now_us);
    const std::uint32_t bytes = ack.bytes < window_ ? ack.bytes : window_;
    add_credit(static_cast<double>(mss_) * bytes / window_);  // RFC 5681 eq. 3, by bytes
}

void Congestion::remember() {
    undo_window_ = window_;
    undo_ssthresh_ = ssthresh_;
    undo_w_max_ = w_max_;
}

void Congestion::set_ssthresh(std::uint32_t flight) {
    const std::uint64_t reduced =
        kind_ == CongestionControl::cubic ? std::uint64_t{flight} * 7 / 10 : flight / 2;
    const std::uint64_t least = 2 * std::uint64_t{mss_};
    ssthresh_ = clamp(reduced < least ? least : reduced);
    if (kind_ != CongestionControl::cubic) return;
    prior_ = window_;
    // Fast convergence (RFC 9438 §4.7): less than the last time means that somebody new is here.
    w_max_ =
        window_ < w_max_ ? static_cast<std::uint32_t>(std::uint64_t{window_} * 17 / 20) : window_;
}

void Congestion::enter_recovery(std::uint32_t flight) {
    remember();
    set_ssthresh(flight);
    phase_ = Phase::recovery;
    watching_ = false;
    after_timeout_ = false;
    reduction_ = {.flight = flight == 0 ? 1 : flight, .delivered = 0, .out = 0};
}

// RFC 6937 §3: as long as more is in flight than ssthresh, send in proportion to what arrives;
// below it, as much as arrives, and a segment more if that brings SND.UNA on.
void Congestion::recovery_acked(std::uint32_t delivered, std::uint32_t pipe, bool safe) {
    if (phase_ != Phase::recovery) return;
    reduction_.delivered += delivered;
    std::uint64_t send = 0;
    if (pipe > ssthresh_) {
        const std::uint64_t due =
            (std::uint64_t{reduction_.delivered} * ssthresh_ + reduction_.flight - 1) /
            reduction_.flight;
        send = due > reduction_.out ? due - reduction_.out : 0;
    } else {
        std::uint64_t limit =
            reduction_.delivered > reduction_.out ? reduction_.delivered - reduction_.out : 0;
        if (safe) limit = (limit > delivered ? limit : delivered) + mss_;
        send = ssthresh_ - pipe < limit ? ssthresh_ - pipe : limit;
    }
    // The first retransmission goes out whatever the arithmetic says.
    if (reduction_.out == 0 && send < mss_) send = mss_;
    window_ = clamp(pipe + send);
}

void Congestion::recovery_sent(std::uint32_t bytes) {
    if (phase_ == Phase::recovery) reduction_.out += bytes;
}

void Congestion::leave_recovery() {
    if (phase_ != Phase::recovery) return;
    window_ = ssthresh_;
    phase_ = Phase::slow_start;  // congestion avoidance begins with the next acknowledgement
    round_ = {};
}

void Congestion::timeout(std::uint32_t flight, bool first) {
    if (first) {
        // In the middle of fast recovery the window of before that is what was too much.
        if (phase_ != Phase::recovery) {
            remember();
            set_ssthresh(flight);
        }
    }
    window_ = mss_;
    phase_ = Phase::slow_start;
    watching_ = false;
    after_timeout_ = true;
    round_ = {};
}

void Congestion::undo() {
    if (undo_window_ == 0) return;
    if (window_ < undo_window_) window_ = undo_window_;
    if (ssthresh_ < undo_ssthresh_) ssthresh_ = undo_ssthresh_;
    w_max_ = undo_w_max_;
    undo_window_ = 0;
    phase_ = Phase::slow_start;
    watching_ = false;
    after_timeout_ = false;
    round_ = {};
}

void Congestion::idle_restart(std::uint64_t idle_us, std::uint32_t rto_us) {
    if (idle_us <= rto_us) return;
    const std::uint32_t restart = initial_window(mss_);
    if (phase_ == Phase::avoidance) {
        phase_ = Phase::slow_start;
        round_ = {};
    }
    if (window_ <= restart) return;
    // What was reached before is where to slow down again (RFC 7661 §4.3.2).
    const auto reached = static_cast<std::uint32_t>(std::uint64_t{window_} * 3 / 4);
    if (ssthresh_ < reached) ssthresh_ = reached;
    window_ = restart;
}

}  // namespace skerry::net::tcp
