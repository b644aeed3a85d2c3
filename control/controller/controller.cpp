#include "control/controller/controller.hpp"

#include <rte_cycles.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <random>

#include "control/config/access_keys.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::control {
namespace {

constexpr std::uint64_t kPlacementPeriod_us = 100'000;
constexpr std::uint32_t kManagementTimeout_ms = 15'000;  // a push gets more, for its bytes
// With the one that has its turn, five of each HTTP server's eight threads.
constexpr std::uint32_t kMostWaitingDeploys = 4;

regions::MonitorLimits monitor_limits(const config::Config& config) {
    const config::Prober& prober = config.prober;
    const config::Outliers& outliers = config.outliers;
    std::vector<std::uint32_t> weights;
    for (const config::Region& region : config.regions) weights.push_back(region.weight_percent);
    return {.period_us = prober.period_ms * 1000ull,
            .fresh_us = prober.fresh_ms * 1000ull,
            .health = {.failures_to_eject = prober.failures_to_eject,
                       .return_us = prober.return_ms * 1000ull,
                       .base_ejection_us = outliers.base_ejection_ms * 1000ull,
                       .max_ejection_us = outliers.max_ejection_ms * 1000ull,
                       .forget_us = outliers.interval_ms * 1000ull},
            .outliers = {.interval_us = outliers.interval_ms * 1000ull,
                         .request_volume = outliers.request_volume,
                         .failure_percent = outliers.failure_percent,
                         .stdev_permille = outliers.stdev_permille,
                         .stdev_regions = outliers.stdev_regions,
                         .max_ejected_percent = outliers.max_ejected_percent,
                         .panic_percent = outliers.panic_percent},
            .weight_percent = std::move(weights)};
}

std::vector<RegionInfo> with_ids(std::vector<RegionInfo> regions) {
    give_ids(regions);
    return regions;
}

// Each core's ring of log events.
std::vector<logs::EventSource> log_sources(Shared& shared) {
    std::vector<logs::EventSource> sources;
    for (std::uint32_t core = 0; core < shared.server.core_count; ++core)
        if (rte_ring* ring = shared.log_events[core]; ring != nullptr)
            sources.emplace_back([ring](LogEvent* to, std::size_t most) -> std::size_t {
                return rte_ring_dequeue_burst_elem(ring, to, sizeof *to,
                                                   static_cast<unsigned>(most), nullptr);
            });
    return sources;
}

std::vector<logs::TailPort> tail_ports(Shared& shared) {
    std::vector<logs::TailPort> ports;
    for (std::uint32_t core = 0; core < shared.server.core_count; ++core) {
        rte_ring* requests = shared.tail_requests[core];
        rte_ring* answers = shared.tail_answers[core];
        if (requests == nullptr || answers == nullptr) continue;
        logs::TailPort port;
        port.take = [requests](TailRequest* to, std::size_t most) -> std::size_t {
            return rte_ring_dequeue_burst_elem(requests, to, sizeof *to,
                                               static_cast<unsigned>(most), nullptr);
        };
        port.give = [answers, kick_fd = shared.kick_fd[core]](const TailAnswer& answer) {
            if (rte_ring_sp_enqueue_elem(answers, const_cast<TailAnswer*>(&answer),
                                         sizeof answer) != 0)
                return false;
            const std::uint64_t one = 1;
            // Full: it has been told.
            return kick_fd < 0 || ::write(kick_fd, &one, sizeof one) > 0 || errno == EAGAIN;
        };
        ports.push_back(std::move(port));
    }
    return ports;
}

placement::WorkerLimits worker_limits(const config::Config& config, logs::Collector* logs) {
    const std::uint32_t cpus = std::max(1u, std::thread::hardware_concurrency());
    return {.max = config.workers.max,
            .first_uid = config.workers.first_uid,
            .idle_timeout_us = config.workers.idle_timeout_ms * 1000ull,
            .start_timeout_us = config.workers.start_timeout_ms * 1000ull,
            .memory_mib = config.workers.memory_mib,
            .spin_us = config.workers.spin_us,
            .executed_max = config.counts_tenants() ? config.permits() : 0,
            .starts_max = config.workers.starts_max != 0 ? config.workers.starts_max : 2 * cpus,
            .standby = {.native = config.workers.standby_native,
                        .python3 = config.workers.standby_python3,
                        .nodejs = config.workers.standby_nodejs},
            .runtimes_dir = config.workers.runtimes_dir,
            .logs = logs,
            .server_name = config.name};
}

}  // namespace

std::uint64_t monotonic_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

