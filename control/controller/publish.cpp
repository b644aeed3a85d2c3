// From the catalog to what the packet path reads: targets, holders, entries.
#include <algorithm>

#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

constexpr std::uint32_t kAssumedColdCost_us = 50'000;  // until one start has been measured

}  // namespace

// In a region every function may have workers; in a POP those that are not bound to regions.
bool Controller::may_have_workers(const catalog::Policy& policy) const {
    return config_.role == config::Role::region || policy.place != Place::region;
}

Result<std::uint32_t> Controller::open_entry(const catalog::Function& function,
                                             const std::string& digest) {
    const catalog::Limits& limits = function.limits;
    const std::uint32_t fit = kSlotsPerEntry / limits.concurrency;
    return pool_.open_entry({.function = function.name,
                             .version_hex = digest,
                             .artifact_dir = artifacts_.folder(digest),
                             .memory_mib = limits.memory_mib,
                             .concurrency = limits.concurrency,
                             .workers_max = std::min(std::max(limits.warm_max, 1u), fit),
                             .payload_bytes_max = limits.max_payload_bytes});
}

// Gives a function of the catalog its index and the entries that it lacks. `current_entry`: made
// for its current version already; what it replaces goes to `closing`.
Status Controller::adopt(const catalog::Function& function, std::uint32_t current_entry,
                         std::vector<std::uint32_t>* closing) {
    auto found = deployed_.find(function.name);
    if (found == deployed_.end()) {
        const auto index = indices_.take();
        if (!index)
            return Error{ENOSPC, "all " + std::to_string(kMaxFunctions) + " functions are taken"};
        found = deployed_.emplace(function.name, Deployed{}).first;
        found->second.index = *index;
        rates_.reset(*index, monotonic_us());
    }
    if (!may_have_workers(function.policy)) return ok();
    Deployed& deployed = found->second;
    if (current_entry != kNoEntry) {
        const auto there = deployed.entries.find(function.current);
        if (there != deployed.entries.end()) closing->push_back(there->second);
        deployed.entries[function.current] = current_entry;
    }
    for (const std::string& digest : function.versions) {
        if (deployed.entries.count(digest) != 0 || !artifacts_.holds(digest)) continue;
        const auto entry = open_entry(function, digest);
        if (!entry) return entry.error();
        deployed.entries.emplace(digest, *entry);
    }
    return ok();
}

std::uint64_t Controller::holders(const std::string& digest) const {
    std::uint64_t bits = 0;
    for (std::size_t r = 0; r < held_.size(); ++r)
        if (held_[r].count(digest) != 0) bits |= std::uint64_t{1} << r;
    return bits;
}

std::uint32_t Controller::cold_cost_us(const catalog::Function& function,
                                       const std::string& digest) const {
    if (function.limits.cold_cost_ms != 0) return function.limits.cold_cost_ms * 1000;
    const auto deployed = deployed_.find(function.name);
    if (deployed != deployed_.end()) {
        const auto entry = deployed->second.entries.find(digest);
        if (entry != deployed->second.entries.end() && pool_.start_us(entry->second) != 0)
            return static_cast<std::uint32_t>(pool_.start_us(entry->second));
    }
    return kAssumedColdCost_us;
}

// Its starts fail, and the next try is not due yet: nobody should queue for it here.
bool Controller::held_back(std::uint32_t entry) const {
    return pool_.workers(entry) == 0 && !pool_.start_failure(entry).empty() &&
           pool_.held_back(entry, monotonic_us());
}

void Controller::add_targets(const catalog::Function& function, std::vector<Target>& to) {
    const Deployed& deployed = deployed_.at(function.name);
    for (const std::string& digest : function.versions) {
        Target target;
        target.function_key = catalog::function_key(function.name);
        target.version_key = catalog::version_key(digest);
        target.qualifier = target.version_key;
        target.holders = holders(digest);
        target.function = deployed.index;
        target.timeout_us = function.limits.timeout_ms * 1000;
        target.cold_cost_us = cold_cost_us(function, digest);
        target.max_payload_bytes = function.limits.max_payload_bytes;
        target.place = function.policy.place;
        target.retry = function.policy.retry;
        const auto entry = deployed.entries.find(digest);
        if (entry != deployed.entries.end() && !held_back(entry->second))
            target.entry = entry->second;
        to.push_back(target);
        if (digest != function.current) continue;
        target.qualifier = 0;
        to.push_back(target);
    }
}

std::unique_ptr<const Snapshot> Controller::build_snapshot() {
    std::vector<Target> targets;
    for (const auto& [name, function] : catalog_.functions()) add_targets(function, targets);
    return std::make_unique<const Snapshot>(++generation_, targets, regions_, draining_);
}

// `closing`: entries that no target names any more; their workers end after the grace period.
std::uint64_t Controller::publish(std::vector<std::uint32_t> closing) {
    publish_soon_ = false;
    held_back_.clear();
    for (const auto& [name, deployed] : deployed_)
        for (const auto& [digest, entry] : deployed.entries)
            if (held_back(entry)) held_back_.insert(entry);
    shared_.catalog_epoch.store(catalog_.epoch(), std::memory_order_relaxed);
    return reclaimer_.publish(build_snapshot(), [this, closing = std::move(closing)] {
        for (const std::uint32_t entry : closing) pool_.close_entry(entry);
    });
}

}  // namespace skerry::control
