// How many requests may go to a second region before the first has answered: a share of those that
// go to regions, and never more than a few at once.
//
// Each request that is forwarded pays in its share of one; a second copy costs a whole one. So in
// any stretch of n forwarded requests there are n × share second copies at most, and kMost.
// Unlike RetryBudget it does not fade: it holds for who is asked for once a minute, too. Owned by
// one core; pure but for what it keeps.
//
// Dean and Barroso, "The Tail at Scale" (CACM 56(2), 2013): after the 95th percentile, hedged
// requests add about 5 % of load.
#pragma once

#include <algorithm>
#include <cstdint>

namespace skerry {

class HedgeBudget {
  public:
    static constexpr std::uint32_t kMost = 10;

    explicit HedgeBudget(std::uint32_t percent) : percent_(percent) {}

    bool any() const { return percent_ != 0; }
    // A request went to its first region.
    void deposit() { balance_ = std::min(balance_ + percent_, kMost * kOne); }
    // A second copy may go out, and then costs its price.
    bool has_one() const { return balance_ >= kOne; }
    void withdraw() { balance_ -= kOne; }

  private:
    static constexpr std::uint32_t kOne = 100;
    std::uint32_t percent_;
    std::uint32_t balance_ = 0;  // hundredths of a second copy
};

}  // namespace skerry
