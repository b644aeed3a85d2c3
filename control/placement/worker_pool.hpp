// The workers of this server: started, introduced to the packet path, replaced, ended.
//
// One capacity entry for each function version that may run here. The pool is told how many workers
// each should have at least; it starts more as long as more requests wait (CapacityEntry::wanted)
// than slots are free or coming, up to the function's maximum, and ends those that nobody has used
// for a while. A version whose workers fail to start, or end at once, is tried again with longer
// and longer pauses, until one of its workers lived for a second.
//
// Limits: kMaxEntries versions, WorkerLimits::max workers in all, and WorkerLimits::memory_mib of
// memory. When all are taken and a function is waited for, the worker that has been idle longest
// and is above its minimum makes room. Control thread only.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/logs/collector.hpp"
#include "control/placement/evictions.hpp"
#include "control/placement/standby.hpp"
#include "control/placement/template.hpp"
#include "control/placement/worker.hpp"
#include "dataplane/shared.hpp"
#include "sandbox/base/result.hpp"
#include "sandbox/runtime/kind.hpp"
#include "sandbox/warden/client.hpp"

namespace skerry::placement {

struct WorkerLimits {
    std::uint32_t max = 64;
    std::uint32_t first_uid = 210000;
    std::uint64_t idle_timeout_us = 30'000'000;
    std::uint64_t start_timeout_us = 10'000'000;
    std::uint64_t memory_mib = 0;  // of all workers of functions, by their limits; 0: no limit
    std::uint32_t spin_us = 0;
    std::uint32_t executed_max = 0;  // invocations at once, of all functions; 0: no limit
    std::uint32_t starts_max = 0;    // at once, of all versions; 0: as many as there may be workers
    StandbyCounts standby = {};      // kept waiting for a function
    std::string runtimes_dir = {};   // has their images
    logs::Collector* logs = nullptr;  // gets workers' output; none: nobody does
    std::string server_name = {};     // told to functions as their region
};

struct VersionSpec {
    std::string function;
    std::string version_hex;
    std::string artifact_dir;
    runtime::Kind kind = runtime::Kind::native;
    std::string handler = {};
    std::string environment = {};  // "NAME=value", each with a NUL behind it
    std::uint32_t memory_mib = 128;
    std::uint32_t concurrency = 1;
    std::uint32_t workers_max = 1;
    std::uint32_t payload_bytes_max = 65536;
    std::uint32_t cpu_percent = 0;  // of one CPU; 0: no quota
    std::uint32_t cpu_weight = 100;
    std::uint32_t cpu_ms = 0;  // of one invocation; 0: no limit
    std::uint32_t tmp_mib = 16;
    std::uint32_t pids_max = 64;
    std::uint32_t log_kib = 64;  // kept of one invocation's output
    bool single_use = false;     // one invocation, then the worker ends
    bool templates = true;       // further workers may be copies of one that has initialised
    std::string egress = {};     // the network that its workers are in; empty: none
    std::uint32_t tenant = 0;    // whose it is
};

// How much of the pool a tenant may have. What is beyond its places is lent, and given back to a
// tenant that has less than its own.
struct TenantRoom {
    std::uint32_t places = ~0u;  // workers
    bool full = false;  // it may not execute more than it does: more workers would stand idle
};

class WorkerPool {
  public:
    WorkerPool(Shared& shared, warden::Client& warden, const channel::Doorbells& doorbells,
               WorkerLimits limits);
    // Ends all workers, and waits for that (bounded). No core runs any more.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Allots an entry; nothing is started yet. An error when all entries are taken.
    Result<std::uint32_t> open_entry(VersionSpec spec);
    // No target names the entry any more, and every core has passed a quiescent state since.
    // Workers end when their requests have; then the entry is reused.
    void close_entry(std::uint32_t entry);
    // Limits may change with a deploy of the same version.
    void update(std::uint32_t entry, std::uint32_t workers_max);

    // `minimum` workers are kept. `keep_idle`: those above it live for the idle timeout; otherwise
    // (an old version) they end at once when they have nothing to do.
    void set_target(std::uint32_t entry, std::uint32_t minimum, bool keep_idle);
    // Of this entry, instead of the idle timeout; 0: that again.
    void set_patience(std::uint32_t entry, std::uint64_t idle_us) {
        entries_[entry].idle_us = idle_us;
    }

