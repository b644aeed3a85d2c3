#include "control/worth/plan.hpp"

#include <algorithm>
#include <queue>

namespace skerry::worth {
namespace {

constexpr double kSecond_us = 1e6;
// Nothing known is not worth nothing: of what can't be executed elsewhere, and has never started.
constexpr double kLeastSaved_us = 1;

// One more server of Erlang's B.
double one_more(double b, std::uint32_t servers, double offered) {
    return offered * b / (servers + offered * b);
}

// Less than this is never: a worker of many slots is not looked at slot by slot.
constexpr double kNoBusy = 1e-9;

double with(std::uint32_t servers, double offered) {
    double b = 1;
    for (std::uint32_t n = 1; n <= servers && b >= kNoBusy; ++n) b = one_more(b, n, offered);
    return b;
}

// A version on its way through the plan: its next worker, and what that would bring.
class Bid {
  public:
    Bid(const Candidate& candidate, const Budget& budget, Verdict& verdict)
        : candidate_(candidate), budget_(budget), verdict_(verdict) {
        const double coming = std::max(candidate.rate_per_s, candidate.forecast_per_s);
        verdict.popular =
            budget.is_pop && is_popular(coming, budget.popular_per_s, candidate.was_popular);
        stays_per_s_ = std::max(coming, candidate.steady_per_s);
        comes_per_s_ = std::max(std::min(candidate.rate_per_s, candidate.steady_per_s),
                                candidate.forecast_per_s);
        // For the one request that it is kept for.
        if (candidate.expected) {
            stays_per_s_ = std::max(stays_per_s_, 1.0 / budget.horizon_s);
            comes_per_s_ = std::max(comes_per_s_, 1.0 / budget.horizon_s);
        }
    }

    const Candidate& candidate() const { return candidate_; }
    Verdict& verdict() { return verdict_; }
    // Of the next worker: CPUs that are busy with what it catches.
    double cpus() const { return cpus_; }
    bool is_start() const { return verdict_.workers >= candidate_.workers; }

    // Looks at the next worker; false, and why, when it is not to be had.
    bool look() {
        const bool there = !is_start();
        const double rate = there ? stays_per_s_ : comes_per_s_;
        const double caught = caught_by_next(rate);
        value_ = caught * saved_us() * candidate_.weight;
        // By one rate whether it is there or not: who has just been started must still fit.
        cpus_ = caught_by_next(std::max(stays_per_s_, rate)) * candidate_.run_us / kSecond_us *
                candidate_.cpus;
        const double net =
            there ? value_ * kStays : value_ - candidate_.start_us / budget_.horizon_s;
        density_ = std::max(net, 0.0) / cost();
        verdict_.next_value = value_;
        verdict_.why = bar();
        if (verdict_.why != Why::enough) return false;
        // How many are needed the rate of late says: when it rises, they are needed now.
        const double wanted =
            there ? caught : caught_by_next(std::max(rate, candidate_.rate_per_s));
        return verdict_.workers == 0 || wanted > least() / (there ? 2 : 1);
    }

    void take() {
        verdict_.value += value_;
        ++verdict_.workers;
    }

    // A bid that is worth more comes first.
    bool less(const Bid& other) const {
        if (density_ != other.density_) return density_ < other.density_;
        return candidate_.key > other.candidate_.key;
    }

  private:
    double least() const {
        return std::max(kLeastOfPopular * budget_.popular_per_s, kLeastOfOwn * stays_per_s_);
    }
    double saved_us() const { return std::max(candidate_.saved_us, kLeastSaved_us); }

    // Of the budgets, what a worker takes.
    double cost() const {
        double share = 1.0 / budget_.workers;
        if (budget_.memory_mib != 0)
            share += candidate_.memory_mib / static_cast<double>(budget_.memory_mib);
        if (budget_.cpus != 0) share += cpus_ / budget_.cpus;
        return share;
    }

    // enough: nothing.
    Why bar() const {
        const Candidate& c = candidate_;
        if (!c.current) return Why::old_version;
        const bool elsewhere = budget_.is_pop && c.place == Place::region;
        if (elsewhere) return Why::not_here;
        const bool soon = c.expected && verdict_.workers == 0;
        if (!budget_.is_pop && !soon) return verdict_.workers != 0 ? Why::pinned : Why::not_here;
        if (!verdict_.popular && !soon) return verdict_.workers != 0 ? Why::pinned : Why::unpopular;
        if (c.saved_us <= 0 && c.place == Place::automatic && !soon) return Why::no_gain;
        if (verdict_.workers >= c.warm_max) return Why::most;
        if (c.held_back && is_start()) return Why::failing;
        return Why::enough;
    }

    // Requests a second that the next worker catches and those before it don't.
    double caught_by_next(double rate) const {
        const std::uint32_t slots = std::max(1u, candidate_.slots);
        double offered = rate * candidate_.run_us / kSecond_us;
        // Whatever the means say, what is there is needed, and one more.
        if (candidate_.all_busy && verdict_.workers <= candidate_.workers)
            offered = std::max(offered, static_cast<double>(slots) * candidate_.workers);
        const double before = with(verdict_.workers * slots, offered);
        const double b = before < kNoBusy ? before : with((verdict_.workers + 1) * slots, offered);
        return rate * (before - b);
    }

