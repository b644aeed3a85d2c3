#include "control/placement/evictions.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::placement {

void Evictions::evicted(std::uint32_t entry, std::uint64_t idle_us, bool last,
                        std::uint64_t now_us) {
    fade(now_us);
    ++count_;
    const double age_us = static_cast<double>(std::min(idle_us, keep_alive_us_));
    keep_us_ += (age_us - keep_us_) / kRemembered;
    evictions_ += 1;
    if (evictions_ > kMost) {
        evictions_ /= 2;
        regrets_ /= 2;
    }
    if (last) evicted_us_[entry] = now_us;
}

void Evictions::started(std::uint32_t entry, std::uint64_t now_us) {
    if (evicted_us_[entry] != 0 && now_us - evicted_us_[entry] < keep_alive_us_) regrets_ += 1;
    evicted_us_[entry] = 0;
}

// Half of what was is forgotten in a keep-alive: under pressure many workers end in that time.
void Evictions::fade(std::uint64_t now_us) {
    const std::uint64_t passed_us = faded_us_ == 0 ? 0 : now_us - faded_us_;
    faded_us_ = now_us;
    const double left =
        std::exp2(-static_cast<double>(passed_us) / static_cast<double>(keep_alive_us_));
    const auto whole = static_cast<double>(keep_alive_us_);
    keep_us_ = whole + (keep_us_ - whole) * left;
    evictions_ *= left;
    regrets_ *= left;
}

std::uint32_t Evictions::crowding_permille() const {
    if (evictions_ < 1) return 0;
    return static_cast<std::uint32_t>(std::min(1.0, regrets_ / evictions_) * 1000);
}

}  // namespace skerry::placement
