#include "tools/sim/engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "control/worth/plan.hpp"
#include "dataplane/capacity/capacity_table.hpp"
#include "dataplane/select/lanes.hpp"

namespace skerry::sim {
namespace {

constexpr std::size_t kBins = 240;
constexpr std::size_t kAhead = 8;  // arrivals that are known before they are due
constexpr float kLn2 = 0.69314718f;

float seconds(std::int64_t us) {
    return static_cast<float>(static_cast<double>(us) * 1e-6);
}

float halved(float passed_s, float half_life_s) {
    return select::exp_minus(kLn2 * std::max(0.0f, passed_s) / half_life_s);
}

double total_rate(const Scenario& s) {
    double rate = s.requests_per_s;
    for (const Flash& flash : s.flashes) rate += flash.requests_per_s;
    return rate;
}

}  // namespace

Engine::Engine(const Scenario& scenario, const World& world, Brain brain,
               const Placement* placement)
    : s_(scenario),
      world_(world),
      brain_(brain),
      placement_(placement),
      faults_(scenario, world),
      calendar_(static_cast<std::int64_t>(2e6 / total_rate(scenario))),
      pops_(world.pop_count()),
      cells_(world.functions.size() * world.region_count()),
      stride_(world.region_count()),
      pop_functions_(static_cast<std::uint32_t>(world.functions.size())),
      in_band_(world.functions.size()),
      report_us_(std::int64_t{scenario.regions.report_ms} * 1000),
      warm_up_us_(static_cast<std::int64_t>(scenario.warm_up_s * 1e6)),
      failed_from_us_(faults_.first_loss_of_region_us()),
      was_down_(world.region_count()),
      keep_s_(scenario.regions.keep_alive_s),
      rate_half_life_s_(static_cast<float>(keep_s_) * select::kRateHalfLife) {
    for (std::uint32_t r = 0; r < world.region_count(); ++r) regions_.emplace_back(s_, r);
    m_.timeline.resize(kBins);
    m_.ran_at.resize(std::size_t{world.pop_count()} * (world.region_count() + 1));
    view_.count = world.region_count();
    double people = 0;
    for (const double weight : world.pop_weight) people += weight;
    for (std::uint32_t p = 0; p < world.pop_count(); ++p) {
        std::uint32_t near = 0;
        for (std::uint32_t r = 0; r < world.region_count(); ++r)
            if (world.rtt_us(p, r) < world.rtt_us(p, near)) near = r;
        view_.catchment[near] += static_cast<float>(world.pop_weight[p] / people);
    }
    for (std::uint32_t p = 0; p < world.pop_count(); ++p) {
        select::Candidates& c = pops_[p].regions;
        c.count = world.region_count();
        c.peers = world.pop_count();
        for (std::uint32_t r = 0; r < c.count; ++r) {
            c.id[r] = static_cast<std::uint32_t>(mix64(r + 1));
            c.rtt_us[r] = world.rtt_us(p, r);
            c.weight_permille[r] = 1000;
            c.max_payload_bytes[r] = 0x7fffffff;
            pops_[p].keep_s[r] = static_cast<float>(keep_s_);
            pops_[p].probers.emplace_back(s_, p, r, c.rtt_us[r]);
        }
    }
    if (scenario.workers.modelled) make_pools();
    double sum = 0;
    for (std::uint32_t f = 0; f < world.functions.size(); ++f)
        sum += std::pow(f + 1.0, -s_.functions.zipf);
    for (std::uint32_t f = 0; f < world.functions.size(); ++f) {
        const double gap_s = sum / std::pow(f + 1.0, -s_.functions.zipf) / s_.requests_per_s;
        in_band_[f] = gap_s >= keep_s_ / world.region_count() && gap_s <= keep_s_;
    }
}

Metrics Engine::run(Arrivals& arrivals) {
    // Who comes does not depend on what is answered: what the next ones need is fetched early.
    std::array<Arrival, kAhead> ahead;
    std::size_t known = 0, taken = 0;
    for (bool more = true;;) {
        while (more && known < taken + kAhead) {
            Arrival& arrival = ahead[known % kAhead];
            more = arrivals.next(arrival);
            if (!more) break;
            prefetch(arrival);
            ++known;
        }
        if (taken == known) break;
        const Arrival arrival = ahead[taken++ % kAhead];
        advance(arrival.at_us);
        on_arrival(arrival);
    }
    // What is still on its way is answered; nothing new comes.
    if (has_pools()) drain_pools();
    Event event;
    while (calendar_.pop(std::int64_t{1} << 60, event)) handle(event);
    return take_metrics();
}

void Engine::prefetch(const Arrival& arrival) const {
    pop_functions_.prefetch(arrival.pop, arrival.function);
    if (!brain_.uses_warmth()) return;
    const Cell* row = cells_.data() + arrival.function * stride_;
    for (std::size_t r = 0; r < stride_; r += 2) __builtin_prefetch(row + r);
}

void Engine::advance(std::int64_t until_us) {
    Event event;
    while (next_report_us_ < until_us) {
        while (calendar_.pop(next_report_us_, event)) handle(event);
        report(next_report_us_);
        next_report_us_ += report_us_;
    }
    while (calendar_.pop(until_us, event)) handle(event);
}

void Engine::handle(const Event& event) {
    switch (event.kind) {
        case deliver:
            on_deliver(event.subject, event.at_us);
            break;
        case reply:
            on_reply(event.subject, event.at_us);
            break;
        case silence:
            on_silence(event.subject, event.at_us);
            break;
        case pool_alarm:
            on_pool_alarm(event.subject, event.at_us);
            break;
        default:
            --pops_[flights_[event.subject].arrival.pop].running;
            finish(event.subject, event.at_us, true);
    }
}

void Engine::report(std::int64_t now_us) {
    if (has_pools()) return step_pools(now_us);
    for (std::uint32_t r = 0; r < regions_.size(); ++r) {
        if (faults_.concerns(r)) {
            const bool up = faults_.up(r, now_us);
            if (!up && !was_down_[r]) regions_[r].lose_everything(cells(r), stride_, now_us);
            was_down_[r] = !up;
            if (!up) continue;
        }
        regions_[r].publish(now_us);
    }
    // POPs plan what they keep every ten seconds or so.
    const std::size_t look = static_cast<std::size_t>(now_us / (report_us_));
    const std::size_t every = std::max<std::size_t>(1, 10'000 / s_.regions.report_ms);
    for (std::size_t p = look % every; p < pops_.size(); p += every)
        plan_pop(static_cast<std::uint32_t>(p), now_us);
}

std::uint32_t Engine::take_flight() {
    if (unused_.empty()) {
        flights_.emplace_back();
        return static_cast<std::uint32_t>(flights_.size() - 1);
    }
    const std::uint32_t index = unused_.back();
    unused_.pop_back();
    flights_[index] = {};
    return index;
}

void Engine::on_arrival(const Arrival& arrival) {
    PopSim& pop = pops_[arrival.pop];
    PopFunction& mine = pop_functions_.add(arrival.pop, arrival.function);
    const float now_s = seconds(arrival.at_us);
    // The request itself is not in the rates yet: what it says about the next ones is known when
    // they come.
    mine.rate *= halved(now_s - mine.at_s, rate_half_life_s_);
    mine.fast *= halved(now_s - mine.at_s, static_cast<float>(s_.pops.half_life_s));
    mine.at_s = now_s;

    const std::uint32_t index = take_flight();
    Flight& flight = flights_[index];
    flight.arrival = arrival;
    flight.run_us = world_.run_us(arrival.function, arrival.seed);
    const bool here = has_pools() ? run_in_pool(index)
                                  : admit(pop, mine, arrival) && serve_here(pop, mine, index);
    if (!here) {
        flight.cold_us = world_.cold_us(arrival.function, arrival.seed);
        forward(index, arrival.at_us);
    }
    mine.rate += kLn2 / rate_half_life_s_;
    mine.fast += kLn2 / static_cast<float>(s_.pops.half_life_s);
}

bool Engine::admit(PopSim& pop, PopFunction& mine, const Arrival& arrival) {
    if (mine.kept) return true;
    if (mine.asks || !worth::is_popular(mine.fast, s_.pops.popular_per_s, false)) return false;
    const FunctionTraits& traits = world_.functions[arrival.function];
    const auto memory_mib = static_cast<std::uint64_t>(traits.memory_mib);
    const bool fits =
        pop.kept.size() < s_.pops.workers &&
        (s_.pops.memory_mib == 0 || pop.memory_mib + memory_mib <= s_.pops.memory_mib);
    if (!fits) {
        mine.asks = true;
        pop.asking.push_back(arrival.function);
        return false;
    }
    keep(pop, mine, arrival.function, arrival.at_us);
    return true;
}

void Engine::keep(PopSim& pop, PopFunction& mine, std::uint32_t function, std::int64_t now_us) {
    mine.kept = true;
    mine.warm_s = seconds(now_us) + world_.functions[function].cold_us * 1e-6f;
    pop.kept.push_back(function);
    pop.memory_mib += static_cast<std::uint64_t>(world_.functions[function].memory_mib);
}

// The product's plan, of what the POP keeps and what has asked to be kept. A function has one
// worker, with as many slots as it needs.
void Engine::plan_pop(std::uint32_t p, std::int64_t now_us) {
    PopSim& pop = pops_[p];
    std::vector<std::uint32_t> functions;
    functions.swap(pop.kept);
    const std::size_t kept = functions.size();
    functions.insert(functions.end(), pop.asking.begin(), pop.asking.end());
    pop.asking.clear();
    pop.memory_mib = 0;
    const auto nearest_us = *std::min_element(pop.regions.rtt_us.begin(),
                                              pop.regions.rtt_us.begin() + pop.regions.count);
    std::vector<worth::Candidate> candidates;
    for (std::size_t i = 0; i < functions.size(); ++i) {
        const PopFunction& mine = pop_functions_.at(p, functions[i]);
        const FunctionTraits& traits = world_.functions[functions[i]];
        const float idle_s = seconds(now_us) - mine.at_s;
        candidates.push_back(
            {.key = functions[i],
             .slots = kSlotsPerEntry,
             .memory_mib = static_cast<std::uint32_t>(traits.memory_mib),
             .rate_per_s = mine.fast * halved(idle_s, static_cast<float>(s_.pops.half_life_s)),
             .steady_per_s = mine.rate * halved(idle_s, rate_half_life_s_),
             .run_us = world_.usual_run_us(functions[i]),
             .saved_us = static_cast<double>(nearest_us),
             .start_us = traits.cold_us,
             .workers = i < kept ? 1u : 0u,
             .was_popular = i < kept});
    }
    const auto verdicts = worth::plan(candidates, {.popular_per_s = s_.pops.popular_per_s,
                                                   .workers = s_.pops.workers,
                                                   .memory_mib = s_.pops.memory_mib,
                                                   .starts = s_.pops.workers,
                                                   .horizon_s = keep_s_});
    for (std::size_t i = 0; i < functions.size(); ++i) {
        PopFunction& mine = pop_functions_.at(p, functions[i]);
        const float warm_s = mine.warm_s;
        mine.kept = mine.asks = false;
        if (verdicts[i].workers == 0) continue;
        keep(pop, mine, functions[i], now_us);
        if (i < kept) mine.warm_s = warm_s;
    }
}

// A function that is not warm yet is never waited for: its request goes to a region meanwhile.
bool Engine::serve_here(PopSim& pop, PopFunction& mine, std::uint32_t index) {
    Flight& flight = flights_[index];
    if (seconds(flight.arrival.at_us) < mine.warm_s) return false;
    if (pop.running >= s_.pops.slots) {
        flight.was_kept = true;
        return false;
    }
    ++pop.running;
    calendar_.push(
        {flight.arrival.at_us + static_cast<std::int64_t>(flight.run_us), index, local_done});
    return true;
}

void Engine::forward(std::uint32_t index, std::int64_t now_us) {
    Flight& flight = flights_[index];
    const select::Choice choice = choose(flight, now_us);
    if (!choice.found()) {
        give_up(index, true);
        return;
    }
    const std::uint32_t p = flight.arrival.pop;
    PopSim& pop = pops_[p];
    if (flight.tried == 0) {
        flight.control = choice.control;
        flight.baseline = choice.baseline;
    } else if (measured(flight.arrival)) {
        ++m_.extra;
    }
    flight.region = choice.region;
    flight.sent_us = now_us;
    flight.delivered = false;
    flight.tried |= std::uint64_t{1} << choice.region;
    ++pop.regions.outstanding[choice.region];
    PopFunction& mine = this->mine(flight.arrival);
    mine.sent_s = seconds(now_us);
    mine.sent_to = static_cast<std::uint8_t>(choice.region + 1);
    if (has_pools()) note_sent(p, flight.arrival.function, choice.region, now_us);
    if (measured(flight.arrival)) {
        m_.wan_bytes += s_.functions.request_bytes + s_.functions.reply_bytes;
        if (failed_from_us_ >= 0 && now_us >= failed_from_us_ &&
            (!faults_.up(choice.region, now_us) || !faults_.reachable(p, choice.region, now_us))) {
            m_.left_failed_us = std::max(m_.left_failed_us, now_us - failed_from_us_);
            ++bin(now_us).to_faulty;
        }
    }
    const std::int32_t rtt = pop.regions.rtt_us[choice.region];
    std::int64_t late_us = 0;
    if (faults_.concerns(choice.region)) {
        // A message that is lost is sent again after two round trips; after three it is silence.
        const double loss = faults_.loss(choice.region, now_us);
        std::uint64_t draw = mix64(flight.arrival.seed ^ flight.tried);
        int tries = 0;
        for (; tries < 3 && unit(draw) < loss; ++tries, draw = mix64(draw)) {
            late_us += 2ll * rtt + 20'000;
            if (measured(flight.arrival)) ++m_.extra;
        }
        if (tries == 3 || !faults_.reachable(p, choice.region, now_us)) {
            calendar_.push({now_us + silence_us(flight), index, silence});
            return;
        }
    }
    calendar_.push({now_us + late_us + rtt / 2, index, deliver});
}

void Engine::on_deliver(std::uint32_t index, std::int64_t now_us) {
    Flight& flight = flights_[index];
    const std::uint32_t r = flight.region, f = flight.arrival.function;
    if (faults_.concerns(r) && !faults_.up(r, now_us)) {
        calendar_.push({flight.sent_us + silence_us(flight), index, silence});
        return;
    }
    flight.delivered = true;
    Cell& cell = cells(r)[f * stride_];
    const float now_s = seconds(now_us);
    cell.rate =
        cell.rate * halved(now_s - cell.rate_s, rate_half_life_s_) + kLn2 / rate_half_life_s_;
    cell.rate_s = now_s;
    if (has_pools()) return deliver_to_pool(index, now_us);
    const auto outcome = regions_[r].serve(
        cells(r), stride_,
        {f, version(f, now_us), flight.run_us, flight.cold_us, world_.functions[f].memory_mib,
         world_.usual_run_us(f), world_.usual_cold_us(f)},
        now_us, faults_.slower(r, now_us));
    flight.start_us = outcome.start_us - now_us;
    flight.cold = outcome.cold;
    const std::int32_t rtt = pops_[flight.arrival.pop].regions.rtt_us[r];
    if (faults_.concerns(r)) {
        const std::int64_t down_us = faults_.first_down(r, now_us, outcome.done_us);
        if (down_us >= 0) {
            calendar_.push({down_us + silence_us(flight), index, silence});
            return;
        }
    }
    calendar_.push({outcome.done_us + rtt / 2, index, reply});
}

void Engine::on_reply(std::uint32_t index, std::int64_t now_us) {
    Flight& flight = flights_[index];
    PopSim& pop = pops_[flight.arrival.pop];
    const std::uint32_t r = flight.region;
    --pop.regions.outstanding[r];
    if (has_pools() && told_[index].at_us > pop.seen_us[r]) take_report(pop, r, told_[index]);
    if (faults_.concerns(r)) pop.probers[r].on_reply(now_us);
    // Peak EWMA: a higher sample is taken over at once, a lower one slowly (10 s).
    const auto took_us = static_cast<float>(now_us - flight.sent_us);
    const float now_s = seconds(now_us);
    const float old = select::exp_minus(std::max(0.0f, now_s - pop.response_s[r]) / 10.0f);
    float& average = pop.response_us[r];
    average = took_us > average ? took_us : average * old + took_us * (1 - old);
    pop.response_s[r] = now_s;
    if (flight.baseline != select::Choice::kNone && (flight.control || flight.baseline != r)) {
        const std::uint64_t key =
            std::uint64_t{flight.arrival.pop} * world_.functions.size() + flight.arrival.function;
        const auto now_ms = static_cast<std::uint32_t>(now_us / 1000);
        const bool was = trials_[key].reverted(now_ms);
        trials_[key].observe(flight.control, took_us, now_ms);
        m_.reverted += !was && trials_[key].reverted(now_ms);
    }
    finish(index, now_us, false);
}

void Engine::on_silence(std::uint32_t index, std::int64_t now_us) {
    Flight& flight = flights_[index];
    PopSim& pop = pops_[flight.arrival.pop];
    --pop.regions.outstanding[flight.region];
    pop.probers[flight.region].on_silence(now_us);
    const auto deadline_us = static_cast<std::int64_t>(s_.functions.deadline_s * 1e6);
    // What a region accepted may have been executed: it is not sent again (M8).
    if (flight.delivered || now_us - flight.arrival.at_us >= deadline_us) {
        give_up(index, false);
        return;
    }
    forward(index, now_us);
}

}  // namespace skerry::sim
