// How much may be in flight: NewReno (RFC 5681, RFC 6582) and CUBIC with fast convergence and the
// Reno-friendly region (RFC 9438), both with the initial window of RFC 6928, HyStart++ for the
// first slow start (RFC 9406), proportional rate reduction in fast recovery (RFC 6937), and the
// restart after idleness of RFC 5681 §4.1.
//
// A plain value in the idle part of a connection. What is lost, and when recovery ends, is the
// caller's to find out. Windows are bytes.
#pragma once

#include <cstdint>

namespace skerry::net::tcp {

enum class CongestionControl : std::uint8_t { cubic, new_reno };

// RFC 6928 §2.
inline constexpr std::uint32_t initial_window(std::uint32_t mss) {
    const std::uint32_t floor = 2 * mss > 14600 ? 2 * mss : 14600;
    return 10 * mss < floor ? 10 * mss : floor;
}

// An acknowledgement of new data, outside fast recovery.
struct CongestionAck {
    std::uint64_t now_us = 0;
    std::uint32_t bytes = 0;          // newly acknowledged
    std::uint32_t flight_before = 0;  // in flight before it
    std::uint32_t rtt_us = 0;         // its sample, 0: none
    std::uint32_t srtt_us = 0;
    std::uint32_t una = 0;  // SND.UNA after it, SND.NXT: HyStart++ counts rounds by them
    std::uint32_t nxt = 0;
    bool app_limited = false;  // there was nothing more to send: the window says nothing (RFC 7661)
};

class Congestion {
  public:
    static constexpr std::uint32_t kUnlimited = 1u << 30;  // RFC 7323 §2.3: no window is larger

    void start(CongestionControl kind, std::uint32_t mss);

    // The SYN, or its answer, was sent more than once: one segment (RFC 5681 §3.1).
    void syn_was_lost() { window_ = mss_; }

    std::uint32_t window() const { return window_; }
    std::uint32_t ssthresh() const { return ssthresh_; }
    bool slow_start() const { return window_ < ssthresh_; }
    CongestionControl kind() const { return kind_; }

    void acked(const CongestionAck& ack);

    // A loss was found: fast recovery begins, with `flight` bytes in flight (RFC 5681 eq. 4).
    void enter_recovery(std::uint32_t flight);
    // In fast recovery: each acknowledgement, with what it delivered, what is believed to be in
    // flight after it (pipe), and whether it moved SND.UNA without telling of further losses.
    void recovery_acked(std::uint32_t delivered, std::uint32_t pipe, bool safe);
    void recovery_sent(std::uint32_t bytes);  // in fast recovery: each transmission
    void leave_recovery();
    // The retransmission timer ran out; `first`: since SND.UNA moved last (RFC 5681 §3.1).
    void timeout(std::uint32_t flight, bool first);
    // Nothing had been lost: as it was before the last enter_recovery() or timeout() (RFC 4015).
    void undo();
    // Data is to be sent after `idle_us` without any in flight.
    void idle_restart(std::uint64_t idle_us, std::uint32_t rto_us);
    // The path takes other segments from now on; what is in flight stays (RFC 1191 §6.4).
    void set_mss(std::uint32_t mss);

  private:
    // What slow start, congestion avoidance and recovery remember, one at a time.
    struct Round {  // RFC 9406 §4.2
        std::uint32_t end;
        std::uint32_t last_min_us;  // ~0: none
        std::uint32_t min_us;
        std::uint32_t baseline_us;  // of conservative slow start; ~0: not in it
        std::uint16_t samples;
        std::uint16_t conservative_rounds;
    };
    struct Epoch {  // RFC 9438 §4.1; NewReno uses `credit` alone
        std::uint32_t start_ms;
        std::uint32_t k_ms;
        float credit;     // bytes of window not yet given
        double estimate;  // W_est, bytes
    };
    struct Reduction {  // RFC 6937 §3
        std::uint32_t flight;
        std::uint32_t delivered;
        std::uint32_t out;
    };
    enum class Phase : std::uint8_t { slow_start, avoidance, recovery };

    void begin_round(std::uint32_t nxt);
    void begin_epoch(std::uint64_t now_us);
    void grow_slowly(const CongestionAck& ack);  // slow start, that is
    void watch_rounds(const CongestionAck& ack);
    void grow_cubic(const CongestionAck& ack);
    void add_credit(double bytes);
    void remember();
    void set_ssthresh(std::uint32_t flight);

    CongestionControl kind_ = CongestionControl::cubic;
    Phase phase_ = Phase::slow_start;
    bool watching_ = false;       // HyStart++: the first slow start
    bool after_timeout_ = false;  // RFC 9438 §4.8
    std::uint32_t mss_ = 536;
    std::uint32_t window_ = 0;
    std::uint32_t ssthresh_ = kUnlimited;
    std::uint32_t w_max_ = 0;        // RFC 9438: window before the last reduction, or a bit less
    std::uint32_t prior_ = 0;        // RFC 9438: cwnd_prior
    std::uint32_t undo_window_ = 0;  // 0: nothing to undo
    std::uint32_t undo_ssthresh_ = 0;
    std::uint32_t undo_w_max_ = 0;
    std::uint32_t last_ms_ = 0;  // the last acknowledgement outside recovery
    union {
        Round round_{};
        Epoch epoch_;
        Reduction reduction_;
    };
};
static_assert(sizeof(Congestion) <= 72);

}  // namespace skerry::net::tcp
