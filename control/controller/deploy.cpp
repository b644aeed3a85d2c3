// Deploying a version: get everything ready, replicate, warm up, switch. Called on HTTP threads;
// the control lock is held only to look at or change the controller's state. Until the switch
// nothing that others see has changed here, so a deploy can fail at any step and leave nothing
// behind.
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "control/config/region_sets.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

using admin::ApiResult;
using admin::DeployOutcome;
using admin::DeployRequest;

constexpr std::chrono::seconds kTurnPatience{5};
constexpr std::chrono::seconds kGraceTimeout{10};
constexpr std::chrono::milliseconds kCollectorPause{20};
constexpr std::size_t kMaxSparedLogs = 16;

ApiResult<DeployOutcome> refuse(int status, const std::string& code, const std::string& message) {
    return ApiResult<DeployOutcome>::failure({status, code, message, {}});
}

std::int64_t unix_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// An image is a folder with the runtime's files; a native function also starts without one.
Status runtime_is_there(const std::string& images, runtime::Kind kind) {
    const std::string folder = images + "/" + std::string(runtime::kind_name(kind));
    struct stat info {};
    if (kind == runtime::Kind::native ||
        (stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)))
        return ok();
    return Error{ENOENT, "the runtime image " + folder +
                             " is not there; make it with: tools/runtime-images " + images};
}

// The function as it will be: what the build is called becomes the newest version and the current
// one. `request.digest` is its archive's.
catalog::Function next_function(const catalog::Function* before, const DeployRequest& request) {
    catalog::Function next;
    if (before != nullptr) next = *before;
    next.name = request.name;
    next.limits = request.limits;
    next.policy = request.policy;
    next.current = next.set_build({request.digest, request.runtime});
    if (!request.signature.empty()) next.signatures[next.current] = request.signature;
    std::erase(next.versions, next.current);
    next.versions.push_back(next.current);
    catalog::forget_oldest(next);
    return next;
}

}  // namespace

// What can be said of a deploy before anything is done for it.
std::optional<admin::ApiError> Controller::judge_deploy(const DeployRequest& request) const {
    const auto no = [](int status, const char* code, const std::string& message) {
        return admin::ApiError{status, code, message, {}};
    };
    if (const Status good = catalog::validate_name(request.name); !good)
        return no(400, "bad-name", good.error().text);
    if (const Status good = catalog::validate(request.limits); !good)
        return no(400, "bad-limits", good.error().text);
    if (const Status good = catalog::validate(request.runtime); !good)
        return no(400, "bad-runtime", good.error().text);
    if (const Status good = catalog::validate(request.limits, request.runtime); !good)
        return no(400, "bad-limits", good.error().text);
    // A POP names regions; a region is told the POP's policy, whose names mean nothing to it.
    if (shared_.server.is_pop) {
        std::vector<std::string> known;
        for (const config::Region& region : config_.regions) known.push_back(region.name);
        for (const config::Region& region : config_.regions)
            known.insert(known.end(), region.tags.begin(), region.tags.end());
        for (const std::string& name : request.policy.regions)
            if (config::regions_called(config_.regions, name) == 0)
                return admin::ApiError{400, "no-such-region",
                                       "no region has the name or tag \"" + name + "\"", known};
    }
    // A region may not know the POP's tenants: there the function is the default one's.
    if (shared_.server.is_pop && !request.limits.tenant.empty() &&
        config_.tenant_number(request.limits.tenant) == 0) {
        std::vector<std::string> known{catalog::kDefaultTenant};
        for (const config::Tenant& tenant : config_.tenants)
            if (tenant.name != catalog::kDefaultTenant) known.push_back(tenant.name);
        return admin::ApiError{422, "no-tenant",
                               config_.name + " has no tenant called \"" + request.limits.tenant +
                                   "\"; see [[tenant]] in its configuration",
                               known};
    }
    // Where it only passes through, no runtime and no network is needed.
    if (may_have_workers(request.policy) && !request.limits.egress.empty()) {
        std::vector<std::string> known;
        for (const egress::Network& network : config_.egress) known.push_back(network.name);
        if (std::find(known.begin(), known.end(), request.limits.egress) == known.end())
            return admin::ApiError{422, "no-egress",
                                   config_.name + " has no egress network called \"" +
                                       request.limits.egress +
                                       "\"; see [[egress]] in its configuration",
                                   known};
    }
    if (may_have_workers(request.policy))
        if (const Status there =
                runtime_is_there(config_.workers.runtimes_dir, request.runtime.kind);
            !there)
            return no(422, "no-runtime", there.error().text);
    return std::nullopt;
}