Controller::Controller(const config::Config& config, Shared& shared, warden::Client& warden,
                       const channel::Doorbells& doorbells, catalog::Catalog catalog,
                       catalog::ArtifactStore artifacts, std::vector<RegionInfo> regions)
    : config_(config),
      shared_(shared),
      artifacts_(std::move(artifacts)),
      regions_(with_ids(std::move(regions))),
      started_us_(monotonic_us()),
      warden_pid_(warden.pid()),
      turn_(kMostWaitingDeploys),
      catalog_(std::move(catalog)),
      logs_(logs::Collector::start(config.state_dir + "/logs", log_sources(shared),
                                   tail_ports(shared))),
      pool_(shared, warden, doorbells, worker_limits(config, logs_ ? logs_->get() : nullptr)),
      digests_(static_cast<std::uint32_t>(regions_.size()),
               config.workers.idle_timeout_ms / 1000.0),
      monitor_(shared, static_cast<std::uint32_t>(regions_.size()), monitor_limits(config),
               shared.server.boot_id, &digests_),
      catchment_(shared),
      own_load_(shared),
      sharer_(shared),
      rates_(shared, static_cast<std::uint32_t>(regions_.size()),
             {.half_life_s = config.admission.rate_half_life_ms / 1000.0,
              .keep_alive_s = config.workers.idle_timeout_ms / 1000.0,
              .warmth = config.selection.settings.policy == select::Policy::affinity
                            ? select::Warmth::now
                            : select::Warmth::stream},
             digests_),
      reclaimer_(shared),
      indices_(config.dataplane.function_rows),
      merged_(shared.server.sketch_key, shared.server.core_count,
              config.workers.idle_timeout_ms / 1000.0 * double{select::kRateHalfLife}),
      row_of_(kFunctionRows),
      held_(regions_.size()),
      nudge_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    SKERRY_CHECK(nudge_);
}

Controller::~Controller() {
    stop();
    if (sweeper_.joinable()) sweeper_.join();
    fleet_.reset();
    replicators_.clear();
}

Status Controller::prepare() {
    if (!logs_) return logs_.error();
    auto secrets = config::load_secrets(config_.access_keys);
    if (!secrets) return secrets.error();
    auto trust =
        signing::Trust::load(config_.artifacts.trusted_keys, config_.artifacts.require_signature);
    if (!trust) return trust.error();
    trust_ = std::move(trust).value();
    shared_.tail_bell_fd = (*logs_)->bell();
    const std::lock_guard lock(mutex_);
    // There is an entry for the current version of each function that there may be, and has a row:
    // those that must have one come first.
    for (const bool must : {true, false})
        for (const auto& [name, function] : catalog_.functions())
            if (why_own_row(function).empty() != must)
                if (const Status adopted = adopt(function); !adopted) return adopted;
    if (rowed_.size() < deployed_.size())
        spdlog::info("{} of {} functions have a row of their own", rowed_.size(), deployed_.size());
    std::uint32_t without = 0;
    for (const auto& [name, function] : catalog_.functions())
        without += adopt_old_versions(function);
    if (without != 0)
        spdlog::warn("{} old version(s) can't run here: all {} entries are taken", without,
                     kMaxEntries);
    // With an empty catalog, somebody may be about to restore it.
    sweep_due_ = !catalog_.functions().empty();
    open_forecasts();
    if (const Status opened = open_routes(); !opened) return opened;
    if (const Status opened = open_rules(); !opened) return opened;
    set_clocks();
    use_access_keys(config_.access_keys, std::move(*secrets));
    publish();
    return ok();
}

Status Controller::start() {
    // Before there is anybody to ask whether there is one.
    if (const Status made = make_fleet(); !made) return made;
    std::set<std::string> names;
    for (const config::Region& region : config_.regions) names.insert(region.name);
    for (const auto& [name, regions] : catalog::Tombstones(catalog_.tombstones()))
        for (const std::string& region : regions)
            if (names.count(region) == 0) {
                spdlog::warn("{} may still be in region {}, which is not configured any more", name,
                             region);
                (void)store(
                    [&, &name = name](catalog::Draft& draft) {
                        draft.unbury(name, {region});
                        return ok();
                    },
                    {});
            }
    const admin::Tls tls{config_.management.tls_cert, config_.management.tls_key,
                         config_.management.tls_ca};
    for (std::uint32_t r = 0; r < config_.regions.size(); ++r)
        replicators_.push_back(std::make_unique<Replicator>(
            *this, r,
            admin::ManagementClient(config_.regions[r].management, tls, kManagementTimeout_ms,
                                    config_.workers.start_timeout_ms)));
    if (fleet_ != nullptr) fleet_->start(catalog_.fleet());
    sweeper_ = std::thread([this] { sweep_main(); });
    return ok();
}

