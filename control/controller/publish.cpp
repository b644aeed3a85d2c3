// From the catalog to what the packet path reads: targets, holders, entries.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "control/admin/query.hpp"
#include "control/config/region_sets.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

constexpr std::uint32_t kAssumedColdCost_us = 50'000;  // until one start has been measured

// Handlers of the managed runtimes get what was read from JSON. If a version that can be called has
// another runtime, its function takes whatever comes.
bool takes_json(const catalog::Function& function) {
    return std::all_of(function.versions.begin(), function.versions.end(),
                       [&](const std::string& version) {
                           const auto build = function.builds.find(version);
                           return build != function.builds.end() &&
                                  runtime::needs_handler(build->second.runtime.kind);
                       });
}

}  // namespace

// In a region every function may have workers; in a POP those that are not bound to regions.
bool Controller::may_have_workers(const catalog::Policy& policy) const {
    return config_.role == config::Role::region || policy.place != Place::region;
}

// As many workers as its limits say, and as the slots of one entry allow.
std::uint32_t Controller::workers_max(const catalog::Limits& limits) const {
    return std::min(std::max(limits.warm_max, 1u), kSlotsPerEntry / limits.concurrency);
}

Result<std::uint32_t> Controller::open_entry(const catalog::Function& function,
                                             const std::string& digest) {
    if (const Status trusted = judge_trust(function, digest); !trusted) return trusted.error();
    const catalog::Limits& limits = function.limits;
    catalog::Build build = function.build_of(digest);
    const bool api = runtime::speaks_runtime_api(build.runtime.kind);
    // An old version may speak the Runtime API when the current one takes several at once.
    catalog::Limits shape = limits;
    if (api) shape.concurrency = 1;
    return pool_.open_entry({.function = function.name,
                             .version_hex = digest,
                             .artifact_dir = artifacts_.folder(build.archive),
                             .kind = build.runtime.kind,
                             .handler = std::move(build.runtime.handler),
                             .environment = std::move(build.runtime.environment),
                             .memory_mib = limits.memory_mib,
                             .concurrency = shape.concurrency,
                             .workers_max = workers_max(shape),
                             .payload_bytes_max = limits.max_payload_bytes,
                             .cpu_percent = limits.cpu_percent,
                             .cpu_weight = limits.cpu_weight,
                             .cpu_ms = limits.cpu_ms,
                             .tmp_mib = limits.tmp_mib,
                             .pids_max = limits.pids_max,
                             .log_kib = limits.log_kib,
                             .single_use = limits.single_use,
                             .templates = limits.templates,
                             .egress = limits.egress});
}

// The settings of what is current, as its peers compare them.
std::string Controller::settings_of(const catalog::Function& function) {
    return admin::settings_id(function.limits, function.policy,
                              function.build_of(function.current).runtime,
                              function.signature_of(function.current));
}

bool Controller::holds(const catalog::Function& function, const std::string& version) const {
    return artifacts_.holds(function.build_of(version).archive);
}

Deployed& Controller::deployed_of(const std::string& name) {
    const auto [at, is_new] = deployed_.try_emplace(name);
    if (is_new) at->second.key = catalog::function_key(name);
    return at->second;
}

// At start: gives a function of the catalog its row, and its current version an entry.
Status Controller::adopt(const catalog::Function& function) {
    Deployed& deployed = deployed_of(function.name);
    deployed.settings = settings_of(function);
    note_trust(function);
    const auto row = indices_.take();
    if (!row && !why_own_row(function).empty()) return no_row(function);
    if (row) give_row(function, *row, 0);
    const std::string refusal = deployed.refusal_of(function.current);
    if (!refusal.empty())
        spdlog::error("{}: its current version {} is not started: {}", function.name,
                      function.current, refusal);
    else if (!holds(function, function.current))
        spdlog::warn("{}: the artifact of its current version {} is not there; deploy it again",
                     function.name, function.current);
    else if (row && may_have_workers(function.policy)) {
        const auto entry = open_entry(function, function.current);
        if (!entry) return entry.error();
        deployed.entries.emplace(function.current, *entry);
    }
    return ok();
}

// Entries for as many of its old versions as there are; returns how many got none. Those can't be
// called here: where a region holds them, they are executed there.
std::uint32_t Controller::adopt_old_versions(const catalog::Function& function) {
    if (!may_have_workers(function.policy)) return 0;
    std::uint32_t without = 0;
    Deployed& deployed = deployed_.at(function.name);
    if (deployed.index == kCommonRow) return 0;
    for (const std::string& digest : function.versions) {
        if (deployed.entries.count(digest) != 0 || !holds(function, digest) ||
            !deployed.refusal_of(digest).empty())
            continue;
        const auto entry = open_entry(function, digest);
        if (entry)
            deployed.entries.emplace(digest, *entry);
        else
            ++without;
    }
    return without;
}

