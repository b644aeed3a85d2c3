// The control group of one function at one POP: were the policy's choices worth it?
//
// One request in `explore_one_in` goes where `nearest` would send it. Where the others, which went
// somewhere else, prove slower by a margin, the function is reverted to `nearest` for a while
// (Cloudflare's Smart Placement keeps 1 % as baseline and undoes placements that made a Worker
// slower: developers.cloudflare.com/workers/configuration/smart-placement). Plain state; one
// thread.
#pragma once

#include <cstdint>

namespace skerry::select {

class Trial {
  public:
    static constexpr std::uint32_t kLeastControls = 8;
    static constexpr std::uint32_t kLeastChosen = 64;
    static constexpr std::uint32_t kRevert_ms = 600'000;
    // A function must be asked for this often for a control group of one in a hundred to say
    // anything within an hour.
    static constexpr float kLeastRate_per_s = 0.3f;

    static bool worth_exploring(float own_rate_per_s) { return own_rate_per_s > kLeastRate_per_s; }

    // The answer to a request whose policy and baseline disagreed. Both means forget slowly.
    void observe(bool control, float latency_us, std::uint32_t now_ms) {
        Mean& mean = control ? control_ : chosen_;
        mean.add(latency_us);
        if (control_.count < kLeastControls || chosen_.count < kLeastChosen) return;
        // Slower by a tenth, and by more than the noise of the smaller group.
        const float margin = control_.mean * 0.1f + 2.0f * control_.deviation / 2.8f;
        if (chosen_.mean > control_.mean + margin) {
            reverted_until_ms_ = (now_ms + kRevert_ms) | 1u;
            chosen_ = control_ = {};
        }
    }
    bool reverted(std::uint32_t now_ms) const {
        return reverted_until_ms_ != 0 &&
               static_cast<std::int32_t>(reverted_until_ms_ - now_ms) > 0;
    }

  private:
    struct Mean {
        float mean = 0;
        float deviation = 0;  // mean absolute
        std::uint32_t count = 0;
        void add(float x) {
            ++count;
            const float part = 1.0f / static_cast<float>(count < 64 ? count : 64);
            const float off = x > mean ? x - mean : mean - x;
            mean += (x - mean) * part;
            if (count > 1) deviation += (off - deviation) * part;
        }
    };
    Mean chosen_, control_;
    std::uint32_t reverted_until_ms_ = 0;  // 0: never was
};

}  // namespace skerry::select
