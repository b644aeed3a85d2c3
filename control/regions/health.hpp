// The health of one region, as a state machine of plain numbers: no clock, no I/O. Control thread.
//
//   unheard ──answer──► healthy ──failures──► ejected ──answers──► returning ──time──► healthy
//                                                ▲──────failure──────┘
//
// Outlier ejection and slow return as proxies do it: a region that comes back gets a tenth of its
// share first, and more with each step, so that a cold server is not run over.
#pragma once

#include <cstdint>

namespace skerry::regions {

struct HealthLimits {
    std::uint32_t failures_to_eject = 3;  // consecutive; probes and requests count alike
    std::uint64_t return_us = 5'000'000;  // from the first step to the full share
};

class Health {
  public:
    enum class State : std::uint8_t { unheard, healthy, ejected, returning };
    static constexpr std::uint32_t kAnswersToReturn = 2;
    static constexpr std::uint32_t kReturnSteps = 10;

    explicit Health(HealthLimits limits) : limits_(limits) {}

    // `now_us`: any monotonic clock.
    void on_answer(std::uint64_t now_us);
    void on_failure(std::uint64_t now_us);
    // The server behind the address is a new one: it knows nothing, and is given time to warm up.
    void on_restart(std::uint64_t now_us);

    // A round trip, smoothed as RFC 6298 §2 does; one of less than half of that begins anew.
    void on_round_trip(std::uint32_t rtt_us);

    // 0: not to be chosen; 1000: full share.
    std::uint16_t weight_permille(std::uint64_t now_us);
    State state() const { return state_; }
    std::uint32_t consecutive_failures() const { return failures_; }
    std::uint32_t rtt_us() const { return srtt_us_; }
    std::uint32_t rtt_variation_us() const { return variation_us_; }
    bool measured() const { return measured_; }

  private:
    HealthLimits limits_;
    State state_ = State::unheard;
    std::uint32_t failures_ = 0;
    std::uint32_t answers_ = 0;  // consecutive, while ejected
    std::uint64_t returning_since_us_ = 0;
    std::uint32_t srtt_us_ = 0;
    std::uint32_t variation_us_ = 0;
    bool measured_ = false;
};

}  // namespace skerry::regions
