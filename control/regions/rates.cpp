#include "control/regions/rates.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::regions {
namespace {

constexpr double kRunsRemembered = 32;  // of the mean time of an execution

}  // namespace

Rates::Rates(Shared& shared, std::uint32_t region_count, RateLimits limits, DigestBook& digests)
    : shared_(shared),
      region_count_(region_count),
      limits_(limits),
      digests_(digests),
      sent_(std::make_unique<std::array<std::array<Sent, kMaxRegions>, kFunctionRows>>()) {
    view_.count = region_count;
    view_.keep_s.fill(static_cast<float>(limits.keep_alive_s));
}

// An exponentially weighted rate: counts enter with the weight of the half-life, and fade.
void Rates::Rate::step(std::uint64_t count, double passed_s, double decay) {
    const double now = static_cast<double>(count - seen) / passed_s;
    rate = rate * decay + now * (1.0 - decay);
    seen = count;
}

std::uint64_t Rates::sum(std::uint32_t function, Counter FunctionCounters::*member) const {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        total += (shared_.counters[core]->functions[function].*member).get();
    return total;
}

std::uint64_t Rates::sent(std::uint32_t function, std::uint32_t region) const {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        total += shared_.counters[core]->sent[function][region].get();
    return total;
}

// Executions that are known of, here or in a region.
std::uint64_t Rates::runs(std::uint32_t function) const {
    return sum(function, &FunctionCounters::local_done) +
           sum(function, &FunctionCounters::region_done);
}

std::uint64_t Rates::runs_us(std::uint32_t function) const {
    return sum(function, &FunctionCounters::run_us_sum) +
           sum(function, &FunctionCounters::region_run_us_sum);
}

void Rates::reset(std::uint32_t function, std::uint64_t, double per_s) {
    arrivals_[function] = {.rate = per_s, .seen = sum(function, &FunctionCounters::arrivals)};
    slow_[function] = arrivals_[function];
    runs_[function] = {.count = runs(function), .us = runs_us(function), .mean_us = 0};
    used_us_[function] = 0;
    digests_.reset(function);
    for (std::uint32_t r = 0; r < region_count_; ++r)
        (*sent_)[function][r] = {.rate = {.rate = 0, .seen = sent(function, r)}, .last_us = 0};
}

void Rates::step(std::span<const Tracked> functions, std::uint64_t now_us) {
    // The first step looks back to the start of the clock: no rate comes of it, but the table is
    // told that everything is cold.
    const double passed_s = static_cast<double>(now_us - last_us_) / 1e6;
    if (passed_s < 0.02) return;
    last_us_ = now_us;
    const double decay = std::exp2(-passed_s / limits_.half_life_s);
    const double slow_decay =
        std::exp2(-passed_s / (limits_.keep_alive_s * double{select::kRateHalfLife}));
    if (region_count_ != 0) digests_.read_regions(now_us, view_);
    double all_per_s = 0;
    for (const Tracked& tracked : functions) {
        const std::uint32_t f = tracked.function;
        const std::uint64_t count = sum(f, &FunctionCounters::arrivals);
        if (count != arrivals_[f].seen) {
            used_us_[f] = now_us;
            digests_.used(f, now_us);
        }
        arrivals_[f].step(count, passed_s, decay);
        slow_[f].step(count, passed_s, slow_decay);
        shared_.warmth->rate_milli[f].store(
            static_cast<std::uint32_t>(std::min(slow_[f].rate * 1000.0, 4.0e9)),
            std::memory_order_relaxed);
        all_per_s += slow_[f].rate;
        step_runs(f);
        if (region_count_ != 0) write_row(tracked, passed_s, slow_decay, now_us);
    }
    const std::uint64_t common = sum(kCommonRow, &FunctionCounters::arrivals);
    arrivals_[kCommonRow].step(common, passed_s, decay);
    slow_[kCommonRow].step(common, passed_s, slow_decay);
    all_per_s += slow_[kCommonRow].rate;
    if (region_count_ != 0) write_common(now_us);
    digests_.track(functions, all_per_s);
}

// Of functions that share a row nothing is known: each is taken for one that nobody has asked for
// yet, so they go together where the others' way is shortest.
void Rates::write_common(std::uint64_t now_us) {
    static constexpr std::array<float, kMaxRegions> kNothing{};
    static constexpr std::array<std::uint64_t, kMaxRegions> kNever{};
    view_.own_rate = 0;
    view_.cold_cost_us = static_cast<float>(limits_.common_cold_cost_us);
    digests_.read_function(kCommonRow, now_us, {kNothing.data(), region_count_},
                           {kNever.data(), region_count_}, view_);
    select::expected_cold_us(limits_.warmth, view_, row_.data());
    for (std::uint32_t r = 0; r < region_count_; ++r)
        shared_.warmth->expected_cold_us[kCommonRow][r].store(static_cast<std::uint32_t>(row_[r]),
                                                              std::memory_order_relaxed);
}

// How long an execution usually takes, wherever it is: a mean that forgets.
void Rates::step_runs(std::uint32_t function) {
    Runs& known = runs_[function];
    const std::uint64_t count = runs(function);
    const std::uint64_t us = runs_us(function);
    if (count == known.count) return;
    const auto fresh = static_cast<double>(count - known.count);
    const double mean_us = static_cast<double>(us - known.us) / fresh;
    const double part = known.mean_us == 0 ? 1.0 : 1.0 - std::exp2(-fresh / kRunsRemembered);
    known = {.count = count, .us = us, .mean_us = known.mean_us + (mean_us - known.mean_us) * part};
    shared_.warmth->run_us[function].store(
        static_cast<std::uint32_t>(std::min(known.mean_us, 2.0e9)), std::memory_order_relaxed);
}

// What a start of the function is expected to cost at each region.
void Rates::write_row(const Tracked& tracked, double passed_s, double decay, std::uint64_t now_us) {
    const std::uint32_t f = tracked.function;
    view_.own_rate = static_cast<float>(slow_[f].rate);
    view_.cold_cost_us = static_cast<float>(tracked.cold_cost_us);
    std::array<float, kMaxRegions> sent_per_s;
    std::array<std::uint64_t, kMaxRegions> sent_us;
    for (std::uint32_t r = 0; r < region_count_; ++r) {
        Sent& there = (*sent_)[f][r];
        const std::uint64_t sent_now = sent(f, r);
        if (there.rate.seen != sent_now) there.last_us = now_us;
        there.rate.step(sent_now, passed_s, decay);
        sent_per_s[r] = static_cast<float>(there.rate.rate);
        sent_us[r] = there.last_us;
    }
    digests_.fade(f, static_cast<float>(decay));
    digests_.read_function(f, now_us, {sent_per_s.data(), region_count_},
                           {sent_us.data(), region_count_}, view_);
    select::expected_cold_us(limits_.warmth, view_, row_.data());
    for (std::uint32_t r = 0; r < region_count_; ++r)
        shared_.warmth->expected_cold_us[f][r].store(static_cast<std::uint32_t>(row_[r]),
                                                     std::memory_order_relaxed);
}

}  // namespace skerry::regions
