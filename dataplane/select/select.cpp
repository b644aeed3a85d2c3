#include "dataplane/select/select.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/select/lanes.hpp"
#include "dataplane/select/policies.hpp"

namespace skerry::select {
namespace {

// `n`: lanes(count), whole groups. Most POPs have no more regions than one group has lanes: then it
// is known when this is compiled, and no loop is left of it.
#define SKERRY_WITH_LANES [[gnu::always_inline]] inline

// All ones in lanes that can be chosen. `share`: regions that return take only theirs.
SKERRY_WITH_LANES void eligible_lanes(const Function& function, const Candidates& c, const Now& now,
                                      bool share, std::uint32_t n, Scores& out) {
    const auto draw =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(now.random >> 40) % 1000);
    const std::int32_t least_weight = share ? draw : 0;
    const std::uint64_t within = c.count < 64 ? (std::uint64_t{1} << c.count) - 1 : ~0ull;
    Scores allowed;
    spread_mask(function.allowed & ~now.tried & within, n, allowed.data());
    for (std::uint32_t r = 0; r < n; ++r) {
        const auto left = static_cast<std::int32_t>(c.fresh_until_ms[r] - now.now_ms);
        const std::int32_t fresh = -static_cast<std::int32_t>(left > 0);
        const std::int32_t healthy =
            -static_cast<std::int32_t>(c.weight_permille[r] > least_weight);
        const std::int32_t near = -static_cast<std::int32_t>(c.rtt_us[r] < now.deadline_us);
        const std::int32_t fits =
            -static_cast<std::int32_t>(c.max_payload_bytes[r] >= now.payload_bytes);
        out[r] = allowed[r] & fresh & healthy & near & fits;
    }
}

SKERRY_WITH_LANES std::uint8_t count(const Scores& eligible, std::uint32_t n) {
    return static_cast<std::uint8_t>(std::popcount(lanes_that_are(-1, eligible.data(), n)));
}

// The lane with the least score; among equals the least id, whatever their lanes are. There is one
// that can be chosen, so the least is not a lane that can't.
SKERRY_WITH_LANES std::uint32_t least(const Scores& scores, const Candidates& c, std::uint32_t n,
                                      std::int32_t& score) {
    std::int32_t best = kNever;
    for (std::uint32_t r = 0; r < n; ++r) best = std::min(best, scores[r]);
    score = best;
    std::uint64_t equals = lanes_that_are(best, scores.data(), n);
    auto found = static_cast<std::uint32_t>(std::countr_zero(equals));
    for (equals &= equals - 1; equals != 0; equals &= equals - 1) {
        const auto r = static_cast<std::uint32_t>(std::countr_zero(equals));
        if (c.id[r] < c.id[found]) found = r;
    }
    return found;
}

SKERRY_WITH_LANES void bar(Scores& scores, const Scores& eligible, std::uint32_t n) {
    for (std::uint32_t r = 0; r < n; ++r)
        scores[r] = (scores[r] & eligible[r]) | (kNever & ~eligible[r]);
}

struct Field {  // the request's regions, seen by one policy
    const Settings& settings;
    const Function& function;
    const Candidates& regions;
    const Now& now;
    const Scores& eligible;
};

SKERRY_WITH_LANES void score_all(const Field& f, Policy policy, std::uint32_t n, Scores& scores) {
    switch (policy) {
        case Policy::skerry:
        case Policy::affinity:
            score_expected_time(f.regions, f.function, scores);
            break;
        case Policy::nearest:
            score_round_trip(f.regions, n, scores);
            break;
        case Policy::peak_ewma:
            score_peak_ewma(f.regions, scores);
            break;
        case Policy::two_choices:
            score_two_choices(f.regions, f.now, f.eligible, scores);
            break;
        case Policy::c3:
            score_c3(f.regions, scores);
            break;
        case Policy::prequal:
            score_prequal(f.regions, scores);
            break;
        case Policy::rendezvous:
            score_rendezvous(f.settings, f.regions, f.function, f.eligible, scores);
            break;
    }
    bar(scores, f.eligible, n);
}

SKERRY_WITH_LANES Choice choose(const Field& f, bool share, std::uint32_t n) {
    Choice choice;
    Scores scores;
    choice.returning = !share;
    const Policy policy = f.settings.policy;
    if (policy != Policy::skerry) {
        score_all(f, policy, n, scores);
        choice.region = static_cast<std::uint8_t>(least(scores, f.regions, n, choice.cost_us));
        return choice;
    }
    // The control group's draw uses other bits than the share's.
    const bool control = f.function.explore && f.settings.explore_one_in != 0 &&
                         static_cast<std::uint32_t>(f.now.random) % f.settings.explore_one_in == 0;
    std::int32_t cost = 0;
    if (f.function.explore || f.function.reverted) {
        score_all(f, Policy::nearest, n, scores);
        choice.baseline = static_cast<std::uint8_t>(least(scores, f.regions, n, cost));
    }
    if (control || f.function.reverted) {
        choice.region = choice.baseline;
        choice.control = control;
        choice.reverted = f.function.reverted;
        choice.cost_us = cost;
        return choice;
    }
    score_all(f, Policy::skerry, n, scores);
    choice.region = static_cast<std::uint8_t>(least(scores, f.regions, n, choice.cost_us));
    return choice;
}

}  // namespace

