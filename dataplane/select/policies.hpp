// The policies' scores: less is better; lanes that are not eligible may get any. Internal to
// dataplane/select; sources are named in select.hpp.
#pragma once

#include <algorithm>

#include "dataplane/select/lanes.hpp"
#include "dataplane/select/select.hpp"

namespace skerry::select {

inline constexpr std::int32_t kLongest_us = 300'000'000;   // of one part of an expected time
inline constexpr std::int32_t kLongWork_us = 100'000'000;  // that slowness is counted for
inline constexpr Scores kNothingKnown{};                   // a function's row

// Execution itself is the same everywhere, but for regions that are slower than usual; up to eleven
// times. Whole numbers that can't overflow: 1024ths of a µs × thousandths, where the latter are
// made 1024ths (131/128) first.
class ExpectedTime {
  public:
    explicit ExpectedTime(const Function& function)
        : cold_us_(function.cold_us != nullptr ? function.cold_us : kNothingKnown.data()),
          run_us_(all_four(std::min(std::max(function.run_us, 0), kLongWork_us))) {}

    Four of(const Candidates& c, std::uint32_t r) const {
        const Four longest = all_four(kLongest_us);
        const Four cold = four(cold_us_ + r);
        const Four over = max_of(four(&c.slow_permille[r]) - 1000, Four{});
        const Four excess = min_of(over, all_four(10'000));
        const Four work = run_us_ + min_of(cold, all_four(kLongWork_us));
        const Four slower = (work >> 10) * (excess + (excess * 3 >> 7));
        return min_of(four(&c.rtt_us[r]), longest) + min_of(four(&c.wait_us[r]), longest) +
               min_of(cold, longest) + min_of(slower, longest);
    }

  private:
    const std::int32_t* cold_us_;
    Four run_us_;
};

// Here, as its caller may know how many lanes there are.
[[gnu::always_inline]] inline void score_round_trip(const Candidates& c, std::uint32_t n,
                                                    Scores& out) {
    for (std::uint32_t r = 0; r < n; r += kFour)
        put(&out[r], min_of(all_four(kWorst), four(&c.rtt_us[r])));
}

void score_peak_ewma(const Candidates& regions, Scores& out);
void score_two_choices(const Candidates& regions, const Now& now, const Scores& eligible,
                       Scores& out);
void score_c3(const Candidates& regions, Scores& out);
void score_prequal(const Candidates& regions, Scores& out);
void score_rendezvous(const Settings& settings, const Candidates& regions, const Function& function,
                      const Scores& eligible, Scores& out);

}  // namespace skerry::select
