// What the admin API shows of the controller.
#include <rte_cycles.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "control/controller/controller.hpp"
#include "control/controller/version.hpp"
#include "dataplane/decide/lane.hpp"

namespace skerry::control {
namespace {

using admin::ApiResult;

std::uint64_t sum(const Shared& shared, std::uint32_t region, Counter RegionCounters::*member) {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared.server.core_count; ++core)
        total += (shared.counters[core]->regions[region].*member).get();
    return total;
}

}  // namespace

admin::StatusView Controller::status() {
    admin::StatusView view;
    if (fleet_ != nullptr) view.fleet = fleet_->view();
    const std::lock_guard lock(mutex_);
    const std::uint64_t now_us = monotonic_us();
    view.name = config_.name;
    view.role = shared_.server.is_pop ? "pop" : "region";
    view.version = kVersion;
    view.boot_id = shared_.server.boot_id;
    view.uptime_s = static_cast<double>(now_us - started_us_) / 1e6;
    view.draining = draining_;
    view.udp_port = shared_.server.udp_port;
    for (const config::Port& port : config_.ports)
        for (const net::IpPrefix& prefix : port.addresses)
            view.addresses.push_back(prefix.address.to_string());
    view.cores = shared_.server.core_count;
    view.workers = pool_.workers();
    for (const runtime::Kind kind :
         {runtime::Kind::native, runtime::Kind::python3, runtime::Kind::nodejs})
        view.standbys[std::string(runtime::kind_name(kind))] = pool_.ready_standbys(kind);
    view.functions = static_cast<std::uint32_t>(catalog_.functions().size());
    view.regions_all = static_cast<std::uint32_t>(regions_.size());
    for (std::uint32_t r = 0; r < regions_.size(); ++r) {
        const regions::Standing standing = monitor_.standing(r, now_us);
        if (standing.fresh && standing.weight_permille != 0) ++view.regions_healthy;
    }
    view.in_flight = in_flight();
    view.publication_s = static_cast<double>(publication_took_us_) / 1e6;
    view.plan_s = static_cast<double>(plan_took_us_) / 1e6;
    if (!shared_.server.is_pop) view.warmth = warmth_view();
    view.denied_calls = pool_.totals().denied_calls;
    view.ended = pool_.totals();
    view.logs = (*logs_)->totals();
    view.pid = getpid();
    view.warden_pid = warden_pid_;
    return view;
}

admin::WarmthView Controller::warmth_view() const {
    const placement::Evictions& evictions = pool_.evictions();
    return {.keep_ms = evictions.keep_us() / 1000,
            .crowding_permille = evictions.crowding_permille(),
            .ended_for_room = evictions.count(),
            .pops = catchment_.pops(),
            .catchment_per_s = static_cast<double>(catchment_.rate_milli()) / 1000.0,
            .pops_not_counted = catchment_.not_counted()};
}

admin::ApiResult<admin::EventsView> Controller::events() {
    if (events_ == nullptr)
        return admin::ApiResult<admin::EventsView>::failure(
            {404, "no-events", "this server has no HTTP, so it keeps no events", {}});
    admin::EventsView view;
    view.queue = events_->view();
    const std::lock_guard lock(mutex_);
    for (const auto& [name, deployed] : deployed_) view.names.emplace(deployed.key, name);
    return {std::move(view), true, {}};
}

void Controller::show_workers(std::uint32_t entry, admin::VersionView& version) {
    const std::uint64_t now_us = monotonic_us();
    const placement::History& history = pool_.history(entry);
    version.workers = pool_.workers(entry);
    version.free_slots = pool_.free_slots(entry);
    version.failed_starts = pool_.failed_starts(entry);
    version.last_error = pool_.start_failure(entry);
    version.crashed = history.crashed();
    version.out_of_memory = history.out_of_memory();
    version.cpu_limit = history.cpu_limit();
    version.denied = history.denied();
    version.cold_start = history.starts();
    if (pool_.ready(entry) != 0) {
        version.state = "ready";
    } else if (version.failed_starts != 0) {
        version.state = "backing off";
        const std::uint64_t next_us = pool_.next_try_us(entry);
        version.next_try_ms = (next_us - std::min(next_us, now_us)) / 1000;
    } else {
        version.state = version.workers != 0 ? "starting" : "idle";
    }
}

