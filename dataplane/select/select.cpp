#include "dataplane/select/select.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/select/lanes.hpp"
#include "dataplane/select/policies.hpp"

namespace skerry::select {
namespace {

// `n`: lanes to look at, a multiple of four. Most POPs have no more regions than one group has
// lanes: then it is known when this is compiled, and no loop is left of it.
#define SKERRY_WITH_LANES [[gnu::always_inline]] inline

// Which lanes can be chosen. `share`: regions that return take only theirs.
class Rules {
  public:
    Rules(const Function& function, const Candidates& c, const Now& now, bool share)
        : regions_(c),
          allowed_(function.allowed & ~now.tried &
                   (c.count < 64 ? (std::uint64_t{1} << c.count) - 1 : ~0ull)),
          now_ms_(FourUnsigned{} + now.now_ms),
          deadline_us_(all_four(now.deadline_us)),
          payload_bytes_(all_four(now.payload_bytes)) {
        const std::uint32_t draw = static_cast<std::uint32_t>(now.random >> 40) % 1000;
        least_weight_ = all_four(share ? static_cast<std::int32_t>(draw) : 0);
    }

    // All ones in those of four lanes.
    Four allow(std::uint32_t r) const {
        const Candidates& c = regions_;
        const Four left_ms = reinterpret_cast<Four>(
            reinterpret_cast<FourUnsigned>(four(&c.fresh_until_ms[r])) - now_ms_);
        const Four fresh = left_ms > 0;
        const Four healthy = four(&c.weight_permille[r]) > least_weight_;
        const Four near = four(&c.rtt_us[r]) < deadline_us_;
        const Four fits = four(&c.max_payload_bytes[r]) >= payload_bytes_;
        return four_of_mask(allowed_, r) & fresh & healthy & near & fits;
    }

