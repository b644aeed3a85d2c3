// How many requests may go to another region after one has failed them: a share of all requests,
// and some a second whatever their number, so that regions in trouble are not run over by what
// others could not do.
//
// Finagle's RetryBudget (finagle-core/.../RetryBudget.scala: 20 %, 10 a second, kept for 10 s) and
// Envoy's retry_budget (cluster.v3.CircuitBreakers: 20 %, at least 3). Instead of their windows a
// balance that fades with a time constant of 10 s: it tends to (share × requests a second +
// minimum) × 10 s, which is what can be spent at once; in the long run no more than share and
// minimum are. Begins with the minimum's part. Owned by one core; pure but for what it keeps.
#pragma once

#include <cstdint>

#include "dataplane/select/lanes.hpp"
#include "dataplane/selection.hpp"

namespace skerry {

class RetryBudget {
  public:
    static constexpr float kKept_s = 10.0f;

    // The minimum is this server's: each of its cores has an equal part.
    RetryBudget(const RetryLimits& limits, std::uint32_t cores, std::uint32_t now_ms)
        : share_(static_cast<float>(limits.percent) * 0.01f),
          minimum_(static_cast<float>(limits.min_per_s) / static_cast<float>(cores) * kKept_s),
          balance_(minimum_),
          at_ms_(now_ms) {}

    // A request went to its first region.
    void deposit(std::uint32_t now_ms) {
        fade(now_ms);
        balance_ += share_;
    }
    // May it go to another? Takes one if so.
    bool withdraw(std::uint32_t now_ms) {
        fade(now_ms);
        if (balance_ < 1.0f) return false;
        balance_ -= 1.0f;
        return true;
    }
    float balance() const { return balance_; }

  private:
    void fade(std::uint32_t now_ms) {
        const std::uint32_t passed_ms = now_ms - at_ms_;
        if (passed_ms == 0) return;
        const float kept = select::exp_minus(static_cast<float>(passed_ms) * (1e-3f / kKept_s));
        balance_ = balance_ * kept + minimum_ * (1.0f - kept);
        at_ms_ = now_ms;
    }

    float share_, minimum_, balance_;
    std::uint32_t at_ms_;
};

}  // namespace skerry
