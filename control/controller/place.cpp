// How many workers each version should have: what the plan (control/worth) is told, and how it is
// followed.
#include <time.h>

#include <algorithm>

#include "control/config/region_sets.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

constexpr std::uint32_t kBusyLooksToGrow = 2;
// Begun by one plan, so ten times as many a second; the pool bounds those under way at once.
constexpr std::uint32_t kStartsPerPlan = 4;
constexpr double kUnusable = -1;

double unix_now_s() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

void Controller::place(std::uint64_t now_us) {
    std::vector<regions::Tracked> tracked;
    std::vector<std::uint32_t> indices;
    step_rows(now_us);
    for (const auto& [name, deployed] : rowed_) {
        const catalog::Function& function = *catalog_.find(name);
        indices.push_back(deployed->index);
        tracked.push_back({.function = indices.back(),
                           .key = deployed->key,
                           .cold_cost_us = cold_cost_us(function, function.current),
                           .goes_out = function.policy.place != Place::pop});
    }
    rates_.step(tracked, now_us);
    own_load_.step(indices, now_us);
    const double passed_s = static_cast<double>(now_us - placed_us_) / 1e6;
    if (!shared_.server.is_pop) {
        catchment_.step(now_us);
        const placement::Evictions& evictions = pool_.evictions();
        shared_.own_warmth->keep_ms.store(static_cast<std::uint32_t>(evictions.keep_us() / 1000),
                                          std::memory_order_relaxed);
        shared_.own_warmth->crowding_permille.store(evictions.crowding_permille(),
                                                    std::memory_order_relaxed);
    }
    const bool first = placed_us_ == 0;
    placed_us_ = now_us;
    read_ways(now_us);
    candidates_.clear();
    planned_.clear();
    for (const auto& [name, in_row] : rowed_) {
        const catalog::Function& function = *catalog_.find(name);
        Deployed& deployed = *in_row;
        const std::uint64_t key = deployed.key;
        note_habits(key, deployed, first ? 0 : passed_s, now_us);
        if (!shared_.server.is_pop) tell_warmth(function, deployed, now_us);
        for (const auto& [digest, entry] : deployed.entries) {
            pool_.set_tenant(entry, config_.tenant_number(function.limits.tenant));
            planned_.push_back({&function, &digest, entry});
            candidates_.push_back(candidate(function, key, digest, entry, now_us));
        }
    }
    follow_plan(worth::plan(candidates_, budget()));
}

// To POPs that ask: of the current version, as that is what they may send.
void Controller::tell_warmth(const catalog::Function& function, const Deployed& deployed,
                             std::uint64_t now_us) {
    wire::Warmth warmth{.state = wire::WarmState::cold, .idle_ms = wire::kIdleMsMax};
    const auto entry = deployed.entries.find(function.current);
    if (entry != deployed.entries.end() && pool_.ready(entry->second) != 0)
        warmth.state =
            pool_.free_slots(entry->second) != 0 ? wire::WarmState::idle : wire::WarmState::busy;
    if (const std::uint64_t last_us = rates_.used_us(deployed.index); last_us != 0)
        warmth.idle_ms = static_cast<std::uint32_t>(
            std::min<std::uint64_t>((now_us - last_us) / 1000, wire::kIdleMsMax));
    warmth.rate_milli =
        static_cast<std::uint32_t>(std::min(rates_.steady_per_s(deployed.index) * 1000.0, 4.0e9));
    shared_.own_warmth->functions[deployed.index].store(wire::pack(warmth),
                                                        std::memory_order_relaxed);
}

worth::Budget Controller::budget() const {
    return {.is_pop = shared_.server.is_pop,
            .popular_per_s = config_.admission.popular_per_s,
            .workers = config_.workers.max,
            .memory_mib = config_.workers.memory_mib,
            .cpus = config_.workers.cpus,
            .starts = kStartsPerPlan,
            .horizon_s = config_.workers.idle_timeout_ms / 1000.0};
}

// When the function is asked for: by the hour of the week, and how long it is left alone.
void Controller::note_habits(std::uint64_t key, Deployed& deployed, double passed_s,
                             std::uint64_t now_us) {
    const std::uint64_t arrived = rates_.arrived(deployed.index);
    const std::uint64_t fresh = deployed.arrived ? arrived - *deployed.arrived : 0;
    deployed.arrived = arrived;
    forecast_.note(key, static_cast<double>(fresh), passed_s, unix_now_s());
    if (fresh != 0 && deployed.idle.asked(now_us))
        deployed.keep = deployed.idle.keep_alive(config_.workers.idle_timeout_ms * 1000ull,
                                                 config_.workers.idle_max_ms * 1000ull);
}

