#include "control/regions/health.hpp"

#include <algorithm>

namespace skerry::regions {

void Health::on_answer(std::uint64_t now_us) {
    failures_ = 0;
    if (state_ == State::unheard) state_ = State::healthy;
    if (state_ != State::ejected) return;
    ++answers_;
    if (answers_ < kAnswersToReturn || now_us < ejected_until_us_) return;
    state_ = State::returning;
    returning_since_us_ = remembered_from_us_ = now_us;
}

Health::Outcome Health::on_failure(std::uint64_t now_us, bool may_eject) {
    answers_ = 0;
    ++failures_;
    const bool out = state_ == State::returning ||
                     (state_ == State::healthy && failures_ >= limits_.failures_to_eject);
    return out ? eject(now_us, may_eject) : Outcome::none;
}

Health::Outcome Health::eject(std::uint64_t now_us, bool may_eject) {
    if (state_ != State::healthy && state_ != State::returning) return Outcome::none;
    if (!may_eject) return Outcome::withheld;
    forget(now_us);
    ++repetitions_;
    state_ = State::ejected;
    answers_ = 0;
    const std::uint64_t longest_us = std::max(limits_.max_ejection_us, limits_.base_ejection_us);
    ejected_until_us_ = now_us + std::min(longest_us, limits_.base_ejection_us * repetitions_);
    return Outcome::ejected;
}

// While it is ejected nothing is forgotten.
void Health::forget(std::uint64_t now_us) {
    if (repetitions_ == 0 || limits_.forget_us == 0) return;
    const std::uint64_t passed =
        (now_us - std::min(now_us, remembered_from_us_)) / limits_.forget_us;
    repetitions_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(passed, repetitions_));
    remembered_from_us_ += passed * limits_.forget_us;
}

void Health::on_restart(std::uint64_t now_us) {
    failures_ = 0;
    measured_ = false;
    if (state_ == State::ejected) return;
    state_ = State::returning;
    returning_since_us_ = now_us;
}

void Health::on_round_trip(std::uint32_t rtt_us) {
    // Nothing travels faster than the way allows: a round trip of less than half shows that what
    // was known was time spent in a queue, as the first probe of a server that is starting does.
    if (!measured_ || rtt_us < srtt_us_ / 2) {
        measured_ = true;
        srtt_us_ = rtt_us;
        variation_us_ = rtt_us / 2;
        return;
    }
    const std::uint32_t difference = srtt_us_ > rtt_us ? srtt_us_ - rtt_us : rtt_us - srtt_us_;
    variation_us_ = static_cast<std::uint32_t>((3ull * variation_us_ + difference) / 4);
    srtt_us_ = static_cast<std::uint32_t>((7ull * srtt_us_ + rtt_us) / 8);
}

std::uint16_t Health::weight_permille(std::uint64_t now_us) {
    if (state_ == State::healthy) return 1000;
    if (state_ != State::returning) return 0;
    const std::uint64_t passed_us = now_us - std::min(now_us, returning_since_us_);
    if (passed_us >= limits_.return_us) {
        state_ = State::healthy;
        return 1000;
    }
    const std::uint64_t step =
        passed_us * kReturnSteps / std::max<std::uint64_t>(1, limits_.return_us);
    return static_cast<std::uint16_t>((step + 1) * 1000 / kReturnSteps);
}

}  // namespace skerry::regions
