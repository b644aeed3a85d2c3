#include "tools/sim/prober.hpp"

#include <algorithm>

#include "tools/sim/random.hpp"

namespace skerry::sim {

Prober::Prober(const Scenario& s, std::uint32_t pop, std::uint32_t region, std::int32_t rtt_us)
    : health_({.failures_to_eject = s.regions.failures_to_eject}),
      pop_(pop),
      region_(region),
      rtt_us_(rtt_us),
      period_us_(std::int64_t{s.regions.probe_ms} * 1000),
      fresh_us_(std::int64_t{s.regions.fresh_ms} * 1000),
      due_us_(static_cast<std::int64_t>(mix64(pop * 1000 + region) %
                                        static_cast<std::uint64_t>(period_us_))) {
    health_.on_answer(0);
    health_.on_round_trip(static_cast<std::uint32_t>(rtt_us));
}

bool Prober::answered(const Faults& faults, std::int64_t sent_us) const {
    const std::uint64_t draw =
        mix64(mix64(pop_ * 1000 + region_) ^ static_cast<std::uint64_t>(sent_us));
    return faults.reachable(pop_, region_, sent_us) && faults.up(region_, sent_us + rtt_us_ / 2) &&
           unit(draw) >= faults.loss(region_, sent_us);
}

std::int64_t Prober::patience_us() const {
    const std::int64_t enough = std::max<std::int64_t>(fresh_us_ / 3, rtt_us_ * 3ll / 2);
    const std::int64_t usual = std::max(period_us_, std::min<std::int64_t>(2ll * rtt_us_, enough));
    const std::int64_t longest = std::max<std::int64_t>(4'000'000, period_us_ << 3);
    return std::min(usual << std::min(health_.consecutive_failures(), 3u), longest);
}

void Prober::step(const Faults& faults, std::int64_t now_us) {
    for (;;) {
        if (sent_us_ < 0) {
            if (due_us_ > now_us) return;
            sent_us_ = due_us_;
        }
        const bool answer = answered(faults, sent_us_);
        const std::int64_t known_us = sent_us_ + (answer ? rtt_us_ : patience_us());
        if (known_us > now_us) return;
        if (answer)
            on_reply(known_us);
        else
            health_.on_failure(static_cast<std::uint64_t>(known_us));
        due_us_ = std::max(sent_us_ + period_us_, known_us);
        sent_us_ = -1;
    }
}

void Prober::on_reply(std::int64_t now_us) {
    heard_us_ = std::max(heard_us_, now_us);
    health_.on_answer(static_cast<std::uint64_t>(now_us));
}

}  // namespace skerry::sim