ApiResult<DeployOutcome> Controller::deploy(const DeployRequest& request,
                                            std::string_view archive) {
    if (request.origin.empty()) return deploy_edited(request, archive, nullptr);
    const auto fetched = archive_of(request);
    if (!fetched.ok) return ApiResult<DeployOutcome>::failure(fetched.error);
    return deploy_edited(request, fetched.value, nullptr);
}

// What the edit says of what there is, before anything is done for it.
std::optional<admin::ApiError> Controller::judge_edit(const std::string& name,
                                                      const lambda_api::Edit* edit) {
    if (edit == nullptr) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const catalog::Function* before = catalog_.find(name);
    catalog::Function next;
    if (before != nullptr) next = *before;
    return (*edit)(before, next);
}

ApiResult<DeployOutcome> Controller::deploy_edited(const DeployRequest& asked,
                                                   std::string_view archive,
                                                   const lambda_api::Edit* edit) {
    if (auto refusal = judge_deploy(asked))
        return ApiResult<DeployOutcome>::failure(std::move(*refusal));
    const std::string found = catalog::sha256_hex(archive);
    if (!asked.digest.empty() && asked.digest != found)
        return refuse(409, "digest-mismatch",
                      "the bytes hash to " + found + ", announced was " + asked.digest);
    DeployRequest request = asked;
    request.digest = found;
    const Turn::Taken taken = turn_.take(kTurnPatience);
    if (taken == Turn::Taken::closed) return refuse(503, "stopping", "this server is stopping");
    if (taken == Turn::Taken::busy)
        return refuse(409, "busy", "another deploy or delete is under way; try again later");
    const TurnHolder holder(turn_);
    if (auto refusal = judge_fleet()) return ApiResult<DeployOutcome>::failure(std::move(*refusal));
    if (auto refusal = judge_edit(request.name, edit))
        return ApiResult<DeployOutcome>::failure(std::move(*refusal));
    if (auto refusal = judge_signature(request))
        return ApiResult<DeployOutcome>::failure(std::move(*refusal));
    const auto digest = artifacts_.install(archive, request.runtime);
    if (!digest)
        return catalog::is_archives_fault(digest.error())
                   ? refuse(422, "bad-artifact", digest.error().text)
                   : refuse(507, "storage", digest.error().text);
    if (fleet_ == nullptr) return deploy_version(request, archive, edit);
    if (const Status mine = fleet_->announce(request.name); !mine)
        return mine.error().code == EBUSY
                   ? refuse(409, "busy", mine.error().text)
                   : ApiResult<DeployOutcome>::failure(store_refusal(mine.error()));
    auto outcome = deploy_version(request, archive, edit);
    fleet_->withdraw(request.name);
    return outcome;
}

