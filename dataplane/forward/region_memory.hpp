// What one core remembers of its regions and of its choices: requests that regions have from it,
// how long they took, and for each function whether the policy's choices were worth it.
//
// Owned by one core; nothing is shared, so nothing is locked. With several cores each knows its
// own part of this server's requests: as if each were a POP of its own. Bounded: kMaxRegions and
// kFunctionRows records, made in the constructor.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/select/lanes.hpp"
#include "dataplane/select/trial.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

class RegionMemory {
  public:
    // Of the peak-sensitive average: Finagle's and Linkerd's default.
    static constexpr float kForget_ms = 10'000;

    RegionMemory() : trials_(std::make_unique<Kept[]>(kFunctionRows)) {}

    // Each request that is sent to a region ends there once, however that is.
    void sent(std::uint8_t region) { ++outstanding_[region]; }
    void ended(std::uint8_t region) { --outstanding_[region]; }
    std::int32_t outstanding(std::uint8_t region) const { return outstanding_[region]; }

    // It answered: a higher time is taken over at once, a lower one slowly.
    void took(std::uint8_t region, std::uint32_t us, std::uint32_t now_ms) {
        const auto sample = static_cast<float>(us);
        const float old = kept_part(region, now_ms);
        float& average = response_us_[region];
        average = sample > average ? sample : average * old + sample * (1 - old);
        answered_ms_[region] = now_ms;
    }
    // It has not answered yet, after so long, and will not be waited for.
    void takes_longer_than(std::uint8_t region, std::uint32_t us, std::uint32_t now_ms) {
        if (static_cast<float>(us) > response_us_[region] * kept_part(region, now_ms))
            took(region, us, now_ms);
    }
    // As of now: it fades, so that a region that was slow is tried again. 0: nothing is known.
    std::int32_t response_us(std::uint8_t region, std::uint32_t now_ms) const {
        return static_cast<std::int32_t>(
            std::min(response_us_[region] * kept_part(region, now_ms), 2.0e9f));
    }

    // True at most once in a millisecond: what a region says of its load is told to all cores.
    bool may_tell(std::uint8_t region, std::uint32_t now_ms) {
        if (told_[region] && told_ms_[region] == now_ms) return false;
        told_[region] = true;
        told_ms_[region] = now_ms;
        return true;
    }

    // The function's control group. An index that begins to stand for another function has a fresh
    // one.
    select::Trial& trial(std::uint32_t function, std::uint64_t key) {
        Kept& kept = trials_[function];
        if (kept.key != key) kept = {key, {}};
        return kept.trial;
    }

  private:
    float kept_part(std::uint8_t region, std::uint32_t now_ms) const {
        return select::exp_minus(static_cast<float>(now_ms - answered_ms_[region]) / kForget_ms);
    }

    struct Kept {
        std::uint64_t key = 0;
        select::Trial trial;
    };
    std::array<std::int32_t, kMaxRegions> outstanding_{};
    std::array<float, kMaxRegions> response_us_{};
    std::array<std::uint32_t, kMaxRegions> answered_ms_{};
    std::array<std::uint32_t, kMaxRegions> told_ms_{};
    std::array<bool, kMaxRegions> told_{};
    std::unique_ptr<Kept[]> trials_;
};

}  // namespace skerry
