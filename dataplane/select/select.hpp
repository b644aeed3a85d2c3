// Region selection (mission rows M5, M6): the region that will answer this request first, and keep
// answering the function's next ones.
//
// Pure: the same arguments give the same choice; nothing is kept. Whatever the policy, a region is
// chosen only if it is allowed for the function, fresh, healthy (weight > 0), not tried yet, and
// can answer within the deadline. The order of candidates means nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/select/candidates.hpp"

namespace skerry::select {

enum class Policy : std::uint8_t {
    // Least expected time for the stream of requests that the region would get: round trip + wait +
    // cold row of Warmth::stream, with a control group. docs/region-selection.md derives it.
    skerry,
    nearest,  // least round trip: what anycast and DNS steering do
    // Response time (an average that jumps to a peak at once) × (outstanding + 1): Finagle's and
    // Linkerd's load balancer. All regions are looked at, as they are few.
    peak_ewma,
    // Of two random ones that with fewer outstanding: Mitzenmacher, "The Power of Two Choices in
    // Randomized Load Balancing" (IEEE TPDS 2001); Envoy's LEAST_REQUEST.
    two_choices,
    // R − 1/µ + q³/µ, q = 1 + outstanding · clients + queue: Suresh et al., "C3" (NSDI 2015). Its
    // rate control is left out: a region refuses what it has no room for.
    c3,
    // Hot-cold lexicographic: among regions that are not hot the least latency, else the least in
    // flight: Wydrowski et al., "Load is not what you should balance: Introducing Prequal"
    // (NSDI 2024). Reports and replies stand in for its probes.
    prequal,
    // Highest random weight (Thaler and Ravishankar 1998) among regions no further than
    // `band_us` behind the nearest, skipping those above `bound` × the average load (Mirrokni et
    // al., arXiv:1608.01350).
    rendezvous,
    // Where it is warm now: round trip + wait + cold row of Warmth::now. What the patent's claim
    // says, read plainly.
    affinity,
};
inline constexpr std::uint32_t kPolicies = 8;

struct Settings {
    Policy policy = Policy::skerry;
    std::int32_t band_us = 60'000;       // rendezvous; 0: all regions
    std::int32_t bound_permille = 1250;  // rendezvous: most load, of the average
    std::uint32_t explore_one_in = 100;  // skerry: a control request in this many; 0: never
};

struct Choice {
    static constexpr std::uint8_t kNone = 255;
    std::uint8_t region = kNone;
    std::uint8_t baseline = kNone;  // what `nearest` would have chosen; only with Policy::skerry
    bool control = false;           // of the control group: baseline was taken on purpose
    bool returning = false;         // outside its share: there was no other
    bool reverted = false;          // baseline was taken because the policy's choices were slower
    std::uint8_t candidates = 0;    // how many could have been chosen
    std::int32_t cost_us = 0;       // as the policy counts; comparable within one policy only
    constexpr bool found() const { return region != kNone; }
};

// Once after each change of `regions`, before it is read (a burst's start): the hot limit.
void prepare(Candidates& regions);

// Before the choice, where `outstanding` is known: what a region has from us and can't have worked
// off yet makes the next one wait, whatever it has reported. It has been at it for a round trip at
// most: outstanding requests that its slots can't have are a wait of service time / slots each,
// less that round trip. So a burst does not all go to one region before that can say that it is
// full.
void count_own(Candidates& regions);

Choice select_region(const Settings& settings, const Function& function, const Candidates& regions,
                     const Now& now);

// The same with the default settings.
inline Choice select_region(const Function& function, const Candidates& regions, const Now& now) {
    return select_region(Settings{}, function, regions, now);
}

// Names as in configuration files, scenarios and figures. false: no such policy.
std::string_view name(Policy policy);
bool policy_by_name(std::string_view text, Policy& policy);

}  // namespace skerry::select
