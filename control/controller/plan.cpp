// What a deploy gets ready before anything changes: a row, and capacity entries. Called on HTTP
// threads, with the control lock.
#include <spdlog/spdlog.h>

#include <chrono>

#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

constexpr std::chrono::seconds kEntryTimeout{10};

// Workers of the two have different channels or jails: one entry can't serve both.
bool reshaped(const catalog::Limits& before, const catalog::Limits& next) {
    return before.concurrency != next.concurrency || before.memory_mib != next.memory_mib ||
           before.max_payload_bytes != next.max_payload_bytes ||
           before.cpu_percent != next.cpu_percent || before.cpu_weight != next.cpu_weight ||
           before.cpu_ms != next.cpu_ms || before.tmp_mib != next.tmp_mib ||
           before.pids_max != next.pids_max || before.log_kib != next.log_kib ||
           before.single_use != next.single_use || before.templates != next.templates ||
           before.egress != next.egress;
}

}  // namespace

// Everything that the switch needs, so that it can't fail for the lack of it: a row, an entry
// for the new version, and entries for old ones that have none, if there are any left.
Status Controller::make_plan(Lock& lock, Plan& plan) {
    const catalog::Function& next = plan.next;
    const bool has_row = plan.before && deployed_.at(next.name).index != kCommonRow;
    if (!has_row) {
        plan.index = take_row(next);
        if (!plan.index && !why_own_row(next).empty()) return no_row(next);
    }
    for (std::uint32_t r = 0; r < held_.size(); ++r)
        if (held_[r].known && !held_[r].has(next.name) &&
            !(plan.before && replicates_to(plan.before->policy, r)))
            plan.new_regions.insert(config_.regions[r].name);
    if (!may_have_workers(next.policy) || !(has_row || plan.index)) return ok();
    std::map<std::string, std::uint32_t> there;
    if (plan.before) there = deployed_.at(next.name).entries;
    const auto current = there.find(next.current);
    if (current != there.end() && !reshaped(plan.before->limits, next.limits)) {
        plan.entry = current->second;
    } else {
        const auto opened = open_entry_or_evict(lock, next);
        if (!opened) return opened.error();
        plan.entry = *opened;
        plan.opened[next.current] = *opened;
    }
    for (const std::string& digest : next.versions) {
        if (digest == next.current || there.count(digest) != 0 || !holds(next, digest)) continue;
        if (plan.before && !deployed_.at(next.name).refusal_of(digest).empty()) continue;
        const auto opened = open_entry(next, digest);
        if (!opened) break;
        plan.opened[digest] = *opened;
    }
    return ok();
}

// For a version that is about to be current. When all entries are taken, an old version gives its
// one up; it is free when no core can name it any more and its workers have ended.
Result<std::uint32_t> Controller::open_entry_or_evict(Lock& lock,
                                                      const catalog::Function& function) {
    auto opened = open_entry(function, function.current);
    if (opened || opened.error().code != ENOSPC) return opened;
    if (!evict_one() && retired_.empty()) return opened;
    changed_.wait_for(lock, kEntryTimeout, [&] {
        opened = open_entry(function, function.current);
        return opened || stopping_;
    });
    return opened;
}

bool Controller::evict_one() {
    std::string name, digest;
    bool idle = false;
    for (const auto& [each, deployed] : rowed_)
        for (const auto& [version, entry] : deployed->entries) {
            if (idle || version == catalog_.find(each)->current) continue;
            idle = pool_.workers(entry) == 0;
            if (idle || name.empty()) name = each, digest = version;
        }
    if (name.empty()) return false;
    spdlog::warn("all {} entries are taken: the old version {} of {} can't run here any more",
                 kMaxEntries, digest, name);
    auto& entries = deployed_.at(name).entries;
    retire(name, digest, entries.at(digest));
    entries.erase(digest);
    publish();
    nudge();
    return true;
}

}  // namespace skerry::control