ApiResult<DeployOutcome> Controller::deploy_version(const DeployRequest& request,
                                                    std::string_view archive,
                                                    const lambda_api::Edit* edit) {
    DeployOutcome outcome;
    outcome.function = request.name;
    Plan plan;
    Lock lock(mutex_);
    const catalog::Function* before = catalog_.find(request.name);
    if (before != nullptr) plan.before = *before;
    plan.next = next_function(before, request);
    plan.edit = edit;
    outcome.version = plan.next.current;
    if (before != nullptr && before->current != outcome.version) outcome.previous = before->current;
    deploying_ = request.name;
    const auto fail = [&](int status, const std::string& code, const std::string& text) {
        const bool stopping = stopping_;
        lock.unlock();
        give_up(plan, outcome.regions);
        return stopping ? refuse(503, "stopping", "this server is stopping")
                        : refuse(status, code, text);
    };
    if (const Status made = make_plan(lock, plan); !made)
        return fail(507, "too-many-functions", made.error().text);
    lock.unlock();
    outcome.regions = replicate(plan, archive);
    const bool any = std::any_of(outcome.regions.begin(), outcome.regions.end(),
                                 [](const admin::RegionOutcome& region) { return region.ok; });
    lock.lock();
    if (plan.entry == kNoEntry && !any)
        return fail(502, "no-region",
                    may_have_workers(plan.next.policy)
                        ? "no region took it, and all rows of functions that may run here are taken"
                        : "no region took it, and it may not run here");
    if (plan.entry != kNoEntry)
        if (const Status warm = warm_up(lock, plan); !warm) {
            lock.unlock();
            const std::string words = last_words(request.name, outcome.version);
            lock.lock();
            return fail(422, "start-failed", warm.error().text + words);
        }
    if (stopping_) return fail(503, "stopping", "this server is stopping");
    lock.unlock();

    std::uint64_t publication = 0;
    const Status switched = switch_to(plan, publication);
    lock.lock();
    if (plan.refusal) {
        const admin::ApiError& why = *plan.refusal;
        return fail(why.http_status, why.code, why.message);
    }
    if (!switched) {
        const admin::ApiError why = store_refusal(switched.error());
        return fail(why.http_status, why.code, why.message);
    }
    const bool seen = changed_.wait_for(
        lock, kGraceTimeout, [&] { return reclaimer_.passed(publication) || stopping_; });
    if (seen && stopping_ && !reclaimer_.passed(publication))
        return refuse(503, "stopping", "it is current, but this server is stopping");
    if (!seen) return refuse(504, "cores-stuck", "a core did not take the new snapshot in time");
    outcome.switched_at_unix_us = unix_us();
    return {std::move(outcome), true, {}};
}

// What a worker wrote, for whoever reads why it did not start. The collector is a moment behind.
std::string Controller::last_words(const std::string& name, const std::string& version) const {
    std::string text;
    for (int looks = 0; looks < 10 && text.empty(); ++looks) {
        std::this_thread::sleep_for(kCollectorPause);
        for (const std::string& line : last_log(name, version))
            text += (text.empty() ? "; its log ends with: " : " | ") + line;
    }
    return text;
}

std::vector<admin::RegionOutcome> Controller::replicate(const Plan& plan,
                                                        std::string_view archive) {
    const DeployRequest push = push_of(plan.next);
    std::vector<std::pair<std::uint32_t, std::future<Status>>> calls;
    for (std::uint32_t r = 0; r < replicators_.size(); ++r) {
        if (!replicates_to(push.policy, r)) continue;
        calls.emplace_back(r, std::async(std::launch::async, [this, r, &push, archive] {
                               return replicators_[r]->push(push, archive);
                           }));
    }
    std::vector<admin::RegionOutcome> outcomes;
    for (auto& [region, call] : calls) {
        const Status pushed = call.get();
        outcomes.push_back({.name = config_.regions[region].name,
                            .ok = static_cast<bool>(pushed),
                            .error = pushed ? std::string() : pushed.error().text});
    }
    return outcomes;
}

// Starts what should be ready at the switch, and one worker in any case: a version whose bootstrap
// does not start is refused here, not by its first caller; and what a cold start costs is known
// then.
Status Controller::warm_up(Lock& lock, const Plan& plan) {
    const catalog::Function& function = plan.next;
    const std::uint32_t fit = kSlotsPerEntry / function.limits.concurrency;
    const std::uint32_t kept = std::min(
        fit, worth::pinned({.place = function.policy.place, .warm_min = function.limits.warm_min},
                           shared_.server.is_pop));
    const std::uint32_t workers = std::max(1u, kept);
    // An entry that serves already keeps its limit until the switch, unless that is too low for it.
    if (plan.opened.count(function.current) == 0)
        pool_.update(plan.entry, std::max(workers, workers_max(plan.before->limits)));
    warming_ = plan.entry + 1;
    warming_workers_ = workers;
    pool_.forgive(plan.entry);
    pool_.set_target(plan.entry, workers, true);
    nudge();
    const auto limit = std::chrono::milliseconds(config_.workers.start_timeout_ms + 1000);
    const bool done = changed_.wait_for(lock, limit, [&] {
        return pool_.ready(plan.entry) >= workers || !pool_.start_failure(plan.entry).empty() ||
               stopping_;
    });
    if (pool_.ready(plan.entry) >= workers) {
        warming_workers_ = kept;
        pool_.set_target(plan.entry, kept, true);
        pool_.trim(plan.entry);
        return ok();
    }
    if (const std::string why = pool_.start_failure(plan.entry); !why.empty())
        return Error{0, "a worker of it could not be started: " + why};
    return Error{ETIMEDOUT, done ? "no worker became ready"
                                 : "its workers did not become ready in time; is workers.max (" +
                                       std::to_string(config_.workers.max) +
                                       ") reached, or workers.memory_mib?"};
}