// The disk is read: without the control lock where it can be.
std::vector<std::string> Controller::last_log(const std::string& name,
                                              const std::string& version) const {
    constexpr std::size_t kLines = 10;
    std::vector<std::string> lines;
    for (const logs::Record& record :
         (*logs_)->store().last(name, version.substr(0, logs::kVersionDigits), kLines))
        lines.push_back(logs::escaped(record.text.substr(0, 500)));
    return lines;
}

ApiResult<logs::Page> Controller::logs(const std::string& name, const logs::Question& question) {
    auto page = (*logs_)->store().read(name, question);
    if (!page) return ApiResult<logs::Page>::failure({500, "storage", page.error().text, {}});
    if (!page->records.empty()) return {std::move(*page), true, {}};
    const std::lock_guard lock(mutex_);
    if (catalog_.find(name) == nullptr)
        return ApiResult<logs::Page>::failure(
            {404, "no-such-function", "no function is called \"" + name + "\"", {}});
    return {std::move(*page), true, {}};
}

void Controller::show_signature(const catalog::Function& function, const std::string& digest,
                                admin::VersionView& version) const {
    const std::string refusal = deployed_.at(function.name).refusal_of(digest);
    if (const auto signature = signing::parse(function.signature_of(digest))) {
        version.signed_by = signature->key;
        version.verified = refusal.empty() && trust_.knows(signature->key);
    }
    if (refusal.empty()) return;
    version.state = "untrusted";
    version.last_error = refusal;
}

// Where each region that is to have the function is with it.
void Controller::show_regions(const catalog::Function& function, admin::FunctionView& view) const {
    for (std::uint32_t r = 0; r < held_.size(); ++r) {
        const auto push = held_[r].pushes.find(function.name);
        const bool told = push != held_[r].pushes.end();
        if (!replicates_to(function.policy, r) && !told) continue;
        admin::RegionState state{.region = config_.regions[r].name,
                                 .version = told ? push->second.version : function.current,
                                 .state = "pending",
                                 .error = {}};
        if (told && push->second.error.empty()) {
            state.state = "replicating";
            state.sent_bytes = push->second.sent->load(std::memory_order_relaxed);
            state.bytes = push->second.bytes;
        } else if (told) {
            state.state = "failed";
            state.error = push->second.error;
        } else if (held_[r].versions.count({function.name, function.current}) != 0) {
            state.state = "current";
        }
        view.region_states.push_back(std::move(state));
    }
}

admin::PlacementView Controller::placement_view(const catalog::Function& function) const {
    const Deployed& deployed = deployed_.at(function.name);
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return {.here = deployed.entries.count(function.current) != 0,
            .asked = deployed.asked,
            .verdict = deployed.verdict,
            .keep = deployed.keep,
            .hour_per_s = forecast_.rate_per_s(catalog::function_key(function.name),
                                               static_cast<double>(now.tv_sec)),
            .memory_mib = pool_.memory_mib(),
            .memory_max_mib = config_.workers.memory_mib,
            .cpus_max = config_.workers.cpus};
}

admin::FunctionView Controller::view(const catalog::Function& function) {
    const Deployed& deployed = deployed_.at(function.name);
    admin::FunctionView view;
    view.function = function;
    for (const std::string& digest : function.versions) {
        admin::VersionView version;
        version.version = digest;
        const std::uint64_t holding = holders(function, digest);
        for (std::size_t r = 0; r < held_.size(); ++r)
            if ((holding >> r & 1) != 0) version.held_by.push_back(config_.regions[r].name);
        const auto entry = deployed.entries.find(digest);
        if (entry != deployed.entries.end()) {
            show_workers(entry->second, version);
        }
        show_signature(function, digest, version);
        view.versions.push_back(std::move(version));
    }
    show_regions(function, view);
    view.row = row_view(function);
    view.rate_per_s = view.row.per_s;
    view.popular = deployed.popular;
    view.placement = placement_view(function);
    if (!view.row.own) return view;
    const RowCounts counts = row_counts(deployed.index) - deployed.before;
    view.arrivals = counts.arrivals;
    view.throttled = counts.throttled;
    view.local = counts.local;
    view.forwarded = counts.forwarded;
    return view;
}

std::vector<admin::FunctionView> Controller::functions() {
    std::vector<admin::FunctionView> views;
    for_each_function([&](const catalog::Function& each) { views.push_back(view(each)); });
    return views;
}