// What a request waits for on the way to each region, and there.
void Controller::read_ways(std::uint64_t now_us) {
    for (std::uint32_t r = 0; r < regions_.size(); ++r) {
        const regions::Standing standing = monitor_.standing(r, now_us);
        const bool usable = standing.fresh && standing.weight_permille != 0;
        way_us_[r] = usable ? static_cast<double>(standing.rtt_us) +
                                  static_cast<double>(shared_.region_loads.read(r).wait_us)
                            : kUnusable;
    }
}

// By how much a request is answered sooner by a worker that is here than by the best region; or
// than by one that would have to be started, where no region may have it.
double Controller::saved_us(const catalog::Function& function, const Deployed& deployed) const {
    double best_us = kUnusable;
    if (function.policy.place == Place::automatic) {
        const std::uint64_t usable =
            holders(function, function.current) &
            ~config::barred_regions(config_, function.name, function.policy.regions);
        for (std::uint32_t r = 0; r < regions_.size(); ++r) {
            if ((usable >> r & 1) == 0 || way_us_[r] == kUnusable) continue;
            const double cold_us =
                shared_.warmth->expected_cold_us[deployed.index][r].load(std::memory_order_relaxed);
            if (best_us == kUnusable || way_us_[r] + cold_us < best_us)
                best_us = way_us_[r] + cold_us;
        }
    }
    return best_us != kUnusable ? best_us : cold_cost_us(function, function.current);
}

worth::Candidate Controller::candidate(const catalog::Function& function, std::uint64_t key,
                                       const std::string& digest, std::uint32_t entry,
                                       std::uint64_t now_us) {
    Deployed& deployed = deployed_.at(function.name);
    const catalog::Limits& limits = function.limits;
    const placement::VersionSpec& spec = pool_.spec(entry);
    worth::Candidate asked{.key = entry,
                           .current = digest == function.current,
                           .place = function.policy.place,
                           .warm_min = limits.warm_min,
                           .warm_max = std::max(limits.warm_min, limits.warm_max),
                           .slots = spec.concurrency,
                           .memory_mib = limits.memory_mib,
                           .workers = pool_.workers(entry)};
    if (!asked.current) return asked;
    const bool busy = pool_.ready(entry) != 0 && pool_.free_slots(entry) == 0;
    deployed.busy_looks = busy ? deployed.busy_looks + 1 : 0;
    if (limits.cpu_percent != 0) asked.cpus = std::min(1.0, limits.cpu_percent / 100.0);
    asked.weight = limits.latency_weight / 100.0;
    asked.rate_per_s = rates_.rate_per_s(deployed.index);
    asked.steady_per_s = rates_.steady_per_s(deployed.index);
    asked.run_us = rates_.run_us(deployed.index);
    asked.was_popular = deployed.popular;
    asked.all_busy = deployed.busy_looks >= kBusyLooksToGrow;
    asked.held_back = pool_.held_back(entry, now_us);
    const double unix_s = unix_now_s();
    // A server that has just been started knows no rate yet.
    const bool young =
        now_us - started_us_ < static_cast<std::uint64_t>(worth::Forecast::kTrial_s * 1e6);
    asked.forecast_per_s =
        young ? forecast_.rate_per_s(key, unix_s) : forecast_.due_per_s(key, unix_s);
    // Elsewhere somebody else has it ready.
    if (!shared_.server.is_pop || function.policy.place == Place::pop)
        asked.expected = worth::is_due(deployed.keep, deployed.idle.last_us(), now_us);
    // Nobody asks what a function that is hardly asked for would gain.
    const double coming = std::max(asked.rate_per_s, asked.forecast_per_s);
    const bool in_question =
        shared_.server.is_pop &&
        worth::is_popular(coming, config_.admission.popular_per_s, deployed.popular);
    asked.saved_us = in_question || asked.expected ? saved_us(function, deployed) : 0;
    asked.start_us = static_cast<double>(pool_.start_us(entry));
    return asked;
}

void Controller::follow_plan(const std::vector<worth::Verdict>& verdicts) {
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const auto& [function, digest, entry] = planned_[i];
        const worth::Verdict& verdict = verdicts[i];
        Deployed& deployed = deployed_.at(function->name);
        const bool current = candidates_[i].current;
        if (current) {
            deployed.asked = candidates_[i];
            deployed.verdict = verdict;
            deployed.popular = verdict.popular;
        }
        const bool warming = warming_ == entry + 1;
        const std::uint32_t workers =
            warming ? std::max(verdict.workers, warming_workers_) : verdict.workers;
        const bool keep_idle = current || warming || catalog::is_aliased(*function, *digest);
        pool_.set_target(entry, workers, keep_idle && (!verdict.yields || warming));
        pool_.set_patience(entry, deployed.keep.keep_us);
    }
}

}  // namespace skerry::control