// From commit() on every request is for the new version; `publication` tells when that has passed.
Status Controller::switch_to(Plan& plan, std::uint64_t& publication) {
    std::set<std::string> left, joined;
    for (std::uint32_t r = 0; r < config_.regions.size(); ++r) {
        if (replicates_to(plan.next.policy, r))
            joined.insert(config_.regions[r].name);
        else if (plan.before && replicates_to(plan.before->policy, r))
            left.insert(config_.regions[r].name);
    }
    const Status stored = store(
        [&](catalog::Draft& draft) -> Status {
            draft.unbury(plan.next.name, joined);
            if (const Status buried = draft.bury(plan.next.name, left); !buried) return buried;
            // From what is there now: an alias may have been set since the plan was made.
            const catalog::Function* there = draft.find(plan.next.name);
            catalog::Function next = next_function(there, push_of(plan.next));
            next.details.modified_ms = unix_us() / 1000;
            next.details.revision = draft.epoch + 1;
            if (plan.edit != nullptr) plan.refusal = (*plan.edit)(there, next);
            if (plan.refusal) return Error{ECANCELED, plan.refusal->message};
            return draft.put(next);
        },
        [&] { publication = commit(plan); });
    if (stored) wake_regions();
    return stored;
}

// The catalog has it now: so does everything else. Under the control lock.
std::uint64_t Controller::commit(const Plan& plan) {
    const catalog::Function& next = *catalog_.find(plan.next.name);
    Deployed& deployed = deployed_of(next.name);
    if (plan.index) give_row(next, *plan.index, merged_.per_s(deployed.key));
    deployed.settings = settings_of(next);
    note_trust(next);
    std::map<std::string, std::uint32_t> entries;
    if (may_have_workers(next.policy))
        for (const std::string& digest : next.versions) {
            const auto opened = plan.opened.find(digest);
            const auto there = deployed.entries.find(digest);
            if (opened != plan.opened.end())
                entries.insert(*opened);
            else if (there != deployed.entries.end())
                entries.insert(*there);
        }
    for (const auto& [digest, entry] : deployed.entries) {
        const auto kept = entries.find(digest);
        if (kept == entries.end() || kept->second != entry) retire(next.name, digest, entry);
    }
    for (const auto& [digest, entry] : plan.opened)
        if (entries.count(digest) == 0) retire(next.name, digest, entry);
    deployed.entries = std::move(entries);
    if (plan.entry != kNoEntry) pool_.update(plan.entry, workers_max(next.limits));
    warming_ = 0;
    deploying_.clear();
    sweep_due_ = true;
    sweeper_woken_.notify_all();
    nudge();
    return publish();
}

// It failed, maybe after regions had taken it: they get back what the catalog says. Those that had
// never heard of the function forget it.
void Controller::give_up(const Plan& plan, const std::vector<admin::RegionOutcome>& regions) {
    std::set<std::string> forget;
    for (const admin::RegionOutcome& region : regions)
        if (region.ok && plan.new_regions.count(region.name) != 0) forget.insert(region.name);
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [digest, entry] : plan.opened) {
            retire(plan.next.name, digest, entry);
            retired_.back().announced = retired_.back().closed = true;
            pool_.close_entry(entry);
        }
        if (plan.opened.count(plan.next.current) == 0 && plan.entry != kNoEntry)
            pool_.update(plan.entry, workers_max(plan.before->limits));
        if (plan.index) indices_.give_back(*plan.index);
        warming_ = 0;
        deploying_.clear();
        spared_logs_.push_back(plan.next.name);
        if (spared_logs_.size() > kMaxSparedLogs) spared_logs_.pop_front();
        nudge();
    }
    if (!forget.empty()) {
        const Status buried =
            store([&](catalog::Draft& draft) { return draft.bury(plan.next.name, forget); }, {},
                  /*even_if_not_written=*/true);
        if (!buried) spdlog::warn("{}", buried.error().text);
    }
    wake_regions();
}

}  // namespace skerry::control
