// How one POP knows that a region lives: probes in simulated time drive the product's own state
// machine (control/regions/health.hpp), with the patience of control/regions/monitor.cpp. Stepped
// when the POP decides, not by events: only regions with faults are probed at all.
#pragma once

#include <cstdint>

#include "control/regions/health.hpp"
#include "tools/sim/faults.hpp"
#include "tools/sim/scenario.hpp"

namespace skerry::sim {

class Prober {
  public:
    Prober(const Scenario& scenario, std::uint32_t pop, std::uint32_t region, std::int32_t rtt_us);

    void step(const Faults& faults, std::int64_t now_us);
    // A request was answered, or was not.
    void on_reply(std::int64_t now_us);
    void on_silence(std::int64_t now_us) { health_.on_failure(static_cast<std::uint64_t>(now_us)); }

    std::int64_t fresh_until_us() const { return heard_us_ + fresh_us_; }
    std::int32_t weight_permille(std::int64_t now_us) {
        return health_.weight_permille(static_cast<std::uint64_t>(now_us));
    }

  private:
    bool answered(const Faults& faults, std::int64_t sent_us) const;
    std::int64_t patience_us() const;

    regions::Health health_;
    std::uint32_t pop_, region_;
    std::int32_t rtt_us_;
    std::int64_t period_us_, fresh_us_;
    std::int64_t due_us_, heard_us_ = 0;
    std::int64_t sent_us_ = -1;  // of the probe that is out
};

}  // namespace skerry::sim
