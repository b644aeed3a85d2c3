#include "dataplane/decide/decide.hpp"

#include <algorithm>
#include <cmath>

#include "dataplane/wire/message.hpp"

namespace skerry {

Candidate judge(const Target& target, std::uint8_t region, const RegionView& view,
                const Request& request) {
    const std::uint64_t bit = std::uint64_t{1} << region;
    Candidate candidate;
    candidate.cost_us = std::uint64_t{view.rtt_us} + view.waiting_us + view.expected_cold_us;
    if (request.tried & bit) {
        candidate.eligibility = Eligibility::tried;
    } else if (!(target.holders & bit)) {
        candidate.eligibility = Eligibility::no_version;
    } else if (!view.fresh) {
        candidate.eligibility = Eligibility::not_fresh;
    } else if (view.weight_permille == 0) {
        candidate.eligibility = Eligibility::ejected;
    } else if (view.rtt_us >= request.deadline_us) {
        candidate.eligibility = Eligibility::too_far;
    } else if (request.payload_bytes > view.max_payload_bytes) {
        candidate.eligibility = Eligibility::too_large;
    } else if (view.weight_permille < 1000 && request.spread % 1000 >= view.weight_permille) {
        candidate.eligibility = Eligibility::returning;
    } else {
        candidate.eligibility = Eligibility::eligible;
    }
    return candidate;
}

namespace {

struct Choice {
    bool found = false;
    bool too_large = false;  // some region could have been chosen for a smaller request
    std::uint8_t region = 0;
};

// The cheapest eligible region; if there is none, the cheapest that is merely `returning`: a share
// that is kept small on purpose is better than a refusal.
Choice select_region(const Target& target, std::span<const RegionView> regions,
                     const Request& request) {
    Choice best;
    Choice returning;
    std::uint64_t best_cost = ~std::uint64_t{0};
    std::uint64_t returning_cost = ~std::uint64_t{0};
    bool too_large = false;
    for (std::size_t r = 0; r < regions.size(); ++r) {
        const auto region = static_cast<std::uint8_t>(r);
        const Candidate candidate = judge(target, region, regions[r], request);
        if (candidate.eligibility == Eligibility::eligible && candidate.cost_us < best_cost) {
            best = {.found = true, .region = region};
            best_cost = candidate.cost_us;
        } else if (candidate.eligibility == Eligibility::returning &&
                   candidate.cost_us < returning_cost) {
            returning = {.found = true, .region = region};
            returning_cost = candidate.cost_us;
        }
        too_large |= candidate.eligibility == Eligibility::too_large;
    }
    if (!best.found) best = returning;
    best.too_large = too_large;
    return best;
}

constexpr Decision refuse(Reason reason) {
    return {Verdict::refuse, 0, reason};
}

}  // namespace

Decision decide(const Target& target, const LocalView& local, std::span<const RegionView> regions,
                const Request& request) {
    if (local.draining) return refuse(Reason::refused_draining);
    if (request.deadline_us == 0) return refuse(Reason::refused_deadline);

    const bool here = may_run_here(target, local.is_pop);
    if (here && local.slot_free) return {Verdict::local, 0, Reason::served_local};

    const bool may_forward = local.is_pop && target.place != Place::pop;
    const bool last_hop = request.hop_count + 1 >= wire::kMaxHops;
    Choice choice;
    if (may_forward && !last_hop) choice = select_region(target, regions, request);
    if (choice.found) return {Verdict::forward, choice.region, Reason::served_region};
    // Nobody else will: waiting here within the deadline beats a refusal, if there is room to wait.
    if (here && local.may_queue) return {Verdict::queue, 0, Reason::served_local};
    if (may_forward && last_hop && !here) return refuse(Reason::refused_hops);
    // Too large for a datagram, and the trunks are down: that passes.
    if (choice.too_large && request.payload_bytes > local.trunk_payload_bytes)
        return refuse(Reason::refused_too_large);
    if (choice.too_large) return refuse(Reason::refused_no_region);
    if (may_forward && request.tried == 0 && !here) return refuse(Reason::refused_no_region);
    return refuse(Reason::refused_no_capacity);
}

std::uint32_t expected_cold_us(const WarmthView& view) {
    // P(no request for `keep_alive` seconds) for the stream this region would get if we chose it,
    // arrivals taken as Poisson; the present state only speaks where that chance is high.
    const double rate = std::max(0.0, view.region_rate) + std::max(0.0, view.own_rate);
    const double p_idle_out = std::exp(-rate * std::max(0.0, view.keep_alive_s));
    const double state = view.warm ? (view.busy ? 0.4 : 0.03) : 1.0;
    const double p_cold = p_idle_out * state;
    // Up to a tenth of the cold cost, by hash, where it is likely to be cold: one home for all
    // POPs.
    const double tie = static_cast<double>(view.tie & 1023u) / 1024.0 * 0.1;
    const double cost = static_cast<double>(view.cold_cost_us) * p_cold * (1.0 + tie);
    return static_cast<std::uint32_t>(std::min(cost, 4.0e9));
}

}  // namespace skerry