    // By tenant. Without tenants there is nothing to be said: the default is room for all.
    void set_tenant(std::uint32_t entry, std::uint32_t tenant) {
        entries_[entry].spec.tenant = tenant;
    }
    void set_room(std::uint32_t tenant, TenantRoom room) { rooms_[tenant] = room; }
    std::uint32_t workers_of(std::uint32_t tenant) const;
    // In the last step a worker of it was to be started, and all places were taken.
    bool unplaced(std::uint32_t entry) const { return entries_[entry].unplaced; }

    // Takes news from the warden and from workers, and does what is to be done. Returns when it
    // wants to be called next, at the latest.
    std::uint64_t step(std::uint64_t now_us);
    // What poll(2) should watch for it: the warden, and the ready bells of workers that start.
    void add_descriptors(std::vector<pollfd>& to) const;

    // Ends, at once, the workers above the minimum that have nothing to do.
    void trim(std::uint32_t entry);

    // Of an entry that is open, or closed and not yet free.
    const VersionSpec& spec(std::uint32_t entry) const { return entries_[entry].spec; }
    std::uint32_t workers() const {  // of functions
        return static_cast<std::uint32_t>(workers_.size()) - standbys();
    }
    std::uint32_t standbys() const;                          // waiting for one, or starting to
    std::uint32_t ready_standbys(runtime::Kind kind) const;  // of these, those that wait
    std::uint32_t workers(std::uint32_t entry) const;
    std::uint32_t ready(std::uint32_t entry) const;
    std::uint32_t free_slots(std::uint32_t entry) const;
    std::uint64_t memory_mib() const;  // that its workers have by their limits, templates excepted
    std::uint32_t free_slots() const;
    std::uint32_t slots() const;
    void tell_slots();
    // Why the last start failed, while starts are held back for it; empty: all is well.
    std::string start_failure(std::uint32_t entry) const;
    // In a row; 0: the last one went well.
    std::uint32_t failed_starts(std::uint32_t entry) const { return entries_[entry].failures; }
    std::uint64_t next_try_us(std::uint32_t entry) const { return entries_[entry].not_before_us; }
    const History& history(std::uint32_t entry) const { return entries_[entry].history; }
    // Starts have failed, and the next try is not due yet.
    bool held_back(std::uint32_t entry, std::uint64_t now_us) const {
        return entries_[entry].failures != 0 && now_us < entries_[entry].not_before_us;
    }
    // Forgets failed starts: there is a new reason to believe in the next one.
    void forgive(std::uint32_t entry);
    // From the order to readiness, smoothed; 0: none has started yet.
    std::uint64_t start_us(std::uint32_t entry) const;
    const Template& snapshot_of(std::uint32_t entry) const { return entries_[entry].snapshot; }
    bool warden_gone() const { return warden_gone_; }

    using Totals = WorkerTotals;
    const Totals& totals() const { return totals_; }
    // As of the last step.
    const Evictions& evictions() const { return evictions_; }

  private:
    struct Entry {
        VersionSpec spec;
        bool used = false;
        bool closing = false;
        std::uint32_t minimum = 0;
        bool keep_idle = true;
        std::uint64_t idle_us = 0;  // of workers above the minimum; 0: the idle timeout
        bool unplaced = false;
        std::uint64_t allotted = 0;  // slots that belong to a worker
        std::uint64_t start_us = 0;
        std::uint32_t failures = 0;  // consecutive starts that failed, or crashes right after
        std::uint64_t not_before_us = 0;
        std::string failure;
        History history;
        Template snapshot;
    };
    using WorkerMap = std::map<std::uint64_t, std::unique_ptr<Worker>>;