void prepare(Candidates& c) {
    // Prequal's Q_RIF = 0.84: hot are those above that share of what is in flight elsewhere.
    Scores sorted;
    std::uint32_t known = 0;
    for (std::uint32_t r = 0; r < c.count; ++r)
        if (c.weight_permille[r] > 0) sorted[known++] = c.in_flight[r];
    if (known == 0) return;
    const std::uint32_t at = (known - 1) * 84 / 100;
    std::nth_element(sorted.begin(), sorted.begin() + at, sorted.begin() + known);
    c.hot_in_flight = static_cast<std::uint32_t>(std::max(0, sorted[at]));
}

void count_own(Candidates& c) {
    for (std::uint32_t r = 0; r < c.count; ++r) {
        const std::int32_t over = c.outstanding[r] - c.slots[r];
        if (over <= 0 || c.slots[r] <= 0) continue;
        const std::int64_t queued_us =
            std::int64_t{over} * c.service_us[r] / c.slots[r] - c.rtt_us[r];
        const auto most = static_cast<std::int32_t>(std::min<std::int64_t>(queued_us, 60'000'000));
        c.wait_us[r] = std::max(c.wait_us[r], most);
    }
}

namespace {

SKERRY_WITH_LANES Choice select_among(const Settings& settings, const Function& function,
                                      const Candidates& regions, const Now& now, std::uint32_t n) {
    Scores eligible;
    bool share = true;
    eligible_lanes(function, regions, now, share, n, eligible);
    std::uint8_t candidates = count(eligible, n);
    if (candidates == 0) [[unlikely]] {
        // A share that is kept small on purpose is better than a refusal.
        share = false;
        eligible_lanes(function, regions, now, share, n, eligible);
        candidates = count(eligible, n);
        if (candidates == 0) return {};
    }
    Choice choice = choose({settings, function, regions, now, eligible}, share, n);
    choice.candidates = candidates;
    return choice;
}

}  // namespace

Choice select_region(const Settings& settings, const Function& function, const Candidates& regions,
                     const Now& now) {
    const std::uint32_t n = lanes(regions.count);
    return n == kLaneGroup ? select_among(settings, function, regions, now, kLaneGroup)
                           : select_among(settings, function, regions, now, n);
}

namespace {
constexpr std::string_view kNames[kPolicies] = {"skerry", "nearest", "peak-ewma",  "two-choices",
                                                "c3",     "prequal", "rendezvous", "affinity"};
}

std::string_view name(Policy policy) {
    return kNames[static_cast<std::uint8_t>(policy)];
}

bool policy_by_name(std::string_view text, Policy& policy) {
    for (std::uint8_t i = 0; i < kPolicies; ++i) {
        if (kNames[i] != text) continue;
        policy = static_cast<Policy>(i);
        return true;
    }
    return false;
}

}  // namespace skerry::select
