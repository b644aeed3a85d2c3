// How the engine asks for a choice: what a POP knows at this instant, in the product's columns.
#include <algorithm>
#include <cmath>

#include "dataplane/select/lanes.hpp"
#include "tools/sim/engine.hpp"

namespace skerry::sim {
namespace {

float seconds(std::int64_t us) {
    return static_cast<float>(static_cast<double>(us) * 1e-6);
}

}  // namespace

void Engine::take_report(PopSim& pop, std::uint32_t r, const Report& report) {
    if (report.at_us < 0 || report.at_us == pop.seen_us[r]) return;
    select::Candidates& c = pop.regions;
    pop.seen_us[r] = report.at_us;
    c.in_flight[r] = static_cast<std::int32_t>(report.in_flight);
    c.waiting[r] = static_cast<std::int32_t>(report.waiting);
    pop.wait_us[r] = report.wait_us;
    c.slots[r] = report.slots;
    c.service_us[r] = report.service_us;
    c.region_us[r] = report.region_us;
    c.slow_permille[r] = report.slow_permille;
    pop.keep_s[r] = report.keep_s;
    pop.crowding[r] = report.crowding;
}

// What has arrived of the regions' reports, and of the answers to probes.
void Engine::refresh(PopSim& pop, std::uint32_t, std::int64_t now_us) {
    select::Candidates& c = pop.regions;
    for (std::uint32_t r = 0; r < c.count; ++r) {
        std::int64_t late_us = c.rtt_us[r] / 2;
        if (!faults_.none()) late_us += faults_.stale_us(r, now_us);
        // No newer one can be here yet: most of the time there is nothing to look up.
        const bool due = pop.seen_us[r] < 0 || now_us - late_us >= pop.seen_us[r] + report_us_;
        if (due) take_report(pop, r, regions_[r].report(now_us - late_us));
        if (faults_.concerns(r)) {
            pop.probers[r].step(faults_, now_us);
            c.fresh_until_ms[r] =
                static_cast<std::uint32_t>(pop.probers[r].fresh_until_us() / 1000);
            c.weight_permille[r] = pop.probers[r].weight_permille(now_us);
        } else {
            c.fresh_until_ms[r] = static_cast<std::uint32_t>(now_us / 1000 + 1000);
        }
    }
    // As reported, before what this POP itself adds to it.
    std::copy_n(pop.wait_us.begin(), select::lanes(c.count), c.wait_us.begin());
    select::count_own(c);
    const auto policy = brain_.settings.policy;
    if (policy == select::Policy::peak_ewma || policy == select::Policy::c3) {
        for (std::uint32_t r = 0; r < c.count; ++r) {
            // Decays while nothing is heard, so that a region that was slow is tried again.
            const float old =
                select::exp_minus(std::max(0.0f, seconds(now_us) - pop.response_s[r]) / 10.0f);
            c.response_us[r] = static_cast<std::int32_t>(pop.response_us[r] * old);
        }
    }
    if (policy == select::Policy::prequal) select::prepare(c);  // nobody else reads what it writes
}

// The function's row, from what regions have reported and what this POP did itself.
void Engine::make_row(const PopSim& pop, const PopFunction& mine, const Flight& flight,
                      std::int64_t now_us) {
    const std::uint32_t f = flight.arrival.function;
    const Cell* cells = cells_.data() + f * stride_;
    const float now_s = seconds(now_us);
    const float decay = 0.69314718f / rate_half_life_s_;
    view_.own_rate = mine.rate;
    view_.cold_cost_us = world_.functions[f].cold_us;
    view_.busy = 0;
    for (std::uint32_t r = 0; r < view_.count; ++r) {
        const Cell& cell = cells[r];
        const float seen_s = seconds(pop.seen_us[r]);
        const bool reported = cell.changed_s <= seen_s;
        view_.idle_s[r] = now_s - (reported ? cell.used_s : cell.before_s);
        view_.rate[r] = cell.rate;
        age_s_[r] = now_s - cell.rate_s;
        view_.busy |= std::uint64_t{reported && cell.busy_until_s > now_s} << r;
    }
    const std::uint32_t n = select::lanes(view_.count);
    for (std::uint32_t r = 0; r < n; ++r) {  // apart, so that it becomes vectors
        const float age_s = age_s_[r] > 0.0f ? age_s_[r] : 0.0f;
        view_.rate[r] *= select::exp_minus(decay * age_s);
        view_.keep_s[r] = pop.keep_s[r];
        view_.crowding[r] = pop.crowding[r];
    }
    if (mine.sent_to != 0) {
        const std::uint32_t r = mine.sent_to - 1u;
        view_.idle_s[r] = std::min(view_.idle_s[r], now_s - mine.sent_s);
        // Ours are in what the region reports: the stream it would get is not counted twice.
        view_.rate[r] = std::max(0.0f, view_.rate[r] - mine.rate);
    }
    const auto model = brain_.settings.policy == select::Policy::skerry ? select::Warmth::stream
                                                                        : select::Warmth::now;
    select::expected_cold_us(model, view_, row_.data());
}

// Bit r: region r has the function's current version.
std::uint64_t Engine::holders(std::uint32_t function, std::int64_t now_us) const {
    const std::uint64_t all = (std::uint64_t{1} << stride_) - 1;
    if (version(function, now_us) == 0) return all;
    const double since_s = static_cast<double>(now_us) * 1e-6 - s_.rollout.at_s;
    const std::uint64_t origin = mix64(function * 2654435761ull) % stride_;
    std::uint64_t held = std::uint64_t{1} << origin;
    for (std::uint32_t r = 0; r < stride_; ++r) {
        const double takes_s =
            -std::log(1 - unit(mix64(function * 1000003ull + r))) * s_.rollout.replicate_s;
        if (since_s >= takes_s) held |= std::uint64_t{1} << r;
    }
    return held;
}

std::uint32_t Engine::version(std::uint32_t function, std::int64_t now_us) const {
    if (s_.rollout.share == 0 || static_cast<double>(now_us) * 1e-6 < s_.rollout.at_s) return 0;
    return unit(mix64(function ^ 0x5e11)) < s_.rollout.share ? 1 : 0;
}

std::int64_t Engine::silence_us(const Flight& flight) const {
    const std::int32_t rtt = pops_[flight.arrival.pop].regions.rtt_us[flight.region];
    return static_cast<std::int64_t>(s_.network.silence_factor * rtt) + 100'000;
}

select::Choice Engine::choose(Flight& flight, std::int64_t now_us) {
    const Arrival& a = flight.arrival;
    PopSim& pop = pops_[a.pop];
    PopFunction& mine = this->mine(a);
    refresh(pop, a.pop, now_us);
    const std::int64_t left_us =
        static_cast<std::int64_t>(s_.functions.deadline_s * 1e6) - (now_us - a.at_us);
    const select::Now now{
        .now_ms = static_cast<std::uint32_t>(now_us / 1000),
        .deadline_us = static_cast<std::int32_t>(std::min<std::int64_t>(left_us, 0x7fffffff)),
        .payload_bytes = static_cast<std::int32_t>(s_.functions.request_bytes),
        .tried = flight.tried,
        .random = mix64(a.seed ^ 0xc401ce ^ flight.tried)};
    select::Function function{.key = mix64(a.function + 1),
                              .allowed = holders(a.function, now_us),
                              .cold_us = row_.data(),
                              .run_us = static_cast<std::int32_t>(world_.usual_run_us(a.function)),
                              .explore = false,
                              .reverted = false};
    if (brain_.kind == Brain::Kind::greedy) return greedy(flight, function, pop, now, now_us);
    if (brain_.kind == Brain::Kind::hindsight) {
        const std::uint8_t home = placement_->region(a.function, a.pop);
        select::Function only = function;
        only.allowed &= std::uint64_t{1} << home;
        const select::Settings nearest{.policy = select::Policy::nearest};
        const select::Choice choice = select::select_region(nearest, only, pop.regions, now);
        if (choice.found()) return choice;
        return select::select_region(nearest, function, pop.regions, now);
    }
    if (brain_.uses_warmth()) {
        if (has_pools())
            make_pool_row(mine, a.pop, a.function, now_us);
        else
            make_row(pop, mine, flight, now_us);
        if (brain_.settings.policy == select::Policy::skerry &&
            select::Trial::worth_exploring(mine.rate)) {
            function.explore = true;
            const auto trial =
                trials_.find(std::uint64_t{a.pop} * world_.functions.size() + a.function);
            function.reverted = trial != trials_.end() && trial->second.reverted(now.now_ms);
        }
    }
    return select::select_region(brain_.settings, function, pop.regions, now);
}

// The best region for this one request, by what is true now: state, queue, and the very cost that
// its cold start would have.
select::Choice Engine::greedy(const Flight& flight, const select::Function& function,
                              const PopSim& pop, const select::Now& now, std::int64_t now_us) {
    const std::uint32_t f = flight.arrival.function;
    select::Choice best;
    std::int64_t best_us = std::int64_t{1} << 60;
    for (std::uint32_t r = 0; r < stride_; ++r) {
        if (!(function.allowed >> r & 1) || (now.tried >> r & 1)) continue;
        if (!faults_.none() &&
            (!faults_.up(r, now_us) || !faults_.reachable(flight.arrival.pop, r, now_us)))
            continue;
        const std::int64_t there_us = now_us + pop.regions.rtt_us[r] / 2;
        const std::int64_t start_us = regions_[r].would_start_us(there_us);
        const bool warm =
            regions_[r].is_warm(cells_[f * stride_ + r], version(f, now_us), start_us);
        const double work_us =
            (flight.run_us + (warm ? 0.0f : flight.cold_us)) * faults_.slower(r, now_us);
        const std::int64_t cost_us =
            pop.regions.rtt_us[r] + (start_us - there_us) + static_cast<std::int64_t>(work_us);
        if (cost_us >= best_us) continue;
        best_us = cost_us;
        best.region = static_cast<std::uint8_t>(r);
    }
    return best;
}

}  // namespace skerry::sim