    void take_events(std::uint64_t now_us);
    void on_event(warden::Event& event, std::uint64_t now_us);
    void check_worker(Worker& worker, std::uint64_t now_us);
    void note_first_answer(Worker& worker);
    void note_use(Worker& worker, std::uint64_t now_us) const;
    // Samples the CPU time of workers that have a limit; when it wants to do so again.
    std::uint64_t watch_cpu(std::uint64_t now_us);
    // Has workers killed that have lost a process to the kernel for their memory limit; when it
    // wants to look again.
    std::uint64_t watch_memory(std::uint64_t now_us);
    void become_ready(Worker& worker, std::uint64_t now_us);
    void take_retired();
    void serve_wanted(std::uint32_t entry, std::uint64_t now_us);
    void end_idle(std::uint32_t entry, std::uint64_t now_us, std::uint64_t patience_us);
    void make_room(std::uint32_t for_entry, bool of_memory, std::uint64_t now_us);
    bool has_memory(std::uint32_t entry, std::uint64_t now_us);
    bool start(std::uint32_t entry, std::uint64_t now_us);
    Status order(const Entry& entry, Worker& worker);
    Status make_memory(const VersionSpec& spec, Worker& worker) const;
    void on_spawned(Worker& worker, warden::Event& event);
    void on_ended(Worker& worker, const warden::Event& event, std::uint64_t now_us);
    void check_starting(Worker& worker, std::uint64_t now_us);
    // templates.cpp
    void make_template(std::uint64_t now_us);
    Status start_template(std::uint32_t entry, std::uint64_t now_us);
    void end_template(std::uint32_t entry);
    void template_ended(Worker& worker, const warden::Event& event);
    void refuse_template(std::uint32_t entry, const std::string& why);
    bool copy_failed(const Worker& worker, const std::string& why);
    std::uint64_t template_bytes() const;
    // standby.cpp
    std::uint64_t keep_standbys(std::uint64_t now_us);
    void check_images(std::uint64_t now_us);
    std::uint32_t standbys(runtime::Kind kind) const;
    bool wants_standbys(runtime::Kind kind) const;
    bool nobody_waits() const;
    Status start_standby(runtime::Kind kind, std::uint64_t now_us);
    void check_standby(Worker& worker, std::uint64_t now_us);
    void standby_ended(Worker& worker, const warden::Event& event, std::uint64_t now_us);
    void standby_failed(runtime::Kind kind, const std::string& why, std::uint64_t now_us);
    bool end_one_standby();
    bool end_one_standby(runtime::Kind kind);
    Worker* standby_for(const Entry& entry, std::uint64_t now_us);
    bool assign(Worker& worker, std::uint32_t index, std::uint64_t now_us);
    Status order_assignment(const Entry& entry, Worker& worker);
    void claim_log(Worker& worker);
    void on_assigned(Worker& worker, const warden::Event& event);
    std::string arn_of(const VersionSpec& spec) const;
    void introduce_channel(Worker& worker, const VersionSpec& spec);
    std::uint64_t new_slots(const Entry& entry) const;
    void give_up_start(Worker& worker, const std::string& why, std::uint64_t now_us);
    void end(Worker& worker);
    void send_kill(Worker& worker);
    void start_failed(std::uint32_t entry, const std::string& why, std::uint64_t now_us);
    void remove_finished();
    void kick_cores();
    Result<logs::Pipe> open_log(const Worker& worker) const;
    void collect_log(const VersionSpec& spec, const Worker& worker, UniqueFd output);
    std::string why_it_ended(const Worker& worker, const warden::Event& event) const;
    std::uint32_t starting() const;
    bool may_start(std::uint32_t entry, std::uint64_t now_us) const;
    bool gives_way(std::uint32_t of_entry, std::uint32_t to_entry) const;

    Shared& shared_;
    warden::Client& warden_;
    const channel::Doorbells& doorbells_;
    WorkerLimits limits_;
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> used_;  // of these: a step looks at no others, which are many
    WorkerMap workers_;
    std::vector<bool> index_used_;
    std::uint64_t next_id_ = 1;
    std::uint64_t generation_ = 0;
    Totals totals_;
    Evictions evictions_;
    std::array<TenantRoom, kMaxTenants> rooms_{};
    std::uint64_t now_us_ = 0;       // of the last step
    std::uint64_t room_wanted_ = 0;  // starts that found no place, in this step
    StandbysByKind standbys_;
    std::uint64_t images_checked_us_ = 0;
    std::uint64_t quiet_since_us_ = 0;  // when the last worker was ordered, or became ready
    std::uint64_t cpu_watched_us_ = 0;
    bool warden_busy_ = false;  // its socket is full; until the next step
    bool warden_gone_ = false;
    bool kick_ = false;
};

}  // namespace skerry::placement
