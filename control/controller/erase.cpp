// Deleting functions, and removing what they leave behind: entries, artifacts, logs.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>

#include "control/catalog/sweep.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

using admin::ApiResult;
using admin::EraseOutcome;

constexpr std::chrono::seconds kTurnPatience{5};
constexpr std::chrono::seconds kSweepAgain{1};
constexpr std::chrono::minutes kSavePeriod{5};  // of the forecasts

ApiResult<EraseOutcome> refuse(int status, const std::string& code, const std::string& message) {
    return ApiResult<EraseOutcome>::failure({status, code, message, {}});
}

}  // namespace

ApiResult<EraseOutcome> Controller::erase(const std::string& name) {
    const Turn::Taken taken = turn_.take(kTurnPatience);
    if (taken == Turn::Taken::closed) return refuse(503, "stopping", "this server is stopping");
    if (taken == Turn::Taken::busy)
        return refuse(409, "busy", "another deploy or delete is under way; try again later");
    const TurnHolder holder(turn_);
    std::set<std::string> regions;  // that may have it
    {
        const std::lock_guard lock(mutex_);
        if (catalog_.find(name) == nullptr)
            return refuse(404, "no-such-function", "no function is called \"" + name + "\"");
        regions = regions_with(name);
    }
    const Status stored = store(
        [&](catalog::Draft& draft) {
            const Status buried = draft.bury(name, regions);
            return buried ? draft.erase(name) : buried;
        },
        [&] { drop(name); });
    if (!stored) return ApiResult<EraseOutcome>::failure(store_refusal(stored.error()));
    sweeper_woken_.notify_all();
    EraseOutcome outcome{.name = name, .regions = {}};
    const std::set<std::string> confirmed = erase_everywhere(name, regions, outcome);
    if (confirmed.empty()) return {std::move(outcome), true, {}};
    const Status forgotten = store(
        [&](catalog::Draft& draft) {
            draft.unbury(name, confirmed);
            return ok();
        },
        {});
    if (!forgotten) spdlog::warn("{}", forgotten.error().text);
    return {std::move(outcome), true, {}};
}

// Those that may have the function.
std::set<std::string> Controller::regions_with(const std::string& name) const {
    std::set<std::string> regions;
    const catalog::Function* function = catalog_.find(name);
    for (std::uint32_t r = 0; r < held_.size(); ++r)
        if (held_[r].has(name) || (function != nullptr && replicates_to(function->policy, r)))
            regions.insert(config_.regions[r].name);
    const auto buried = catalog_.tombstones().find(name);
    if (buried != catalog_.tombstones().end())
        regions.insert(buried->second.begin(), buried->second.end());
    return regions;
}

// The catalog has it no more: neither has anything else. Under the control lock.
void Controller::drop(const std::string& name) {
    const auto deployed = deployed_.find(name);
    for (const auto& [digest, entry] : deployed->second.entries) retire(name, digest, entry);
    if (deployed->second.index != kCommonRow) {
        indices_.give_back(deployed->second.index);
        row_of_[deployed->second.index].clear();
        rowed_.erase(name);
    }
    deployed_.erase(deployed);
    sweep_due_ = true;
    publish();
    nudge();
}

// Tells all of them at once; returns those that have confirmed. The others' replicators go on.
std::set<std::string> Controller::erase_everywhere(const std::string& name,
                                                   const std::set<std::string>& regions,
                                                   EraseOutcome& outcome) {
    std::vector<std::pair<std::uint32_t, std::future<Status>>> calls;
    for (std::uint32_t r = 0; r < replicators_.size(); ++r)
        if (regions.count(config_.regions[r].name) != 0)
            calls.emplace_back(r, std::async(std::launch::async, [this, r, &name] {
                                   return replicators_[r]->erase(name);
                               }));
    std::set<std::string> confirmed;
    for (auto& [region, call] : calls) {
        const Status erased = call.get();
        const std::string& region_name = config_.regions[region].name;
        outcome.regions.push_back({.name = region_name,
                                   .ok = static_cast<bool>(erased),
                                   .error = erased ? std::string() : erased.error().text});
        if (!erased) {
            replicators_[region]->wake();
            continue;
        }
        confirmed.insert(region_name);
        const std::lock_guard lock(mutex_);
        std::erase_if(held_[region].versions,
                      [&](const auto& each) { return each.function == name; });
    }
    return confirmed;
}

// From the next publication on, no target names the entry.
void Controller::retire(std::string function, std::string digest, std::uint32_t entry) {
    retired_.push_back({std::move(function), std::move(digest),
                        artifacts_.digest_of(pool_.spec(entry).artifact_dir), entry});
}

void Controller::close_retired(const std::vector<std::uint32_t>& entries) {
    for (const std::uint32_t entry : entries)
        for (Retired& each : retired_) {
            if (each.entry != entry || each.closed) continue;
            pool_.close_entry(entry);
            each.closed = true;
        }
}

// After each step of the pool, hence before it gives the entry to another.
void Controller::note_ended_workers() {
    const auto ended = std::erase_if(retired_, [this](const Retired& each) {
        return each.closed && pool_.workers(each.entry) == 0;
    });
    if (ended == 0) return;
    sweep_due_ = true;
    sweeper_woken_.notify_all();
}

void Controller::sweep_main() {
    Lock lock(mutex_);
    auto next_save = std::chrono::steady_clock::now() + kSavePeriod;
    for (;;) {
        const bool woken =
            sweeper_woken_.wait_until(lock, next_save, [this] { return stopping_ || sweep_due_; });
        if (stopping_ || !woken) {
            save_forecasts(lock);
            next_save = std::chrono::steady_clock::now() + kSavePeriod;
        }
        if (stopping_) return;
        if (!woken) continue;
        sweep_due_ = false;
        lock.unlock();
        const bool done = sweep();
        lock.lock();
        if (done) continue;
        sweeper_woken_.wait_for(lock, kSweepAgain, [this] { return stopping_; });
        sweep_due_ = true;
    }
}

// False: a deploy is under way, which may be about to name what nobody names now.
bool Controller::sweep() {
    if (turn_.take(std::chrono::milliseconds(0)) != Turn::Taken::yes) return false;
    const TurnHolder holder(turn_);
    std::set<std::string> digests, names;
    const auto keep = [&](const std::string& function, const std::string& archive) {
        digests.insert(archive);
        names.insert(function);
    };
    // With the turn nobody adds any meanwhile.
    for_each_function([&](const catalog::Function& each) {
        for (const std::string& version : each.versions)
            keep(each.name, each.build_of(version).archive);
    });
    {
        const std::lock_guard lock(mutex_);
        for (const Retired& each : retired_) keep(each.function, each.archive);
        names.insert(spared_logs_.begin(), spared_logs_.end());
    }
    const std::size_t artifacts = catalog::sweep_artifacts(artifacts_, digests);
    const std::size_t files = (*logs_)->store().sweep(names);
    if (artifacts + files != 0)
        spdlog::info("removed {} artifact(s) and {} log(s) that no function names", artifacts,
                     files);
    return true;
}

}  // namespace skerry::control
