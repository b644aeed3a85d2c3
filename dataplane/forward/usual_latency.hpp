// What 19 of 20 answers take at most: of each function in each region, as one core sees it.
//
// The 95th percentile by stochastic approximation: each answer that took longer moves it up by 19
// parts, each other one down by one part, in proportion; so it comes to rest where one in twenty
// takes longer. The parts shrink with the number of answers, to a floor that follows a region which
// changes: ten times slower is believed after about 50 answers. (Tierney, "A space-efficient
// recursive procedure for estimating a quantile of an unknown distribution", SIAM J. Sci. Stat.
// Comput. 4(4), 1983; Ma, Muthukrishnan and Sandler, "Frugal streaming for estimating quantiles",
// 2013.) It asks of each request only whether it took longer. That is known when it is overdue: a
// request whose second copy was answered first, and which nobody will ever see the end of, counts
// as what it is. A histogram, or P², would have to leave those out, and drift down.
//
// Owned by one core; 8 bytes for each function and region, made in the constructor.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

// Of one function in one region.
class UsualLatency {
  public:
    // Answers before it is said to be known.
    static constexpr std::uint32_t kLeast = 64;
    static constexpr float kLeastStep = 0.05f;
    static constexpr float kFirstSteps = 4.0f;  // divided by the number of answers

    void answered(std::uint32_t us) {
        const auto sample = static_cast<float>(std::max(us, 1u));
        if (count_ == 0) {
            us_ = sample;
            count_ = 1;
        } else {
            move(sample > us_);
        }
    }
    // It has taken longer already, and its end may never be seen.
    void overdue() {
        if (count_ != 0) move(true);
    }
    bool known() const { return count_ >= kLeast; }
    std::uint32_t us() const { return static_cast<std::uint32_t>(us_); }

  private:
    static constexpr float kMost_us = 4.0e9f;

    void move(bool longer) {
        const float step =
            std::clamp(kFirstSteps / static_cast<float>(count_ + 1), kLeastStep, 1.0f);
        us_ = std::min(us_ * (longer ? 1 + 0.95f * step : 1 - 0.05f * step), kMost_us);
        if (count_ < kLeast * 4) ++count_;
    }

    float us_ = 0;
    std::uint32_t count_ = 0;
};
static_assert(sizeof(UsualLatency) == 8);

class UsualLatencies {
  public:
    UsualLatencies() : functions_(std::make_unique<Function[]>(kFunctionRows)) {}

    // An index that begins to stand for another function knows nothing.
    UsualLatency& of(std::uint32_t function, std::uint64_t key, std::uint8_t region) {
        Function& row = functions_[function];
        if (row.key != key) row = {key, {}};
        return row.regions[region];
    }

  private:
    struct Function {
        std::uint64_t key = 0;
        std::array<UsualLatency, kMaxRegions> regions;
    };
    std::unique_ptr<Function[]> functions_;
};

}  // namespace skerry
