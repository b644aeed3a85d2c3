#include "dataplane/decide/decide.hpp"

#include <algorithm>

#include "dataplane/wire/message.hpp"

namespace skerry {
namespace {

static_assert(select::kMaxCandidates == kMaxRegions);

constexpr std::uint32_t kLongest = 0x7fffffff;

select::Now now_of(const Field& field, const Request& request) {
    return {.now_ms = field.now_ms,
            .deadline_us = static_cast<std::int32_t>(std::min(request.deadline_us, kLongest)),
            .payload_bytes = static_cast<std::int32_t>(std::min(request.payload_bytes, kLongest)),
            .tried = request.tried,
            .random = request.spread};
}

select::Function function_of(const Target& target, const Field& field) {
    // Field by field: as a whole it is copied by vectors, which wait for what was just written.
    const select::Function& known = field.function;
    return {.key = known.key,
            .allowed = target.holders & ~target.barred,
            .cold_us = known.cold_us,
            .run_us = known.run_us,
            .explore = known.explore,
            .reverted = known.reverted};
}

Eligibility eligibility(const Target& target, std::uint8_t r, const Field& field,
                        const select::Now& now) {
    const std::uint64_t bit = std::uint64_t{1} << r;
    const select::Candidates& c = field.regions;
    if (now.tried & bit) return Eligibility::tried;
    if (target.barred & bit) return Eligibility::barred;
    if (!(target.holders & bit)) return Eligibility::no_version;
    if (static_cast<std::int32_t>(c.fresh_until_ms[r] - now.now_ms) <= 0)
        return Eligibility::not_fresh;
    if (c.weight_permille[r] <= 0) return Eligibility::ejected;
    if (c.rtt_us[r] >= now.deadline_us) return Eligibility::too_far;
    if (now.payload_bytes > c.max_payload_bytes[r]) return Eligibility::too_large;
    return Eligibility::eligible;
}

constexpr Decision refuse(Reason reason, bool no_region = false) {
    return {Verdict::refuse, 0, reason, no_region, {}};
}

}  // namespace

Candidate judge(const Target& target, std::uint8_t r, const Field& field, const Request& request) {
    const select::Now now = now_of(field, request);
    Candidate candidate{eligibility(target, r, field, now), 0};
    // Asked about this region alone, the policy says what it costs and whether it is in its share.
    select::Function only = field.function;
    only.allowed = std::uint64_t{1} << r;
    if (candidate.eligibility == Eligibility::eligible) {
        const select::Choice choice =
            select::select_region(field.settings, only, field.regions, now);
        candidate.cost = choice.cost_us;
        if (choice.returning) candidate.eligibility = Eligibility::returning;
        return candidate;
    }
    const std::int32_t cold = only.cold_us == nullptr ? 0 : only.cold_us[r];
    candidate.cost = std::int64_t{field.regions.rtt_us[r]} + field.regions.wait_us[r] + cold;
    return candidate;
}

Decision decide(const Target& target, const LocalView& local, const Field& field,
                const Request& request) {
    if (local.draining) return refuse(Reason::refused_draining);
    if (request.deadline_us == 0) return refuse(Reason::refused_deadline);

    const bool here = may_run_here(target, local.is_pop);
    if (here && local.slot_free) return {Verdict::local, 0, Reason::served_local, false, {}};

    const bool may_forward = local.is_pop && target.place != Place::pop;
    const bool last_hop = request.hop_count + 1 >= wire::kMaxHops;
    bool too_large = false;
    if (may_forward && !last_hop) {
        const select::Function function = function_of(target, field);
        select::Now now = now_of(field, request);
        const select::Choice choice =
            select::select_region(field.settings, function, field.regions, now);
        if (choice.found())
            return {Verdict::forward, choice.region, Reason::served_region, false,
                    selection_of(choice)};
        // Would one have been chosen for a smaller request?
        now.payload_bytes = 0;
        too_large = select::select_region(field.settings, function, field.regions, now).found();
    }
    // Nobody else will: waiting here within the deadline beats a refusal, if there is room to wait.
    const bool no_region = may_forward && !last_hop;
    const bool may_wait = local.may_queue && (!no_region || local.no_region == NoRegion::queue);
    if (here && may_wait) return {Verdict::queue, 0, Reason::served_local, no_region, {}};
    if (may_forward && last_hop && !here) return refuse(Reason::refused_hops);
    // Too large for a datagram, and the trunks are down: that passes.
    if (too_large && request.payload_bytes > local.trunk_payload_bytes)
        return refuse(Reason::refused_too_large);
    if (too_large) return refuse(Reason::refused_no_region, true);
    const bool nobody_asked = request.tried == 0;
    if (no_region && nobody_asked && (!here || local.no_region == NoRegion::refuse))
        return refuse(Reason::refused_no_region, true);
    return refuse(local.share_used ? Reason::refused_tenant_share : Reason::refused_no_capacity,
                  no_region);
}

select::Choice choose_second(const Target& target, const Field& field, const Request& request) {
    const bool may_repeat =
        target.retry == RetryPolicy::idempotent || target.retry == RetryPolicy::marked;
    if (!may_repeat || target.place == Place::pop || request.deadline_us == 0) return {};
    select::Function function = function_of(target, field);
    function.explore = false;  // the first copy was the control group's, or was not
    const select::Choice choice =
        select::select_region(field.settings, function, field.regions, now_of(field, request));
    return choice.returning ? select::Choice{} : choice;
}

}  // namespace skerry
