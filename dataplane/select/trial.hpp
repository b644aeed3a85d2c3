// The control group of one function at one POP: were the policy's choices worth it?
//
// One request in `explore_one_in` goes where `nearest` would send it. Where the others, which went
// somewhere else, prove slower by a margin, the function is reverted to `nearest` for a while
// (Cloudflare's Smart Placement keeps 1 % as baseline and undoes placements that made a Worker
// slower: developers.cloudflare.com/workers/configuration/smart-placement). Plain state; one
// thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace skerry::select {

class Trial {
  public:
    static constexpr std::uint32_t kLeastControls = 16;
    static constexpr std::uint32_t kRevert_ms = 600'000;
    // A function must be asked for this often for a control group of one in a hundred to say
    // anything within an hour or two.
    static constexpr float kLeastRate_per_s = 0.3f;

    static bool worth_exploring(float own_rate_per_s) { return own_rate_per_s > kLeastRate_per_s; }

    // The answer to a request whose policy and baseline disagreed. A control is compared with those
    // that were chosen since the last one: what changes over the day changes both. It is looked at
    // after every control, so noise has as many chances: hence so many standard errors.
    void observe(bool control, float latency_us, std::uint32_t now_ms) {
        if (!control) {
            ++chosen_count_;
            chosen_us_ += (latency_us - chosen_us_) / static_cast<float>(chosen_count_);
            return;
        }
        if (chosen_count_ == 0) return;
        add(chosen_us_ - latency_us, latency_us);
        chosen_count_ = 0;
        chosen_us_ = 0;
        if (controls_ < kLeastControls) return;
        // An average that forgets is as exact as one of twice its memory.
        const auto samples = static_cast<float>(std::min(controls_, 2 * kMemory - 1));
        const float margin_us = control_us_ * kMargin + kErrors * std::sqrt(variance_ / samples);
        if (slower_us_ <= margin_us) return;
        *this = {};
        reverted_until_ms_ = (now_ms + kRevert_ms) | 1u;
    }
    bool reverted(std::uint32_t now_ms) const {
        return reverted_until_ms_ != 0 &&
               static_cast<std::int32_t>(reverted_until_ms_ - now_ms) > 0;
    }

  private:
    static constexpr std::uint32_t kMemory = 512;  // controls
    static constexpr float kMargin = 0.1f;
    static constexpr float kErrors = 4.5f;

    void add(float slower_us, float control_us) {
        ++controls_;
        const float part = 1.0f / static_cast<float>(std::min(controls_, kMemory));
        const float off = slower_us - slower_us_;
        slower_us_ += off * part;
        control_us_ += (control_us - control_us_) * part;
        variance_ += (off * (slower_us - slower_us_) - variance_) * part;
    }

    float chosen_us_ = 0;  // mean since the last control
    std::uint32_t chosen_count_ = 0;
    float slower_us_ = 0;  // chosen less control: mean
    float variance_ = 0;   // of it
    float control_us_ = 0;
    std::uint32_t controls_ = 0;
    std::uint32_t reverted_until_ms_ = 0;  // 0: never was
};

}  // namespace skerry::select