    const Candidate& candidate_;
    const Budget& budget_;
    Verdict& verdict_;
    double stays_per_s_ = 0, comes_per_s_ = 0;
    double value_ = 0, cpus_ = 0, density_ = 0;
};

// What is left of the budgets.
struct Left {
    std::uint64_t memory_mib = 0;
    std::uint32_t workers = 0, starts = 0;
    double cpus = 0;

    explicit Left(const Budget& budget)
        : memory_mib(budget.memory_mib != 0 ? budget.memory_mib : ~std::uint64_t{0}),
          workers(budget.workers),
          starts(budget.starts),
          cpus(budget.cpus != 0 ? budget.cpus : 1e18) {}

    void spend(std::uint32_t count, std::uint64_t each_mib) {
        memory_mib -= std::min(memory_mib, count * each_mib);
        workers -= std::min(workers, count);
    }
    // enough: it fits.
    Why bar(const Bid& bid) const {
        if (workers == 0 || bid.candidate().memory_mib > memory_mib) return Why::no_room;
        if (bid.cpus() > cpus) return Why::cpu;
        if (bid.is_start() && starts == 0) return Why::turn;
        return Why::enough;
    }
};

// Whether what is to be started does not fit beside all that is there now.
bool is_crowded(std::span<const Candidate> candidates, std::span<const Verdict> verdicts,
                const Budget& budget) {
    std::uint64_t workers = 0, memory_mib = 0;
    bool starts = false;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const std::uint64_t most = std::max(candidates[i].workers, verdicts[i].workers);
        starts = starts || verdicts[i].workers > candidates[i].workers;
        workers += most;
        memory_mib += most * candidates[i].memory_mib;
    }
    return starts &&
           (workers > budget.workers || (budget.memory_mib != 0 && memory_mib > budget.memory_mib));
}

}  // namespace

std::uint32_t pinned(const Candidate& candidate, bool is_pop) {
    const bool here = candidate.current && is_pop == (candidate.place != Place::region);
    return here ? candidate.warm_min : 0;
}

bool is_popular(double rate_per_s, double popular_per_s, bool was_popular) {
    return rate_per_s >= (was_popular ? popular_per_s / 2 : popular_per_s);
}

double erlang_b(std::uint32_t servers, double offered) {
    return with(servers, offered);
}

std::vector<Verdict> plan(std::span<const Candidate> candidates, const Budget& budget) {
    std::vector<Verdict> verdicts(candidates.size());
    Left left(budget);
    std::vector<Bid> bids;
    bids.reserve(candidates.size());
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        bids.emplace_back(candidates[i], budget, verdicts[i]);
        // By the owner's word, whatever it is worth; its worth is told all the same.
        for (std::uint32_t n = pinned(candidates[i], budget.is_pop); n != 0; --n) {
            bids.back().look();
            bids.back().take();
            left.cpus -= std::min(left.cpus, bids.back().cpus());
        }
        left.spend(verdicts[i].workers, candidates[i].memory_mib);
    }
    const auto less = [](const Bid* a, const Bid* b) { return a->less(*b); };
    std::priority_queue<Bid*, std::vector<Bid*>, decltype(less)> queue(less);
    for (Bid& bid : bids)
        if (bid.look()) queue.push(&bid);
    while (!queue.empty()) {
        Bid& bid = *queue.top();
        queue.pop();
        if (const Why why = left.bar(bid); why != Why::enough) {
            bid.verdict().why = why;
            continue;
        }
        left.spend(1, bid.candidate().memory_mib);
        left.cpus -= bid.cpus();
        if (bid.is_start()) --left.starts;
        const bool expected = bid.candidate().expected && !bid.verdict().popular;
        bid.take();
        bid.verdict().why = expected ? Why::expected : Why::enough;
        if (!expected && bid.look()) queue.push(&bid);
    }
    const bool crowded = is_crowded(candidates, verdicts, budget);
    for (std::size_t i = 0; crowded && i < candidates.size(); ++i)
        verdicts[i].yields = candidates[i].workers > verdicts[i].workers;
    return verdicts;
}

std::string_view text(Why why) {
    switch (why) {
        case Why::not_here:
            return "it is not kept here: its policy, or a region that starts it on demand";
        case Why::old_version:
            return "an old version has only what its requests need";
        case Why::pinned:
            return "its owner's minimum";
        case Why::unpopular:
            return "it is asked for too seldom here";
        case Why::no_gain:
            return "a region answers as soon";
        case Why::enough:
            return "one more would catch too few requests";
        case Why::most:
            return "its owner's maximum";
        case Why::no_room:
            return "the room goes to functions that are worth more";
        case Why::cpu:
            return "the CPUs go to functions that are worth more";
        case Why::turn:
            return "others are started first";
        case Why::failing:
            return "its workers do not start";
        case Why::expected:
            return "its next request is due";
    }
    return "";
}

}  // namespace skerry::worth
