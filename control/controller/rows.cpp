// Which functions have a row of their own in the cores' arrays, and with it an exact count, a
// capacity entry here and a place in the plan. While there are rows for all, all have one. When
// there are not, on a server whose regions can have what is asked for: those that must, and of the
// others the most popular (control/popularity; docs/decisions/0037-rows-follow-popularity.md).
#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

constexpr std::uint64_t kRowsPeriod_us = 1'000'000;  // a change of rows is a publication
constexpr std::size_t kLooksPerTick = 2048;          // at functions without a row
constexpr std::size_t kMostAsking = 64;
constexpr double kFactor = 2.0;
// Requests that a function has to be ahead by, all of them just now.
constexpr double kAhead = 3.0;
// And by so many times what the sketch is usually off by.
constexpr double kNoises = 2.0;
constexpr double kLn2 = 0.693147;

}  // namespace

// Where nobody else can have what is asked for here, each function has to have its row.
bool Controller::rows_are_shared() const {
    return shared_.server.is_pop && !regions_.empty();
}

// What is said of it that needs a row of its own; empty: nothing.
std::string Controller::why_own_row(const catalog::Function& function) const {
    const catalog::Limits& limits = function.limits;
    if (!rows_are_shared()) return "it can be executed nowhere but here";
    if (function.policy.place == Place::pop) return "its place is here";
    if (limits.warm_min != 0 && may_have_workers(function.policy)) return "warm_min";
    if (limits.max_per_s != 0) return "max_per_s";
    if (config_.limits.function_per_s != 0) return "limits.function_per_s";
    if (function.reserved) return "reserved concurrency";
    if (config_.tenant_number(limits.tenant) != 0) return "its tenant";
    return {};
}

Status Controller::no_row(const catalog::Function& function) const {
    return Error{ENOSPC, "\"" + function.name + "\" needs a row of its own (" +
                             why_own_row(function) + "), and all " +
                             std::to_string(config_.dataplane.function_rows) +
                             " (dataplane.function_rows) are taken by functions that need theirs"};
}

RowCounts Controller::row_counts(std::uint32_t row) const {
    RowCounts counts;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
        const FunctionCounters& row_of_core = shared_.counters[core]->functions[row];
        counts.arrivals += row_of_core.arrivals.get();
        counts.throttled += row_of_core.throttled.get();
        counts.local += row_of_core.local.get();
        counts.forwarded += row_of_core.forwarded.get();
    }
    return counts;
}

std::vector<popularity::Holder> Controller::holders_of_rows(std::uint64_t now_us) const {
    std::vector<popularity::Holder> holders;
    for (const auto& [name, deployed] : rowed_) {
        bool busy = false;
        for (const auto& [digest, entry] : deployed->entries)
            busy = busy || pool_.workers(entry) != 0 ||
                   shared_.capacity->entries[entry].wanted.load(SK_RELAXED) != 0;
        const std::uint32_t row = deployed->index;
        holders.push_back(
            {.row = row,
             .pinned = name == deploying_ || !why_own_row(*catalog_.find(name)).empty(),
             .busy = busy,
             .per_s = std::max(rates_.rate_per_s(row), rates_.steady_per_s(row)),
             .held_s = static_cast<double>(now_us - deployed->row_since_us) / 1e6});
    }
    return holders;
}

// A free one; for a function that must have one also that of another, which is published without it
// before this returns. None: it has to do without.
std::optional<std::uint32_t> Controller::take_row(const catalog::Function& function) {
    if (const auto row = indices_.take()) return row;
    if (!rows_are_shared() || why_own_row(function).empty()) return std::nullopt;
    const auto row = popularity::cheapest(holders_of_rows(monotonic_us()));
    if (!row) return std::nullopt;
    const std::string loser = row_of_[*row];
    lose_row(loser);
    spdlog::info("{} has lost its row to {}, which needs one", loser, function.name);
    publish();
    nudge();
    return indices_.take();
}

// Nothing of what the row has counted for others is this function's. Cores may still count for them
// until they have taken the next snapshot: some requests of two milliseconds.
void Controller::give_row(const catalog::Function& function, std::uint32_t row, double per_s) {
    const std::uint64_t now_us = monotonic_us();
    Deployed& deployed = deployed_.at(function.name);
    deployed.index = row;
    deployed.row_since_us = now_us;
    deployed.before = row_counts(row);
    deployed.arrived.reset();
    rates_.reset(row, now_us, per_s);
    shared_.own_warmth->functions[row].store(0, std::memory_order_relaxed);
    own_load_.reset(row);
    rowed_[function.name] = &deployed;
    row_of_[row] = function.name;
}

// Its entries are closed when no core can name them any more; until the next publication its
// requests are still served by them. What is known of its habits is not kept: nobody sees them now.
void Controller::lose_row(const std::string& name) {
    Deployed& deployed = deployed_.at(name);
    for (const auto& [digest, entry] : deployed.entries) retire(name, digest, entry);
    gone_ = gone_ + (row_counts(deployed.index) - deployed.before);
    indices_.give_back(deployed.index);
    row_of_[deployed.index].clear();
    rowed_.erase(name);
    deployed.index = kCommonRow;
    deployed.entries.clear();
    deployed.wants_entry = deployed.popular = false;
    deployed.busy_looks = 0;
    deployed.asked = {};
    deployed.verdict = {};
    deployed.arrived.reset();
    deployed.idle = {};
    deployed.keep = {};
    publish_soon_ = true;
}