// What is counted of each for itself, and of all others together.
admin::CountedFunctions Controller::counted_functions() {
    const std::lock_guard lock(mutex_);
    admin::CountedFunctions counted;
    for (const auto& [name, deployed] : rowed_)
        counted.functions.push_back(view(*catalog_.find(name)));
    const RowCounts common = row_counts(kCommonRow) + gone_;
    counted.others = {.functions = static_cast<std::uint32_t>(deployed_.size() - rowed_.size()),
                      .rate_per_s = rates_.rate_per_s(kCommonRow),
                      .arrivals = common.arrivals,
                      .local = common.local,
                      .forwarded = common.forwarded,
                      .throttled = common.throttled};
    counted.rows_free = indices_.free();
    return counted;
}

ApiResult<admin::FunctionView> Controller::function(const std::string& name) {
    admin::FunctionView shown;
    {
        const std::lock_guard lock(mutex_);
        const catalog::Function* found = catalog_.find(name);
        if (found == nullptr)
            return ApiResult<admin::FunctionView>::failure(
                {404, "no-such-function", "no function is called \"" + name + "\"", {}});
        shown = view(*found);
    }
    for (admin::VersionView& version : shown.versions)
        if (version.failed_starts != 0) version.last_log = last_log(name, version.version);
    return {std::move(shown), true, {}};
}

std::vector<admin::RegionView> Controller::regions() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now_us = monotonic_us();
    std::vector<admin::RegionView> views;
    select::WarmthView warmth;
    digests_.read_regions(now_us, warmth);
    for (std::uint32_t r = 0; r < regions_.size(); ++r) {
        const regions::Standing standing = monitor_.standing(r, now_us);
        admin::RegionView view;
        view.name = config_.regions[r].name;
        view.address = config_.regions[r].address.to_string();
        view.healthy = standing.fresh && standing.weight_permille != 0;
        view.weight_permille = standing.weight_permille;
        view.rtt_us = standing.rtt_us;
        view.rtt_variation_us = standing.rtt_variation_us;
        view.in_flight = standing.in_flight;
        view.waiting = standing.waiting;
        view.free_slots = standing.free_slots;
        const RegionLoad load = shared_.region_loads.read(r);
        view.in_flight_of_late = load.in_flight;
        view.expected_wait_us = load.wait_us;
        view.slots = standing.slots;
        view.service_us = standing.service_us;
        view.slow_permille = standing.slow_permille;
        view.ejections = standing.ejections;
        view.ejections_rate = standing.ejections_rate;
        view.ejections_withheld = standing.ejections_withheld;
        view.ejected_for_ms = static_cast<std::uint32_t>((standing.ejected_for_us + 999) / 1000);
        view.in_panic = standing.in_panic ? 1 : 0;
        view.consecutive_failures = standing.consecutive_failures;
        view.probes_sent = standing.probes_sent;
        view.probes_answered = standing.probes_answered;
        if (standing.last_heard_us != 0)
            view.last_heard_ms_ago = static_cast<double>(now_us - standing.last_heard_us) / 1e3;
        view.versions = static_cast<std::uint32_t>(held_[r].versions.size());
        view.sent = sum(shared_, r, &RegionCounters::sent);
        view.answered = sum(shared_, r, &RegionCounters::answered);
        view.refused = sum(shared_, r, &RegionCounters::refused);
        view.faulty = sum(shared_, r, &RegionCounters::faulty);
        view.silent = sum(shared_, r, &RegionCounters::silent);
        view.cold = sum(shared_, r, &RegionCounters::cold);
        view.digest_unasked = digests_.region(r).unasked;
        if (digests_.region(r).is_fresh(now_us)) {
            view.keep_ms = digests_.region(r).keep_ms;
            view.crowding_permille = digests_.region(r).crowding_permille;
            view.catchment_permille = static_cast<std::uint32_t>(warmth.catchment[r] * 1000);
        }
        views.push_back(std::move(view));
    }
    return views;
}

