// How regions come to have what this server's catalog says, and how the catalog is changed.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/config/region_sets.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {

bool Controller::Possession::has(const std::string& function) const {
    const auto at = versions.lower_bound({function, ""});
    return at != versions.end() && at->function == function;
}

bool Controller::replicates_to(const catalog::Policy& policy, std::uint32_t region) const {
    if (policy.place == Place::pop) return false;
    if (policy.regions.empty()) return true;
    return (config::regions_called(config_.regions, policy.regions) >> region & 1) != 0;
}

// Changes the catalog, on the disk first. The control lock is taken for what comes after that:
// `taken` is called with it. `even_if_not_written`: the change stands until this server ends, and
// the next one that can be written brings it to the disk.
Status Controller::store(const std::function<Status(catalog::Draft&)>& change,
                         const std::function<void()>& taken, bool even_if_not_written) {
    const std::lock_guard one_at_a_time(storing_);
    catalog::Draft draft = catalog_.draft();
    if (const Status changed = change(draft); !changed) return changed;
    if (fleet_ != nullptr) {
        const std::vector<fleet::Change> changes = fleet::differences(draft);
        if (!changes.empty()) {
            if (const Status shared = fleet_->commit(changes); !shared) return shared;
            // The others have it, so this server has, too: with a full disk until it ends, and
            // again when it has heard of it after that.
            if (const Status written = write_and_take(draft, taken, true); !written)
                spdlog::error("{}", written.error().text);
            return ok();
        }
    }
    return write_and_take(draft, taken, even_if_not_written);
}

// The same, of what concerns nobody else, or what others have said.
Status Controller::store_here(const std::function<Status(catalog::Draft&)>& change,
                              const std::function<void()>& taken) {
    const std::lock_guard one_at_a_time(storing_);
    catalog::Draft draft = catalog_.draft();
    if (const Status changed = change(draft); !changed) return changed;
    return write_and_take(draft, taken, false);
}

Status Controller::write_and_take(catalog::Draft& draft, const std::function<void()>& taken,
                                  bool even_if_not_written) {
    const Status written = catalog_.write(draft);
    if (!written && !even_if_not_written) return written;
    const std::lock_guard lock(mutex_);
    catalog_.take(draft);
    shared_.catalog_epoch.store(catalog_.epoch(), std::memory_order_relaxed);
    if (taken) taken();
    return written;
}

admin::ApiError Controller::store_refusal(const Error& error) {
    switch (error.code) {
        case ESTALE:
            return {409, "conflict", error.text, {}};
        case EHOSTDOWN:
            return {503, "store-unavailable", error.text, {}};
        case ETIMEDOUT:
            return {504, "store-unknown", error.text, {}};
        default:
            return {507, "catalog", error.text, {}};
    }
}

// What a region is to be told, for it to have the function's current version.
admin::DeployRequest Controller::push_of(const catalog::Function& function) {
    catalog::Build build = function.build_of(function.current);
    return {function.name,
            function.limits,
            function.policy,
            std::move(build.archive),
            std::move(build.runtime),
            function.signature_of(function.current)};
}

RegionWork Controller::on_held(std::uint32_t region, const admin::HeldVersions& held) {
    const std::string& region_name = config_.regions[region].name;
    RegionWork work;
    std::set<std::string> confirmed;
    std::map<std::string, const admin::HeldFunction*> there;
    for (const admin::HeldFunction& each : held.functions) there[each.function] = &each;
    Lock lock(mutex_);
    Possession& possession = held_[region];
    std::set<admin::HeldVersion> versions(held.versions.begin(), held.versions.end());
    if (versions != possession.versions) {
        possession.versions = std::move(versions);
        publish_soon_ = true;
        nudge();
    }
    possession.known = true;
    lock.unlock();
    for_each_function([&](const catalog::Function& function) {
        const std::string& name = function.name;
        // While a deploy is under way the region is ahead of the catalog, or about to be.
        if (!replicates_to(function.policy, region) || name == deploying_ || !settled(name)) return;
        // What must not be executed here is brought to nobody from here.
        if (!deployed_.at(name).refusal_of(function.current).empty()) return;
        const auto at = there.find(name);
        const bool differs =
            at != there.end() && (at->second->current != function.current ||
                                  at->second->settings != deployed_.at(name).settings);
        if (differs || possession.versions.count({name, function.current}) == 0)
            work.push.push_back(push_of(function));
        else
            possession.pushes.erase(name);
    });
    lock.lock();
    for (const auto& [name, regions] : catalog_.tombstones()) {
        if (regions.count(region_name) == 0 || name == deploying_ || !settled(name)) continue;
        if (there.count(name) != 0 || possession.has(name))
            work.erase.push_back(name);
        else
            confirmed.insert(name);
    }
    lock.unlock();
    if (!confirmed.empty()) forget_tombstones(region, confirmed);
    return work;
}

bool Controller::wants(std::uint32_t region, const admin::DeployRequest& request) {
    const std::lock_guard lock(mutex_);
    const catalog::Function* function = catalog_.find(request.name);
    return !stopping_ && function != nullptr && request.name != deploying_ &&
           settled(request.name) &&
           function->current == catalog::version_of(request.digest, request.runtime) &&
           function->limits == request.limits && function->policy == request.policy &&
           function->signature_of(function->current) == request.signature &&
           replicates_to(function->policy, region);
}

bool Controller::buried(std::uint32_t region, const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto at = catalog_.tombstones().find(name);
    return !stopping_ && name != deploying_ && settled(name) && at != catalog_.tombstones().end() &&
           at->second.count(config_.regions[region].name) != 0;
}

std::shared_ptr<std::atomic<std::uint64_t>> Controller::on_pushing(
    std::uint32_t region, const admin::DeployRequest& request, std::uint64_t bytes) {
    auto sent = std::make_shared<std::atomic<std::uint64_t>>(0);
    const std::lock_guard lock(mutex_);
    held_[region].pushes[request.name] = {
        .version = catalog::version_of(request.digest, request.runtime),
        .error = {},
        .sent = sent,
        .bytes = bytes};
    return sent;
}

void Controller::on_push_failed(std::uint32_t region, const admin::DeployRequest& request,
                                const Error& why) {
    const std::lock_guard lock(mutex_);
    const auto push = held_[region].pushes.find(request.name);
    if (push != held_[region].pushes.end()) push->second.error = why.text;
}

void Controller::on_pushed(std::uint32_t region, const admin::DeployRequest& request) {
    const std::lock_guard lock(mutex_);
    held_[region].pushes.erase(request.name);
    held_[region].versions.insert(
        {request.name, catalog::version_of(request.digest, request.runtime)});
    publish_soon_ = true;
    nudge();
}

void Controller::on_erased(std::uint32_t region, const std::set<std::string>& names) {
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(held_[region].versions,
                      [&](const auto& each) { return names.count(each.function) != 0; });
        publish_soon_ = true;
        nudge();
    }
    forget_tombstones(region, names);
}

void Controller::forget_tombstones(std::uint32_t region, const std::set<std::string>& names) {
    const Status stored = store(
        [&](catalog::Draft& draft) {
            for (const std::string& name : names)
                draft.unbury(name, {config_.regions[region].name});
            return ok();
        },
        {});
    // They stay, and are confirmed again when the region is looked at the next time.
    if (!stored) spdlog::warn("{}", stored.error().text);
}

void Controller::wake_regions() {
    for (const auto& replicator : replicators_) replicator->wake();
}

Result<std::string> Controller::archive(const std::string& digest) {
    return artifacts_.archive_bytes(digest);
}

}  // namespace skerry::control