// The entry of its current version, for a function that has got its row outside of a deploy.
void Controller::open_here(const catalog::Function& function, Deployed& deployed) {
    deployed.wants_entry = false;
    if (!may_have_workers(function.policy) || deployed.entries.count(function.current) != 0 ||
        !deployed.refusal_of(function.current).empty() || !holds(function, function.current))
        return;
    const auto entry = open_entry(function, function.current);
    if (entry) {
        deployed.entries.emplace(function.current, *entry);
        publish_soon_ = true;
        return;
    }
    // Those of functions that have just lost their rows are free in a moment.
    deployed.wants_entry = entry.error().code == ENOSPC && (!retired_.empty() || evict_one());
    if (!deployed.wants_entry) spdlog::warn("{}: {}", function.name, entry.error().text);
}

// A part of the functions without a row each tick: what the sketch says of them.
void Controller::look_for_popular() {
    if (merged_.all_per_s() < 1e-3) return;
    auto at = deployed_.upper_bound(looked_at_);
    for (std::size_t n = 0; n < kLooksPerTick && looks_ < deployed_.size(); ++n, ++looks_, ++at) {
        if (at == deployed_.end()) at = deployed_.begin();
        looked_at_ = at->first;
        if (at->second.index != kCommonRow || at->first == deploying_) continue;
        const double per_s = merged_.per_s(at->second.key);
        if (per_s <= 0 || (asking_.size() == kMostAsking && per_s <= asking_.back().first))
            continue;
        if (asking_.size() == kMostAsking) asking_.pop_back();
        const auto place =
            std::upper_bound(asking_.begin(), asking_.end(), per_s,
                             [](double rate, const auto& each) { return rate > each.first; });
        asking_.insert(place, {per_s, at->first});
    }
}

void Controller::step_rows(std::uint64_t now_us) {
    if (!rows_are_shared()) return;
    for (const auto& [name, deployed] : rowed_)
        if (deployed->wants_entry && name != deploying_) {
            open_here(*catalog_.find(name), *deployed);
            break;  // one a tick
        }
    if (rowed_.size() == deployed_.size()) return;
    look_for_popular();
    if (now_us < next_rows_us_) return;
    next_rows_us_ = now_us + kRowsPeriod_us;
    std::vector<const popularity::Sketch*> sketches;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        sketches.push_back(&shared_.counters[core]->sketch);
    if (merged_us_ != 0) merged_.step(sketches, static_cast<double>(now_us - merged_us_) / 1e6);
    merged_us_ = now_us;
    if (!asking_.empty()) reassign_rows(now_us);
    asking_.clear();
    looks_ = 0;
}

void Controller::reassign_rows(std::uint64_t now_us) {
    std::vector<popularity::Asker> askers;
    for (std::uint32_t i = 0; i < asking_.size(); ++i) {
        const auto at = deployed_.find(asking_[i].second);  // it may have gone, or got a row
        if (at == deployed_.end() || at->second.index != kCommonRow || at->first == deploying_)
            continue;
        askers.push_back({.id = i, .per_s = merged_.per_s(at->second.key)});
    }
    const double keep_s = config_.workers.idle_timeout_ms / 1000.0;
    const popularity::Terms terms{
        .factor = kFactor,
        .more_per_s = kAhead * kLn2 / (keep_s * double{select::kRateHalfLife}) +
                      kNoises * merged_.noise_per_s(),
        .settled_s = keep_s};
    for (const popularity::Change& change :
         popularity::reassign(holders_of_rows(now_us), askers, indices_.free(), terms)) {
        const std::string& name = asking_[change.id].second;
        std::string loser;
        if (change.row != popularity::kFreeRow) {
            loser = row_of_[change.row];
            lose_row(loser);
        }
        const auto row = indices_.take();
        const catalog::Function& function = *catalog_.find(name);
        Deployed& deployed = deployed_.at(name);
        give_row(function, *row, merged_.per_s(deployed.key));
        open_here(function, deployed);
        publish_soon_ = true;
        spdlog::info("{} has got a row{}", name,
                     loser.empty() ? "" : ", which was " + loser + "'s");
    }
}

admin::RowView Controller::row_view(const catalog::Function& function) const {
    const Deployed& deployed = deployed_.at(function.name);
    admin::RowView view{.own = deployed.index != kCommonRow,
                        .why = why_own_row(function),
                        .per_s = merged_.per_s(deployed.key),
                        .noise_per_s = merged_.noise_per_s()};
    if (view.own) {
        view.per_s = rates_.rate_per_s(deployed.index);
        view.noise_per_s = 0;
        if (view.why.empty())
            view.why = rowed_.size() == deployed_.size() ? "there is one for each" : "popular";
    } else {
        view.why = "all " + std::to_string(config_.dataplane.function_rows) +
                   " rows are others'; it is executed in regions";
    }
    return view;
}

}  // namespace skerry::control