// Two functions may have the same bytes as their versions, and go to different regions.
std::uint64_t Controller::holders(const catalog::Function& function,
                                  const std::string& digest) const {
    std::uint64_t bits = 0;
    const admin::HeldVersion version{function.name, digest};
    for (std::uint32_t r = 0; r < held_.size(); ++r)
        if (replicates_to(function.policy, r) && held_[r].versions.count(version))
            bits |= std::uint64_t{1} << r;
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

// With the alias's share for another version, if it has one.
std::uint32_t Controller::add_split(const catalog::Function& function, const std::string& alias,
                                    SnapshotExtras& extras) {
    const auto details = function.alias_details.find(alias);
    if (details == function.alias_details.end() || details->second.other.empty()) return 0;
    extras.splits.push_back(
        {catalog::version_key(details->second.other), details->second.other_weight});
    return static_cast<std::uint32_t>(extras.splits.size());
}

void Controller::add_targets(const catalog::Function& function, std::vector<Target>& to,
                             std::vector<TargetName>& names, SnapshotExtras& extras) {
    static_assert(catalog::kWholeWeight == kWholeSplit);
    const bool json = takes_json(function);
    const std::uint64_t barred =
        config::barred_regions(config_, function.name, function.policy.regions);
    const bool lambda = !function.details.runtime.empty();
    const Deployed& deployed = deployed_.at(function.name);
    for (const std::string& digest : function.versions) {
        Target target;
        target.function_key = deployed.key;
        target.version_key = catalog::version_key(digest);
        target.qualifier = target.version_key;
        // What must not be executed here is not sent to others either.
        const bool trusted = deployed.refusal_of(digest).empty();
        target.holders = trusted ? holders(function, digest) : 0;
        target.barred = barred;
        target.function = static_cast<std::uint16_t>(deployed.index);
        target.timeout_us = function.limits.timeout_ms * 1000;
        target.cold_cost_us = cold_cost_us(function, digest);
        target.max_payload_bytes = function.limits.max_payload_bytes;
        target.place = function.policy.place;
        target.retry = function.policy.retry;
        target.takes_json = json;
        const auto entry = deployed.entries.find(digest);
        if (trusted && entry != deployed.entries.end() && !held_back(entry->second))
            target.entry = entry->second;
        to.push_back(target);
        names.push_back({function.name, digest, digest, function.number_of(digest), lambda});
        for (const auto& [alias, stands_for] : function.aliases) {
            if (stands_for != digest) continue;
            target.qualifier = catalog::alias_key(alias);
            target.split = add_split(function, alias, extras);
            to.push_back(target);
            names.push_back({function.name, alias, digest});
        }
        target.split = 0;
        for (const catalog::Publication& each : function.published) {
            // An alias of digits alone may be older than numbers are.
            const std::string number = std::to_string(each.number);
            if (each.version != digest || function.aliases.count(number) != 0) continue;
            target.qualifier = catalog::alias_key(number);
            to.push_back(target);
            names.push_back({function.name, number, digest});
        }
        if (digest != function.current) continue;
        target.qualifier = 0;
        to.push_back(target);
        names.push_back({function.name, "", digest});
    }
}

// Where the function has none of its own, the server's.
void Controller::add_rate(const catalog::Function& function, SnapshotExtras& extras) const {
    const bool own = function.limits.max_per_s != 0;
    FunctionRate rate{own ? function.limits.max_per_s : config_.limits.function_per_s,
                      own ? function.limits.max_burst : config_.limits.function_burst};
    if (rate.max_per_s == 0) return;
    if (rate.max_burst == 0) rate.max_burst = rate.max_per_s;
    const std::uint32_t index = deployed_.at(function.name).index;
    if (extras.rates.size() <= index) extras.rates.resize(index + 1);
    extras.rates[index] = rate;
}

void Controller::add_tenant(const catalog::Function& function, SnapshotExtras& extras) const {
    const std::uint32_t tenant = config_.tenant_number(function.limits.tenant);
    const std::uint32_t index = deployed_.at(function.name).index;
    if (tenant == 0) return;
    if (extras.tenants.size() <= index) extras.tenants.resize(index + 1);
    extras.tenants[index] = static_cast<std::uint8_t>(tenant);
}

std::unique_ptr<const Snapshot> Controller::build_snapshot() {
    std::vector<Target> targets;
    std::vector<TargetName> names;
    SnapshotExtras extras;
    extras.reserved.assign(kFunctionRows, kUnreserved);
    targets.reserve(published_targets_);
    names.reserve(published_targets_);
    for (const auto& [name, function] : catalog_.functions()) {
        add_targets(function, targets, names, extras);
        // What is said of a row is said of one function: whoever has any of this has one.
        const std::uint32_t row = deployed_.at(name).index;
        if (row == kCommonRow) continue;
        if (function.reserved) extras.reserved[row] = *function.reserved;
        add_rate(function, extras);
        add_tenant(function, extras);
    }
    published_targets_ = targets.size() + targets.size() / 8;
    auto snapshot = std::make_unique<Snapshot>(++generation_, targets, regions_, draining_,
                                               std::move(names), std::move(extras));
    snapshot->set_routes(published_routes_);
    snapshot->set_rules(published_rules());
    return snapshot;
}

// Retired entries are named by no target from now on: they are closed after the grace period.
std::uint64_t Controller::publish() {
    publish_soon_ = false;
    const std::uint64_t began_us = monotonic_us();
    held_back_.clear();
    for (const auto& [name, deployed] : rowed_)
        for (const auto& [digest, entry] : deployed->entries)
            if (held_back(entry)) held_back_.insert(entry);
    shared_.catalog_epoch.store(catalog_.epoch(), std::memory_order_relaxed);
    std::vector<std::uint32_t> closing;
    for (Retired& each : retired_)
        if (!std::exchange(each.announced, true)) closing.push_back(each.entry);
    std::unique_ptr<const Snapshot> snapshot = build_snapshot();
    publication_took_us_ = monotonic_us() - began_us;
    // Access keys that were replaced before this are held until the same grace period is over.
    return reclaimer_.publish(std::move(snapshot),
                              [this, closing = std::move(closing),
                               keys = std::exchange(old_keys_, {})] { close_retired(closing); });
}

}  // namespace skerry::control
