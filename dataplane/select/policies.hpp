// The policies' scores: less is better; lanes that are not eligible may get any. Internal to
// dataplane/select; sources are named in select.hpp.
#pragma once

#include <algorithm>

#include "dataplane/select/lanes.hpp"
#include "dataplane/select/select.hpp"

namespace skerry::select {

void score_expected_time(const Candidates& regions, const Function& function, Scores& out);
// Here, as its caller may know how many lanes there are.
[[gnu::always_inline]] inline void score_round_trip(const Candidates& c, std::uint32_t n,
                                                    Scores& out) {
    for (std::uint32_t r = 0; r < n; ++r) out[r] = std::min(kWorst, c.rtt_us[r]);
}

void score_peak_ewma(const Candidates& regions, Scores& out);
void score_two_choices(const Candidates& regions, const Now& now, const Scores& eligible,
                       Scores& out);
void score_c3(const Candidates& regions, Scores& out);
void score_prequal(const Candidates& regions, Scores& out);
void score_rendezvous(const Settings& settings, const Candidates& regions, const Function& function,
                      const Scores& eligible, Scores& out);

}  // namespace skerry::select
