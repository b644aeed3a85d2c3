#include "control/regions/rates.hpp"

#include <cmath>

#include "dataplane/decide/decide.hpp"

namespace skerry::regions {

Rates::Rates(Shared& shared, std::uint32_t region_count, RateLimits limits)
    : shared_(shared),
      region_count_(region_count),
      limits_(limits),
      sent_(std::make_unique<std::array<std::array<Sent, kMaxRegions>, kMaxFunctions>>()) {}

// An exponentially weighted rate: counts enter with the weight of the half-life, and fade.
void Rates::Rate::step(std::uint64_t count, double passed_s, double decay) {
    const double now = static_cast<double>(count - seen) / passed_s;
    rate = rate * decay + now * (1.0 - decay);
    seen = count;
}

std::uint64_t Rates::arrivals(std::uint32_t function) const {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        total += shared_.counters[core]->functions[function].arrivals.get();
    return total;
}

std::uint64_t Rates::sent(std::uint32_t function, std::uint32_t region) const {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        total += shared_.counters[core]->sent[function][region].get();
    return total;
}

void Rates::reset(std::uint32_t function, std::uint64_t) {
    arrivals_[function] = {.rate = 0, .seen = arrivals(function)};
    slow_[function] = arrivals_[function];
    for (std::uint32_t r = 0; r < region_count_; ++r)
        (*sent_)[function][r] = {.seen = sent(function, r), .last_us = 0};
}

void Rates::step(std::span<const Tracked> functions, std::uint64_t now_us) {
    // The first step looks back to the start of the clock: no rate comes of it, but the table is
    // told that everything is cold.
    const double passed_s = static_cast<double>(now_us - last_us_) / 1e6;
    if (passed_s < 0.02) return;
    last_us_ = now_us;
    const double decay = std::exp2(-passed_s / limits_.half_life_s);
    const double slow_decay = std::exp2(-passed_s / limits_.keep_alive_s);
    for (const Tracked& tracked : functions) {
        const std::uint64_t count = arrivals(tracked.function);
        arrivals_[tracked.function].step(count, passed_s, decay);
        Rate& slow = slow_[tracked.function];
        slow.step(count, passed_s, slow_decay);
        for (std::uint32_t r = 0; r < region_count_; ++r) {
            Sent& there = (*sent_)[tracked.function][r];
            const std::uint64_t sent_now = sent(tracked.function, r);
            if (there.seen != sent_now) there.last_us = now_us;
            there.seen = sent_now;
            const double silent_s = static_cast<double>(now_us - there.last_us) / 1e6;
            const WarmthView view{// What other POPs send there is not reported yet.
                                  .region_rate = 0,
                                  .own_rate = slow.rate,
                                  .keep_alive_s = limits_.keep_alive_s,
                                  .warm = there.last_us != 0 && silent_s < limits_.keep_alive_s,
                                  .busy = false,
                                  .cold_cost_us = tracked.cold_cost_us,
                                  .tie = Snapshot::hash(tracked.key, r + 1)};
            shared_.warmth->expected_cold_us[tracked.function][r].store(expected_cold_us(view),
                                                                        std::memory_order_relaxed);
        }
    }
}

}  // namespace skerry::regions
