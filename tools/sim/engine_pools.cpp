// Scenarios with [workers]: what the product's servers do with the workers that they have, instead
// of a simpler world's. What a POP keeps the product's plan() decides, as often as regions report.
#include <algorithm>
#include <cmath>

#include "control/load/own_load_meter.hpp"
#include "control/worth/plan.hpp"
#include "dataplane/load/to_region_load.hpp"
#include "dataplane/select/lanes.hpp"
#include "tools/sim/engine.hpp"

namespace skerry::sim {
namespace {

constexpr std::uint32_t kServerShift = 16;  // of an alarm's subject; below it the worker
static_assert(kMaxPoolWorkers <= 1u << kServerShift);
constexpr std::uint32_t kStartsPerPlan = 4;  // as control/controller/place.cpp
constexpr std::uint8_t kBusyLooksToGrow = 2;
constexpr float kLn2 = 0.69314718f;
// What a region reports of a POP's own requests differs from what it has counted: a part more is no
// others'.
constexpr float kOwnNoise = 1.05f;

float seconds(std::int64_t us) {
    return static_cast<float>(static_cast<double>(us) * 1e-6);
}

}  // namespace

void Engine::make_pools() {
    const auto keep_us = static_cast<std::int64_t>(keep_s_ * 1e6);
    const auto functions = static_cast<std::uint32_t>(world_.functions.size());
    const auto start_us = [this](std::uint32_t function) {
        return static_cast<std::int64_t>(world_.cold_us(function, mix64(++starts_)));
    };
    const std::size_t servers = stride_ + pops_.size();
    for (std::size_t i = 0; i < servers; ++i)
        pools_.emplace_back(PoolLimits{.workers = i < stride_ ? s_.regions.slots : s_.pops.workers,
                                       .per_function = s_.workers.per_function,
                                       .keep_us = keep_us},
                            functions, start_us);
    loads_.resize(stride_);
    popular_.resize(pops_.size() * functions);
    busy_looks_.resize(pops_.size() * functions);
    sent_.resize(pops_.size() * functions * stride_);
    // A POP that knows its own requests alone.
    if (!s_.workers.digest) view_.catchment.fill(0);
}

bool Engine::run_in_pool(std::uint32_t index) {
    const Flight& flight = flights_[index];
    const std::uint32_t server = server_of_pop(flight.arrival.pop);
    const Pool::Job job{index, flight.arrival.function, static_cast<std::int64_t>(flight.run_us)};
    const bool here = pools_[server].run(job, flight.arrival.at_us);
    take_outcome(server);
    return here;
}

void Engine::deliver_to_pool(std::uint32_t index, std::int64_t now_us) {
    const Flight& flight = flights_[index];
    Pool& pool = pools_[flight.region];
    const Pool::Job job{index, flight.arrival.function, static_cast<std::int64_t>(flight.run_us)};
    if (!pool.run(job, now_us)) pool.wait(job, now_us);
    take_outcome(flight.region);
    note_warmth(flight.region, job.function, now_us);
}

// Alarms become events, and flights learn that they have begun.
void Engine::take_outcome(std::uint32_t server) {
    for (const Pool::Alarm& alarm : pools_[server].take_alarms())
        calendar_.push({alarm.at_us, server << kServerShift | alarm.worker, pool_alarm});
    for (const Pool::Begun& begun : pools_[server].take_begun()) {
        Flight& flight = flights_[begun.flight];
        flight.cold = begun.cold;
        flight.cold_us = begun.cold ? static_cast<float>(begun.waited_us) : 0;
        flight.start_us = begun.cold ? 0 : begun.waited_us;
    }
}

void Engine::on_pool_alarm(std::uint32_t subject, std::int64_t now_us) {
    const std::uint32_t server = subject >> kServerShift;
    const std::uint32_t done =
        pools_[server].on_alarm(subject & ((1u << kServerShift) - 1), now_us);
    take_outcome(server);
    if (done == Pool::kNobody) return;
    Flight& flight = flights_[done];
    if (server >= stride_) return finish(done, now_us, true);
    ServerLoad& load = loads_[server];
    const double part = 1 - std::exp(-1 / OwnLoadMeter::kRunsOfLate);
    const auto waited_us = static_cast<double>(flight.start_us) + flight.cold_us;
    load.service_us += (flight.run_us - load.service_us) * (load.service_us == 0 ? 1 : part);
    load.wait_us += (waited_us - load.wait_us) * part;
    note_warmth(server, flight.arrival.function, now_us);
    if (told_.size() <= done) told_.resize(flights_.size());
    told_[done] = report_of(server, now_us);
    const std::int32_t rtt = pops_[flight.arrival.pop].regions.rtt_us[server];
    calendar_.push({now_us + rtt / 2, done, reply});
}

Report Engine::report_of(std::uint32_t r, std::int64_t now_us) const {
    const Pool& pool = pools_[r];
    const ServerLoad& load = loads_[r];
    Report report;
    report.at_us = now_us;
    report.in_flight = pool.in_flight();
    report.waiting = pool.waiting();
    report.slots = static_cast<std::int32_t>(pool.limits().workers);
    report.service_us = static_cast<std::int32_t>(load.service_us);
    report.region_us = static_cast<std::int32_t>(load.service_us + load.wait_us);
    // What the POP makes of it.
    const RegionLoad taken =
        to_region_load({.executing = wire::saturated(pool.in_flight() - pool.waiting()),
                        .waiting = wire::saturated(pool.waiting()),
                        .slots = wire::saturated(pool.limits().workers),
                        .service_us = static_cast<std::uint32_t>(load.service_us)});
    report.wait_us = static_cast<std::int32_t>(taken.wait_us);
    report.keep_s = static_cast<float>(pool.evictions().keep_us()) * 1e-6f;
    report.crowding = static_cast<float>(pool.evictions().crowding_permille()) * 1e-3f;
    return report;
}

// For POPs that are told of it.
void Engine::note_warmth(std::uint32_t r, std::uint32_t f, std::int64_t now_us) {
    Cell& cell = cells(r)[f * stride_];
    const Pool& pool = pools_[r];
    cell.before_s = cell.used_s;
    cell.changed_s = seconds(now_us);
    cell.used_s = pool.workers(f) == 0 ? Cell::kNever : seconds(now_us);
    cell.busy_until_s = pool.all_busy(f) ? -Cell::kNever : Cell::kNever;
}

void Engine::step_pools(std::int64_t now_us) {
    for (std::uint32_t r = 0; r < stride_; ++r) {
        pools_[r].step(now_us);
        take_outcome(r);
        for (std::uint32_t f = 0; f < world_.functions.size(); ++f) {
            Cell& cell = cells(r)[f * stride_];
            if (cell.used_s != Cell::kNever && pools_[r].workers(f) == 0) note_warmth(r, f, now_us);
        }
        regions_[r].publish(report_of(r, now_us));
    }
    for (std::uint32_t p = 0; p < pops_.size(); ++p) plan_pool(p, now_us);
}

// A request may wait for a place that only a step makes.
void Engine::drain_pools() {
    const auto limit_us =
        next_report_us_ + static_cast<std::int64_t>(s_.functions.deadline_s * 1e6);
    const auto is_busy = [](const Pool& pool) { return pool.in_flight() != 0; };
    while (next_report_us_ < limit_us && std::any_of(pools_.begin(), pools_.end(), is_busy))
        advance(next_report_us_ + 1);
}

void Engine::plan_pool(std::uint32_t p, std::int64_t now_us) {
    PopSim& pop = pops_[p];
    Pool& pool = pools_[server_of_pop(p)];
    const auto functions = static_cast<std::uint32_t>(world_.functions.size());
    refresh(pop, p, now_us);
    std::vector<worth::Candidate> candidates;
    for (std::uint32_t f = 0; f < functions; ++f) {
        PopFunction now = pop_functions_.add(p, f);
        const std::size_t at = std::size_t{p} * functions + f;
        const float idle_s = std::max(0.0f, seconds(now_us) - now.at_s);
        now.rate *= select::exp_minus(kLn2 * idle_s / rate_half_life_s_);
        now.fast *= select::exp_minus(kLn2 * idle_s / static_cast<float>(s_.pops.half_life_s));
        busy_looks_[at] = pool.all_busy(f) ? std::min<std::uint8_t>(busy_looks_[at] + 1, 100) : 0;
        candidates.push_back(
            {.key = f,
             .warm_max = s_.workers.per_function,
             .memory_mib = static_cast<std::uint32_t>(world_.functions[f].memory_mib),
             .rate_per_s = now.fast,
             .steady_per_s = now.rate,
             .run_us = world_.usual_run_us(f),
             .saved_us = saved_us(p, f, now, now_us),
             .start_us = world_.usual_cold_us(f),
             .workers = pool.workers(f),
             .was_popular = popular_[at],
             .all_busy = busy_looks_[at] >= kBusyLooksToGrow});
    }
    const auto verdicts = worth::plan(candidates, {.popular_per_s = s_.pops.popular_per_s,
                                                   .workers = s_.pops.workers,
                                                   .memory_mib = s_.pops.memory_mib,
                                                   .starts = kStartsPerPlan,
                                                   .horizon_s = keep_s_});
    for (std::uint32_t f = 0; f < functions; ++f) {
        popular_[std::size_t{p} * functions + f] = verdicts[f].popular;
        pool.set_target(f, verdicts[f].workers, !verdicts[f].yields);
    }
    pool.step(now_us);
    take_outcome(server_of_pop(p));
}

// By how much a request is answered sooner here than by the best region.
double Engine::saved_us(std::uint32_t p, std::uint32_t f, const PopFunction& mine,
                        std::int64_t now_us) {
    const PopSim& pop = pops_[p];
    make_pool_row(mine, p, f, now_us);
    std::int32_t best_us = 0x7fffffff;
    for (std::uint32_t r = 0; r < stride_; ++r)
        best_us = std::min(best_us, pop.regions.rtt_us[r] + pop.wait_us[r] + row_[r]);
    return best_us;
}

Engine::Sent& Engine::sent(std::uint32_t p, std::uint32_t f, std::uint32_t r, std::int64_t now_us) {
    Sent& sent = sent_[(p * world_.functions.size() + f) * stride_ + r];
    const float passed_s = std::max(0.0f, seconds(now_us) - sent.at_s);
    sent.rate *= select::exp_minus(kLn2 * passed_s / rate_half_life_s_);
    sent.at_s = seconds(now_us);
    return sent;
}

void Engine::note_sent(std::uint32_t p, std::uint32_t f, std::uint32_t r, std::int64_t now_us) {
    Sent& sent = this->sent(p, f, r, now_us);
    sent.last_s = sent.at_s;
    sent.rate += kLn2 / rate_half_life_s_;
}

// The function's row (control/regions/rates.cpp): from what this POP has sent, and what the regions
// have told of it if they do.
void Engine::make_pool_row(const PopFunction& mine, std::uint32_t p, std::uint32_t f,
                           std::int64_t now_us) {
    const PopSim& pop = pops_[p];
    const float now_s = seconds(now_us);
    view_.own_rate = mine.rate;
    view_.cold_cost_us = world_.usual_cold_us(f);
    view_.busy = 0;
    for (std::uint32_t r = 0; r < view_.count; ++r) {
        const Sent& ours = sent(p, f, r, now_us);
        view_.idle_s[r] = now_s - ours.last_s;
        view_.rate[r] = 0;
        view_.keep_s[r] = static_cast<float>(keep_s_);
        view_.crowding[r] = 0;
        if (!s_.workers.digest) continue;
        const Cell& cell = cells(r)[f * stride_];
        const float seen_s = seconds(pop.seen_us[r]);
        const bool reported = cell.changed_s <= seen_s;
        const float used_s = reported ? cell.used_s : cell.before_s;
        const float all = cell.rate * select::exp_minus(kLn2 * std::max(0.0f, now_s - cell.rate_s) /
                                                        rate_half_life_s_);
        view_.rate[r] = std::max(0.0f, all - ours.rate * kOwnNoise);
        if (used_s != Cell::kNever)
            view_.idle_s[r] = std::min(view_.idle_s[r], now_s - used_s);
        else if (ours.last_s <= seen_s)  // what has been sent since it does not know yet
            view_.idle_s[r] = select::kNeverUsed_s;
        view_.keep_s[r] = pop.keep_s[r];
        view_.crowding[r] = pop.crowding[r];
        view_.busy |= std::uint64_t{reported && cell.busy_until_s > now_s} << r;
    }
    const auto model = brain_.settings.policy == select::Policy::skerry ? select::Warmth::stream
                                                                        : select::Warmth::now;
    select::expected_cold_us(model, view_, row_.data());
}

}  // namespace skerry::sim