  private:
    const Candidates& regions_;
    std::uint64_t allowed_;
    FourUnsigned now_ms_;
    Four least_weight_, deadline_us_, payload_bytes_;
};

SKERRY_WITH_LANES Four barred_but(Four can, Four scores) {
    return (scores & can) | (all_four(kNever) & ~can);
}

// How many. Of a whole group: policies look at nothing less.
SKERRY_WITH_LANES std::uint8_t allow_all(const Rules& rules, std::uint32_t n, Scores& eligible) {
    std::uint64_t bits = 0;
    for (std::uint32_t r = 0; r < lanes(n); r += kFour) {
        const Four can = rules.allow(r);
        put(&eligible[r], can);
        bits |= bits_of(can) << r;
    }
    return static_cast<std::uint8_t>(std::popcount(bits));
}

// The lane with the score `best`; among equals the least id, whatever their lanes are.
SKERRY_WITH_LANES std::uint8_t lane_with(std::int32_t best, const Scores& scores,
                                         const Candidates& c, std::uint32_t n) {
    std::uint64_t equals = lanes_that_are(best, scores.data(), n);
    auto found = static_cast<std::uint32_t>(std::countr_zero(equals));
    for (equals &= equals - 1; equals != 0; equals &= equals - 1) {
        const auto r = static_cast<std::uint32_t>(std::countr_zero(equals));
        if (c.id[r] < c.id[found]) found = r;
    }
    return static_cast<std::uint8_t>(found);
}

// The lane with the least score. There is one that can be chosen, so it is not one that can't.
SKERRY_WITH_LANES std::uint8_t least(const Scores& scores, const Candidates& c, std::uint32_t n,
                                     std::int32_t& score) {
    Four bests = all_four(kNever);
    for (std::uint32_t r = 0; r < n; r += kFour) bests = min_of(bests, four(&scores[r]));
    score = least_of(bests);
    return lane_with(score, scores, c, n);
}

// By expected time, without a control group: what nearly all requests need, in one pass.
SKERRY_WITH_LANES Choice choose_by_time(const Function& function, const Candidates& c,
                                        const Now& now, std::uint32_t n) {
    const Rules rules(function, c, now, true);
    const ExpectedTime time(function);
    Scores scores;
    Four bests = all_four(kNever);
    std::uint64_t eligible = 0;
    for (std::uint32_t r = 0; r < n; r += kFour) {
        const Four can = rules.allow(r);
        const Four score = barred_but(can, time.of(c, r));
        put(&scores[r], score);
        bests = min_of(bests, score);
        eligible |= bits_of(can) << r;
    }
    Choice choice;
    if (eligible == 0) [[unlikely]]
        return choice;
    choice.cost_us = least_of(bests);
    choice.region = lane_with(choice.cost_us, scores, c, n);
    choice.candidates = static_cast<std::uint8_t>(std::popcount(eligible));
    return choice;
}

struct Field {  // the request's regions, seen by one policy
    const Settings& settings;
    const Function& function;
    const Candidates& regions;
    const Now& now;
    const Scores& eligible;
};

// Those that are there to be compared with, and need not be quickest.
void score_by_others(const Field& f, Policy policy, Scores& scores) {
    switch (policy) {
        case Policy::skerry:
        case Policy::affinity:
        case Policy::nearest:
            break;  // score_all()
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
}

SKERRY_WITH_LANES void score_all(const Field& f, Policy policy, std::uint32_t n, Scores& scores) {
    if (policy == Policy::skerry || policy == Policy::affinity) {
        const ExpectedTime time(f.function);
        for (std::uint32_t r = 0; r < n; r += kFour) put(&scores[r], time.of(f.regions, r));
    } else if (policy == Policy::nearest) {
        score_round_trip(f.regions, n, scores);
    } else {
        score_by_others(f, policy, scores);
    }
    for (std::uint32_t r = 0; r < n; r += kFour)
        put(&scores[r], barred_but(four(&f.eligible[r]), four(&scores[r])));
}

SKERRY_WITH_LANES Choice choose(const Field& f, bool share, std::uint32_t n) {
    Choice choice;
    Scores scores;
    choice.returning = !share;
    const Policy policy = f.settings.policy;
    if (policy != Policy::skerry) {
        score_all(f, policy, n, scores);
        choice.region = least(scores, f.regions, n, choice.cost_us);
        return choice;
    }
    // The control group's draw uses other bits than the share's.
    const bool control = f.function.explore && f.settings.explore_one_in != 0 &&
                         static_cast<std::uint32_t>(f.now.random) % f.settings.explore_one_in == 0;
    std::int32_t cost = 0;
    if (f.function.explore || f.function.reverted) {
        score_all(f, Policy::nearest, n, scores);
        choice.baseline = least(scores, f.regions, n, cost);
    }
    if (control || f.function.reverted) {
        choice.region = choice.baseline;
        choice.control = control;
        choice.reverted = f.function.reverted;
        choice.cost_us = cost;
        return choice;
    }
    score_all(f, Policy::skerry, n, scores);
    choice.region = least(scores, f.regions, n, choice.cost_us);
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
    const bool by_time =
        settings.policy == Policy::affinity ||
        (settings.policy == Policy::skerry && !function.explore && !function.reverted);
    if (by_time) [[likely]] {
        const Choice choice = choose_by_time(function, regions, now, n);
        if (choice.found()) [[likely]]
            return choice;
    }
    Scores eligible;
    bool share = true;
    std::uint8_t candidates = allow_all(Rules(function, regions, now, share), n, eligible);
    if (candidates == 0) [[unlikely]] {
        // A share that is kept small on purpose is better than a refusal.
        share = false;
        candidates = allow_all(Rules(function, regions, now, share), n, eligible);
        if (candidates == 0) return {};
    }
    Choice choice = choose({settings, function, regions, now, eligible}, share, n);
    choice.candidates = candidates;
    return choice;
}

}  // namespace

Choice select_region(const Settings& settings, const Function& function, const Candidates& regions,
                     const Now& now) {
    if (regions.count <= kFour) return select_among(settings, function, regions, now, kFour);
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
