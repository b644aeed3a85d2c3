// How a member of a fleet takes over what another has changed. Called on the fleet's threads.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/admin/render.hpp"
#include "control/config/access_keys.hpp"
#include "control/controller/controller.hpp"
#include "control/controller/version.hpp"

namespace skerry::control {
namespace {

constexpr std::chrono::seconds kTurnPatience{5};
constexpr std::size_t kPasswordBytesMax = 256;
constexpr std::uint32_t kFetchTimeout_ms = 5000;  // and what its bytes need

}  // namespace

Status Controller::make_fleet() {
    if (!config_.in_fleet()) {
        // What is changed from now on is this server's own.
        if (catalog_.fleet().empty()) return ok();
        return store_here([](catalog::Draft& draft) { return draft.fleet.clear(), ok(); }, {});
    }
    const config::Store& store = config_.store;
    etcd::Settings etcd{.endpoints = store.endpoints,
                        .tls = {store.tls_ca, store.tls_cert, store.tls_key},
                        .user = store.user,
                        .password = {}};
    if (!store.user.empty()) {
        auto password = config::read_secret(store.password_file, 1, kPasswordBytesMax);
        if (!password)
            return Error{
                0, "store.password_file " + store.password_file + ": " + password.error().text};
        etcd.password = std::move(*password);
    }
    fleet_ = std::make_unique<fleet::Fleet>(
        fleet::Options{.etcd = std::move(etcd),
                       .prefix = store.prefix,
                       .self = {config_.name, config_.management.listen,
                                admin::hex_id(shared_.server.boot_id), kVersion},
                       .lease_s = store.lease_s,
                       .seen_file = config_.state_dir + "/fleet.seen"},
        *this);
    return ok();
}

bool Controller::settled(const std::string& name) const {
    return fleet_ == nullptr || fleet_->settled(name);
}

// Before anything is done for a change that could not be kept.
std::optional<admin::ApiError> Controller::judge_fleet() const {
    if (fleet_ == nullptr) return std::nullopt;
    const Status there = fleet_->reachable();
    return there ? std::nullopt : std::optional(store_refusal(there.error()));
}

std::set<std::string> Controller::function_names() {
    const std::lock_guard lock(mutex_);
    std::set<std::string> names;
    for (const auto& [name, function] : catalog_.functions()) names.insert(name);
    return names;
}

Status Controller::contribute(const std::string& name) {
    const std::lock_guard one_at_a_time(storing_);
    const catalog::Function* function = catalog_.find(name);
    return function == nullptr ? ok() : fleet_->commit({{name, function}}, /*joining=*/true);
}

Status Controller::joined(const std::string& fleet_id) {
    return store_here([&](catalog::Draft& draft) { return draft.fleet = fleet_id, ok(); }, {});
}

// Regions may be told again, or must be told something else.
void Controller::on_fleet_changed() {
    wake_regions();
}

Status Controller::take_over(const std::string& name, std::uint64_t revision,
                             const fleet::Record* record) {
    // A version that is not trusted here is not even fetched: the one before it goes on.
    if (record != nullptr)
        if (const Status good = judge_trust(record->function, record->function.current); !good)
            return Error{good.error().code, "its version " + record->function.current +
                                                " is not taken: " + good.error().text};
    if (record != nullptr)
        if (const Status fetched = fetch_artifacts(*record); !fetched) return fetched;
    const Turn::Taken taken = turn_.take(kTurnPatience);
    if (taken != Turn::Taken::yes)
        return Error{EBUSY, "a deploy or delete is under way here, or this server is stopping"};
    const TurnHolder holder(turn_);
    const Status done =
        record == nullptr ? follow_deletion(name, revision) : follow(*record, revision);
    if (done) wake_regions();
    return done;
}

// The current version's and those of aliases have to be here; others are called in regions, if they
// are nowhere else.
Status Controller::fetch_artifacts(const fleet::Record& record) {
    const catalog::Function& function = record.function;
    for (const std::string& version : function.versions) {
        const catalog::Build build = function.build_of(version);
        if (artifacts_.holds(build.archive) || !judge_trust(function, version)) continue;
        const Status fetched = fetch_artifact(build, record.by);
        if (fetched) continue;
        if (version == function.current || catalog::is_aliased(function, version)) return fetched;
        spdlog::warn("{}: its old version {} can't be had: {}", function.name, version,
                     fetched.error().text);
    }
    return ok();
}

// From the member that has published it, from any other, from a region: whoever has it, its digest
// is what is believed.
Status Controller::fetch_artifact(const catalog::Build& build, const std::string& by) {
    const admin::Tls tls{config_.management.tls_cert, config_.management.tls_key,
                         config_.management.tls_ca};
    std::vector<std::string> sources = fleet_->sources(by);
    for (const config::Region& region : config_.regions) sources.push_back(region.management);
    Error last{ENOENT, "no other member of the fleet is there"};
    for (const std::string& source : sources) {
        const admin::ManagementClient client(source, tls, kFetchTimeout_ms);
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return Error{ECANCELED, "this server is stopping"};
            fetching_.assign(1, client);
        }
        const auto bytes = client.artifact(build.archive);
        if (!bytes) {
            last = bytes.error();
            continue;
        }
        const auto installed = artifacts_.install(*bytes, build.runtime);
        return installed ? ok() : Status(installed.error());
    }
    return Error{last.code, "its artifact " + build.archive + " can't be had: " + last.text};
}

