// The health of one region, as a state machine of plain numbers: no clock, no I/O. Control thread.
//
//   unheard ──answer──► healthy ──failures──► ejected ──time, answers──► returning ──time──►
//   healthy
//                                                ▲──────failure──────────┘
//
// Outlier ejection and slow start as proxies do it. An ejection lasts the longer the more there
// were of late (Envoy's base_ejection_time × multiplier, which falls by one with each interval that
// passes without one), and ends when the time has passed and probes are answered. A region that
// comes back gets a tenth of its share first, and more with each step, so that a cold server is not
// run over. Which success rate is too low, and how many regions may be ejected at once:
// outliers.hpp.
#pragma once

#include <cstdint>

namespace skerry::regions {

struct HealthLimits {
    std::uint32_t failures_to_eject = 3;         // consecutive; probes and requests count alike
    std::uint64_t return_us = 5'000'000;         // from the first step to the full share
    std::uint64_t base_ejection_us = 2'000'000;  // the first ejection; the second twice that, …
    std::uint64_t max_ejection_us = 60'000'000;
    std::uint64_t forget_us = 10'000'000;  // healthy for so long: one ejection is forgotten
};

class Health {
  public:
    enum class State : std::uint8_t { unheard, healthy, ejected, returning };
    enum class Outcome : std::uint8_t {
        none,
        ejected,   // by this very failure
        withheld,  // it would have been, but may not be
    };
    static constexpr std::uint32_t kAnswersToReturn = 2;
    static constexpr std::uint32_t kReturnSteps = 10;

    explicit Health(HealthLimits limits) : limits_(limits) {}

    // `now_us`: any monotonic clock.
    void on_answer(std::uint64_t now_us);
    Outcome on_failure(std::uint64_t now_us, bool may_eject = true);
    // Its success rate is too low. No effect unless it is healthy or returning.
    Outcome eject(std::uint64_t now_us, bool may_eject = true);
    // The server behind the address is a new one: it knows nothing, and is given time to warm up.
    // An ejection is not over for that.
    void on_restart(std::uint64_t now_us);

    // A round trip, smoothed as RFC 6298 §2 does; one of less than half of that begins anew.
    void on_round_trip(std::uint32_t rtt_us);

    // 0: not to be chosen; 1000: full share.
    std::uint16_t weight_permille(std::uint64_t now_us);
    State state() const { return state_; }
    std::uint32_t consecutive_failures() const { return failures_; }
    std::uint32_t ejections_of_late() const { return repetitions_; }
    std::uint64_t ejected_until_us() const { return ejected_until_us_; }
    std::uint32_t rtt_us() const { return srtt_us_; }
    std::uint32_t rtt_variation_us() const { return variation_us_; }
    bool measured() const { return measured_; }

  private:
    void forget(std::uint64_t now_us);

    HealthLimits limits_;
    State state_ = State::unheard;
    std::uint32_t failures_ = 0;
    std::uint32_t answers_ = 0;             // consecutive, while ejected
    std::uint32_t repetitions_ = 0;         // ejections that are not forgotten
    std::uint64_t ejected_until_us_ = 0;    // earliest
    std::uint64_t remembered_from_us_ = 0;  // repetitions_ are as of then
    std::uint64_t returning_since_us_ = 0;
    std::uint32_t srtt_us_ = 0;
    std::uint32_t variation_us_ = 0;
    bool measured_ = false;
};

}  // namespace skerry::regions