// The regions as a core sees them, but for what it has seen itself; and what would be decided.
void Controller::add_candidates(const Target& target, const Request& request,
                                admin::ExplainView& view) {
    const std::uint64_t now_us = monotonic_us();
    const LaneClock clock{rte_rdtsc(), 1000.0 / static_cast<double>(shared_.server.tsc_hz), 0};
    const select::Settings& settings = shared_.server.selection;
    select::Candidates regions;
    select::Column<std::int32_t> cold_us{};
    read_regions(regions, shared_.region_numbers, shared_.region_loads, regions_, clock);
    select::Function function =
        read_function(*shared_.warmth, target, settings.policy, regions.count, cold_us);
    function.explore = false;  // what most requests get
    for (std::uint32_t r = 0; r < regions.count; ++r) {
        RegionNumbers numbers;
        (void)shared_.region_numbers[r].read(numbers);  // the only writer is under this lock
        if (!monitor_.standing(r, now_us).fresh) regions.fresh_until_ms[r] = clock.now_ms;
        regions.max_payload_bytes[r] = regions_[r].max_payload_bytes;
        const regions::DigestBook::Heard& heard = digests_.heard(target.function, r);
        const double heard_s =
            heard.heard_us == 0 ? -1.0 : static_cast<double>(now_us - heard.heard_us) / 1e6;
        view.candidates.push_back({.region = config_.regions[r].name,
                                   .candidate = {},
                                   .numbers = numbers,
                                   .load = shared_.region_loads.read(r),
                                   .expected_cold_us = static_cast<std::uint32_t>(cold_us[r]),
                                   .holds_version = (target.holders >> r & 1) != 0,
                                   .warmth = heard.warmth,
                                   .others_per_s = double{heard.others_per_s},
                                   .warmth_heard_s = heard_s});
    }
    select::prepare(regions);
    const Field field{settings, regions, function, clock.now_ms};
    for (std::uint32_t r = 0; r < regions_.size(); ++r)
        view.candidates[r].candidate = judge(target, static_cast<std::uint8_t>(r), field, request);
    view.decision = decide(target, view.local, field, request);
    if (view.decision.verdict != Verdict::forward || shared_.server.hedge_percent == 0) return;
    Request again = request;
    again.tried = std::uint64_t{1} << view.decision.region;
    const select::Choice second = choose_second(target, field, again);
    if (second.found()) view.second = second.region;
}

// The very decision that the packet path would take now, for a request with the function's own
// limit as its deadline.
ApiResult<admin::ExplainView> Controller::explain(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const catalog::Function* function = catalog_.find(name);
    if (function == nullptr)
        return ApiResult<admin::ExplainView>::failure(
            {404, "no-such-function", "no function is called \"" + name + "\"", {}});
    std::vector<Target> targets;
    std::vector<TargetName> names;
    SnapshotExtras extras;
    add_targets(*function, targets, names, extras);
    const auto target = std::find_if(targets.begin(), targets.end(),
                                     [](const Target& each) { return each.qualifier == 0; });
    admin::ExplainView view;
    view.function = name;
    view.version = function->current;
    const std::uint32_t entry = target->entry;
    const bool here = may_run_here(*target, shared_.server.is_pop);
    view.local.is_pop = shared_.server.is_pop;
    view.local.draining = draining_;
    const bool free = here && pool_.free_slots(entry) != 0;
    view.local.share_used = free && config_.counts_tenants() &&
                            sharer_.full(config_.tenant_number(function->limits.tenant));
    view.local.slot_free = free && !view.local.share_used;
    view.local.may_queue = here;
    const Request request{.deadline_us = target->timeout_us + 1'000'000};
    view.local.no_region = shared_.server.no_region;
    view.policy = select::name(shared_.server.selection.policy);
    view.placement = placement_view(*function);
    view.row = row_view(*function);
    add_candidates(*target, request, view);
    return {std::move(view), true, {}};
}

std::vector<admin::CoreView> Controller::cores() {
    std::vector<admin::CoreView> views;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        views.push_back({shared_.counters[core].get()});
    return views;
}

std::uint64_t Controller::catalog_epoch() {
    const std::lock_guard lock(mutex_);
    return catalog_.epoch();
}

admin::HeldVersions Controller::held() {
    admin::HeldVersions held;
    std::map<std::string, std::string> archives;  // version → digest
    {
        const std::lock_guard lock(mutex_);
        held.boot_id = boot_id();
        held.catalog_epoch = catalog_.epoch();
        for (const auto& [name, function] : catalog_.functions()) {
            for (const std::string& version : function.versions) {
                // What must not be executed here is as good as not here: a POP brings it again.
                if (!deployed_.at(name).refusal_of(version).empty()) continue;
                held.versions.push_back({name, version});
                archives[version] = function.build_of(version).archive;
            }
            held.functions.push_back({name, function.current, deployed_.at(name).settings});
        }
    }
    // What the catalog names may have been lost: then a POP brings it again.
    std::erase_if(held.versions,
                  [&](const auto& each) { return !artifacts_.holds(archives.at(each.version)); });
    return held;
}

}  // namespace skerry::control