// As the fleet has it, and what goes with it here: whom of our regions it concerns.
void Controller::put_as_told(catalog::Draft& draft, const catalog::Function& function) const {
    std::set<std::string> joined, left;
    const catalog::Function* before = draft.find(function.name);
    for (std::uint32_t r = 0; r < config_.regions.size(); ++r) {
        if (replicates_to(function.policy, r))
            joined.insert(config_.regions[r].name);
        else if (before != nullptr && replicates_to(before->policy, r))
            left.insert(config_.regions[r].name);
    }
    draft.unbury(function.name, joined);
    if (const Status buried = draft.bury(function.name, left); !buried)
        spdlog::warn("{}", buried.error().text);
    // The next revision that is given out here is none that was given out elsewhere.
    draft.epoch = std::max(draft.epoch, function.details.revision);
    for (const auto& [alias, details] : function.alias_details)
        draft.epoch = std::max(draft.epoch, details.revision);
}

// With the turn. Like a deploy, but that it is decided already: what fails here is held back here,
// and executed elsewhere.
Status Controller::follow(const fleet::Record& record, std::uint64_t revision) {
    const catalog::Function& next = record.function;
    Plan plan;
    plan.next = next;
    Lock lock(mutex_);
    const catalog::Function* before = catalog_.find(next.name);
    if (before != nullptr) plan.before = *before;
    if (plan.before && *plan.before == next) {
        fleet_->took_over(next.name, revision, true);
        return ok();
    }
    // Nobody named it until now, so a sweep may have come in between.
    if (!holds(next, next.current)) return Error{EAGAIN, "its artifact has gone again"};
    deploying_ = next.name;
    const auto fail = [&](const Error& why) {
        lock.unlock();
        give_up(plan, {});
        return why;
    };
    if (const Status made = make_plan(lock, plan); !made) return fail(made.error());
    if (plan.entry != kNoEntry && plan.opened.count(next.current) != 0)
        if (const Status warm = warm_up(lock, plan); !warm && !stopping_)
            spdlog::warn("{}: the version {} that {} has deployed: {}", next.name, next.current,
                         record.by, warm.error().text);
    if (stopping_) return fail({ECANCELED, "this server is stopping"});
    lock.unlock();
    const Status stored = store_here(
        [&](catalog::Draft& draft) -> Status {
            // Changed from here meanwhile: on top of this very revision, or the fleet has refused.
            if (!fleet_->is_news(next.name, revision)) return Error{EALREADY, "it is newer here"};
            put_as_told(draft, next);
            if (draft.find(next.name) != nullptr) return draft.replace(next);
            return draft.put(next);
        },
        [&] {
            commit(plan);
            fleet_->took_over(next.name, revision, true);
        });
    if (stored) return ok();
    lock.lock();
    const Error why = stored.error();
    (void)fail(why);
    return why.code == EALREADY ? ok() : Status(why);
}

Status Controller::follow_deletion(const std::string& name, std::uint64_t revision) {
    std::set<std::string> regions;
    bool there = false;
    {
        const std::lock_guard lock(mutex_);
        there = catalog_.find(name) != nullptr;
        regions = regions_with(name);
    }
    if (!there) {
        fleet_->took_over(name, revision, false);
        return ok();
    }
    const Status stored = store_here(
        [&](catalog::Draft& draft) -> Status {
            if (!fleet_->is_news(name, revision)) return Error{EALREADY, "it is newer here"};
            if (const Status buried = draft.bury(name, regions); !buried) return buried;
            return draft.erase(name);
        },
        [&] {
            drop(name);
            fleet_->took_over(name, revision, false);
        });
    if (stored) sweeper_woken_.notify_all();
    return stored || stored.error().code == EALREADY ? ok() : stored;
}

}  // namespace skerry::control
