// Deploying and deleting functions: replicate, warm up, switch. Called on HTTP threads; each part
// takes the control lock only while it looks at or changes the controller's state.
#include <algorithm>
#include <chrono>
#include <future>

#include "control/controller/controller.hpp"
#include "control/placement/demand.hpp"

namespace skerry::control {
namespace {

using admin::ApiError;
using admin::ApiResult;
using admin::DeployOutcome;
using admin::DeployRequest;

constexpr std::chrono::seconds kGraceTimeout{10};

ApiResult<DeployOutcome> refuse(int status, const std::string& code, const std::string& message) {
    return ApiResult<DeployOutcome>::failure({status, code, message, {}});
}

std::int64_t unix_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// The function as it will be: `digest` becomes the newest version and the current one.
catalog::Function next_function(const catalog::Function* before, const DeployRequest& request,
                                const std::string& digest) {
    catalog::Function next;
    if (before != nullptr) next = *before;
    next.name = request.name;
    next.limits = request.limits;
    next.policy = request.policy;
    next.current = digest;
    std::erase(next.versions, digest);
    next.versions.push_back(digest);
    if (next.versions.size() > catalog::kMaxVersionsKept)
        next.versions.erase(next.versions.begin());
    return next;
}

}  // namespace

bool Controller::replicates_to(const catalog::Policy& policy, std::uint32_t region) const {
    if (policy.place == Place::pop) return false;
    if (policy.regions.empty()) return true;
    return std::find(policy.regions.begin(), policy.regions.end(), config_.regions[region].name) !=
           policy.regions.end();
}

ApiResult<DeployOutcome> Controller::deploy(const DeployRequest& request,
                                            std::string_view archive) {
    if (const Status good = catalog::validate_name(request.name); !good)
        return refuse(400, "bad-name", good.error().text);
    if (const Status good = catalog::validate(request.limits); !good)
        return refuse(400, "bad-limits", good.error().text);
    // A POP names regions; a region is told the POP's policy, whose names mean nothing to it.
    if (shared_.server.is_pop) {
        std::vector<std::string> known;
        for (const config::Region& region : config_.regions) known.push_back(region.name);
        for (const std::string& name : request.policy.regions)
            if (std::find(known.begin(), known.end(), name) == known.end())
                return ApiResult<DeployOutcome>::failure(
                    {400, "no-such-region", "no region is called \"" + name + "\"", known});
    }
    const std::lock_guard one_at_a_time(deploying_);
    const std::string found = catalog::sha256_hex(archive);
    if (!request.digest.empty() && request.digest != found)
        return refuse(409, "digest-mismatch",
                      "the bytes hash to " + found + ", announced was " + request.digest);
    const auto digest = artifacts_.install(archive);
    if (!digest) return refuse(422, "bad-artifact", digest.error().text);
    return deploy_version(request, *digest, archive);
}

// The entry in which the version will run here. One that is there serves if its channels have the
// right shape; otherwise a new one takes its place with the switch. kNoEntry: it may not run here.
Result<Controller::Prepared> Controller::prepare_entry(const catalog::Function* before,
                                                       const catalog::Function& next) {
    Prepared prepared;
    if (!may_have_workers(next.policy)) return prepared;
    const bool reshaped =
        before != nullptr && (before->limits.concurrency != next.limits.concurrency ||
                              before->limits.memory_mib != next.limits.memory_mib ||
                              before->limits.max_payload_bytes != next.limits.max_payload_bytes);
    const auto deployed = deployed_.find(next.name);
    if (deployed != deployed_.end() && !reshaped) {
        const auto there = deployed->second.entries.find(next.current);
        if (there != deployed->second.entries.end()) {
            prepared.entry = there->second;
            return prepared;
        }
    }
    const auto opened = open_entry(next, next.current);
    if (!opened) return opened.error();
    prepared.entry = *opened;
    prepared.opened = true;
    return prepared;
}

ApiResult<DeployOutcome> Controller::deploy_version(const DeployRequest& request,
                                                    const std::string& digest,
                                                    std::string_view archive) {
    DeployOutcome outcome;
    outcome.function = request.name;
    outcome.version = digest;
    Lock lock(mutex_);
    const catalog::Function* before = catalog_.find(request.name);
    if (before != nullptr && before->current != digest) outcome.previous = before->current;
    const catalog::Function next = next_function(before, request, digest);
    const auto prepared = prepare_entry(before, next);
    if (!prepared) return refuse(507, "too-many-functions", prepared.error().text);
    lock.unlock();

    outcome.regions = replicate(request, digest, archive);
    const bool any = std::any_of(outcome.regions.begin(), outcome.regions.end(),
                                 [](const admin::RegionOutcome& region) { return region.ok; });
    lock.lock();
    if (prepared.value().entry == kNoEntry) {
        if (!any) return refuse(502, "no-region", "no region took it, and it may not run here");
        return switch_to(lock, next, prepared.value(), std::move(outcome));
    }
    const Status warm = warm_up(lock, next, prepared.value().entry);
    if (!warm) {
        if (prepared.value().opened) pool_.close_entry(prepared.value().entry);
        return refuse(422, "start-failed", warm.error().text);
    }
    return switch_to(lock, next, prepared.value(), std::move(outcome));
}

std::vector<admin::RegionOutcome> Controller::replicate(const DeployRequest& request,
                                                        const std::string& digest,
                                                        std::string_view archive) {
    DeployRequest push = request;
    push.digest = digest;
    std::vector<std::pair<std::uint32_t, std::future<Status>>> calls;
    for (std::uint32_t r = 0; r < replicators_.size(); ++r) {
        if (!replicates_to(request.policy, r)) continue;
        calls.emplace_back(r, std::async(std::launch::async, [this, r, &push, archive] {
                               return replicators_[r]->client().push(push, archive);
                           }));
    }
    std::vector<admin::RegionOutcome> outcomes;
    for (auto& [region, call] : calls) {
        const Status pushed = call.get();
        outcomes.push_back({.name = config_.regions[region].name,
                            .ok = static_cast<bool>(pushed),
                            .error = pushed ? std::string() : pushed.error().text});
        if (pushed) {
            on_pushed(region, digest);
        } else {
            replicators_[region]->wake();  // it is tried again, for as long as the region lacks it
        }
    }
    return outcomes;
}

// Starts what should be ready at the switch, and one worker in any case: a version whose bootstrap
// does not start is refused here, not by its first caller; and what a cold start costs is known
// then.
Status Controller::warm_up(Lock& lock, const catalog::Function& function, std::uint32_t entry) {
    const std::uint32_t kept = placement::wish({.is_pop = shared_.server.is_pop,
                                                .place = function.policy.place,
                                                .warm_min = function.limits.warm_min,
                                                .warm_max = function.limits.warm_max,
                                                .was_popular = false})
                                   .minimum;
    const std::uint32_t workers = std::max(1u, kept);
    pool_.update(entry, std::min(std::max(function.limits.warm_max, workers),
                                 kSlotsPerEntry / function.limits.concurrency));
    warming_ = entry + 1;
    warming_workers_ = workers;
    pool_.forgive(entry);
    pool_.set_target(entry, workers, true);
    nudge();
    const auto limit = std::chrono::milliseconds(config_.workers.start_timeout_ms + 1000);
    const bool done = changed_.wait_for(lock, limit, [&] {
        return pool_.ready(entry) >= workers || !pool_.start_failure(entry).empty();
    });
    warming_ = 0;
    if (pool_.ready(entry) >= workers) {
        pool_.set_target(entry, kept, true);
        pool_.trim(entry);
        return ok();
    }
    if (const std::string why = pool_.start_failure(entry); !why.empty())
        return Error{0, "a worker of it could not be started: " + why};
    return Error{ETIMEDOUT, done ? "no worker became ready"
                                 : "its workers did not become ready in time; is workers.max (" +
                                       std::to_string(config_.workers.max) + ") reached?"};
}

// From here on every request is for the new version. Returns when every core has seen it.
ApiResult<DeployOutcome> Controller::switch_to(Lock& lock, const catalog::Function& function,
                                               const Prepared& prepared, DeployOutcome outcome) {
    std::vector<std::string> forgotten;
    if (const catalog::Function* before = catalog_.find(function.name); before != nullptr)
        for (const std::string& digest : before->versions)
            if (std::find(function.versions.begin(), function.versions.end(), digest) ==
                function.versions.end())
                forgotten.push_back(digest);
    Status put = catalog_.put(function);
    std::vector<std::uint32_t> closing;
    if (put) put = adopt(function, prepared.opened ? prepared.entry : kNoEntry, &closing);
    if (!put) {
        if (prepared.opened) pool_.close_entry(prepared.entry);
        return refuse(507, "catalog", put.error().text);
    }
    auto& entries = deployed_.at(function.name).entries;
    for (const std::string& digest : forgotten) {
        const auto entry = entries.find(digest);
        if (entry == entries.end()) continue;
        closing.push_back(entry->second);
        entries.erase(entry);
    }
    const std::uint64_t number = publish(std::move(closing));
    nudge();
    const bool seen =
        changed_.wait_for(lock, kGraceTimeout, [&] { return reclaimer_.passed(number); });
    if (!seen) return refuse(504, "cores-stuck", "a core did not take the new snapshot in time");
    outcome.switched_at_unix_us = unix_us();
    return {std::move(outcome), true, {}};
}

ApiResult<std::string> Controller::erase(const std::string& name) {
    const std::lock_guard one_at_a_time(deploying_);
    Lock lock(mutex_);
    const catalog::Function* function = catalog_.find(name);
    if (function == nullptr) {
        ApiError error{404, "no-such-function", "no function is called \"" + name + "\"", {}};
        return ApiResult<std::string>::failure(std::move(error));
    }
    const catalog::Policy policy = function->policy;
    if (const Status erased = catalog_.erase(name); !erased)
        return ApiResult<std::string>::failure({507, "catalog", erased.error().text, {}});
    const auto deployed = deployed_.find(name);
    std::vector<std::uint32_t> closing;
    for (const auto& [digest, entry] : deployed->second.entries) closing.push_back(entry);
    indices_.give_back(deployed->second.index);
    deployed_.erase(deployed);
    publish(std::move(closing));
    nudge();
    lock.unlock();
    std::vector<std::future<Status>> calls;
    for (std::uint32_t r = 0; r < replicators_.size(); ++r)
        if (replicates_to(policy, r))
            calls.push_back(std::async(std::launch::async, [this, r, &name] {
                return replicators_[r]->client().erase(name);
            }));
    for (auto& call : calls) (void)call.get();
    return {name, true, {}};
}

std::uint64_t Controller::set_draining(bool draining) {
    const std::lock_guard lock(mutex_);
    if (draining_ != draining) {
        draining_ = draining;
        publish_soon_ = true;
        nudge();
    }
    return in_flight();
}

}  // namespace skerry::control
