// How a region was chosen for a request: kept with it, for its answer and for the control group.
// And what happens when there is none to choose.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/select/select.hpp"

namespace skerry {

// What becomes of a request that no region may have or can have now.
enum class NoRegion : std::uint8_t {
    queue,   // it waits here for a slot, if the function may run here and there is room to wait
    refuse,  // it is refused at once (HTTP: 503 with Retry-After)
};

// Of requests that go to another region after one (forward/retry_budget.hpp).
struct RetryLimits {
    std::uint32_t percent = 20;    // of the requests that go to regions
    std::uint32_t min_per_s = 10;  // and so many a second at this server in any case
};

enum class Why : std::uint8_t {
    none,       // no region was chosen
    policy,     // the best by the configured policy, of several
    only,       // there was no other
    returning,  // outside the share that it gets, and there was no other
    control,    // the nearest, for the control group (select/trial.hpp)
    reverted,   // the nearest, because the policy's choices had proved slower
    hedge,      // asked second, because the first took longer than usual; its answer came first
};
inline constexpr std::string_view kWhyNames[] = {"none",    "policy",   "only", "returning",
                                                 "control", "reverted", "hedge"};

struct Selection {
    Why why = Why::none;
    std::uint8_t candidates = 0;  // regions that could have been chosen, this one included
    std::uint8_t baseline = select::Choice::kNone;  // what `nearest` would have chosen, if asked
    std::uint8_t region = select::Choice::kNone;
};

constexpr Selection selection_of(const select::Choice& choice) {
    const Why why = choice.reverted          ? Why::reverted
                    : choice.control         ? Why::control
                    : choice.returning       ? Why::returning
                    : choice.candidates == 1 ? Why::only
                                             : Why::policy;
    return {choice.found() ? why : Why::none, choice.candidates, choice.baseline, choice.region};
}

}  // namespace skerry