void Controller::stop() {
    turn_.close();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (const admin::ManagementClient& each : fetching_) each.cancel();
        for (const Fetching& each : fetches_) each.progress->cancelled = true;
    }
    changed_.notify_all();
    sweeper_woken_.notify_all();
    for (const auto& replicator : replicators_) replicator->stop();
    if (fleet_ != nullptr) fleet_->stop();
}

// Cores read no clock but the TSC; workers are told deadlines of the calendar, and logs have times.
void Controller::set_clocks() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const std::uint64_t unix_ms = static_cast<std::uint64_t>(now.tv_sec) * 1000 +
                                  static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
    const std::uint64_t tsc = rte_rdtsc();
    const std::uint64_t tsc_a_ms = shared_.server.tsc_hz / 1000;
    shared_.unix_ms_at_tsc_zero.store(unix_ms - tsc / tsc_a_ms, std::memory_order_relaxed);
    shared_.monotonic_us_at_tsc_zero.store(
        monotonic_us() - (tsc / tsc_a_ms * 1000 + tsc % tsc_a_ms * 1000 / tsc_a_ms),
        std::memory_order_relaxed);
}

void Controller::add_descriptors(std::vector<pollfd>& to) {
    const std::lock_guard lock(mutex_);
    to.push_back({nudge_.get(), POLLIN, 0});
    to.push_back({shared_.server.control_fd, POLLIN, 0});
    pool_.add_descriptors(to);
}

void Controller::for_each_function(const std::function<void(const catalog::Function&)>& look) {
    constexpr int kAtOnce = 256;
    constexpr std::chrono::microseconds kPause{100};
    for (std::string last;; std::this_thread::sleep_for(kPause)) {
        const std::lock_guard lock(mutex_);
        auto at = catalog_.functions().upper_bound(last);
        for (int n = 0; n < kAtOnce && at != catalog_.functions().end(); ++n, ++at) {
            look(at->second);
            last = at->first;
        }
        if (at == catalog_.functions().end()) return;
    }
}

// Wakes the control thread: something was changed by another.
void Controller::nudge() {
    const std::uint64_t one = 1;
    if (::write(nudge_.get(), &one, sizeof one) < 0) return;  // full: it has been told
}

bool Controller::warden_gone() {
    const std::lock_guard lock(mutex_);
    return pool_.warden_gone();
}

int Controller::step() {
    const std::lock_guard lock(mutex_);
    std::uint64_t drained = 0;
    while (::read(nudge_.get(), &drained, sizeof drained) > 0) {
    }
    while (::read(shared_.server.control_fd, &drained, sizeof drained) > 0) {
    }
    const std::uint64_t now_us = monotonic_us();
    set_clocks();
    std::uint64_t next_us = std::min(monitor_.step(now_us), pool_.step(now_us));
    if (now_us >= next_placement_us_) {
        next_placement_us_ = now_us + kPlacementPeriod_us;
        place(now_us);
        plan_took_us_ = monotonic_us() - now_us;
    }
    if (sharer_.due(now_us)) share_permits(now_us);
    note_changes(now_us);
    if (publish_soon_) publish();
    reclaimer_.step();
    if (!old_rules_.empty()) forget_old_rules();
    note_ended_workers();
    changed_.notify_all();
    next_us = std::min({next_us, next_placement_us_, sharer_.next_us()});
    // A grace period ends when a core has turned once: look again soon.
    if (!reclaimer_.empty()) next_us = std::min(next_us, now_us + 2000);
    return static_cast<int>((next_us - std::min(next_us, now_us) + 999) / 1000);
}

// Regions with another set of versions, entries that can't start, or can again.
void Controller::note_changes(std::uint64_t) {
    const std::uint64_t changed = monitor_.take_changed();
    for (std::uint32_t r = 0; r < replicators_.size(); ++r)
        if (changed >> r & 1) replicators_[r]->wake();
    for (const auto& [name, deployed] : rowed_)
        for (const auto& [digest, entry] : deployed->entries)
            if (held_back(entry) != (held_back_.count(entry) != 0)) publish_soon_ = true;
}

std::uint64_t Controller::in_flight() const {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
        const CoreCounters& counters = *shared_.counters[core];
        total += counters.in_flight.get() + counters.waiting.get() + counters.pending.get();
    }
    return total;
}

std::uint64_t Controller::set_draining(bool draining) {
    const std::lock_guard lock(mutex_);
    if (draining_ != draining) {
        draining_ = draining;
        publish_soon_ = true;
        if (events_ != nullptr) events_->pause(draining);
        nudge();
    }
    return in_flight();
}

}  // namespace skerry::control
