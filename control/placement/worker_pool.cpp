#include "control/placement/worker_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <csignal>

#include "sandbox/base/check.hpp"

namespace skerry::placement {
namespace {

// Ended sooner than this after it became ready, without being told to and without a request in
// hand: counts as a failed start.
constexpr std::uint64_t kEarlyEnd_us = 1'000'000;
// How often a worker is looked at that has an invocation in hand, and one that has none. A look
// takes some microseconds of the control thread.
constexpr std::uint64_t kMemoryPeriod_us = 50'000;
constexpr std::uint64_t kIdleMemoryPeriod_us = 1'000'000;
// For workers to end when the pool does; they are killed, so this is what only a sick machine
// takes.
constexpr std::chrono::seconds kEndTimeout{2};

}  // namespace

WorkerPool::WorkerPool(Shared& shared, warden::Client& warden, const channel::Doorbells& doorbells,
                       WorkerLimits limits)
    : shared_(shared),
      warden_(warden),
      doorbells_(doorbells),
      limits_(std::move(limits)),
      entries_(kMaxEntries),
      index_used_(std::min(limits_.max, kMaxChannels)),
      evictions_(limits_.idle_timeout_us, kMaxEntries) {}

// While a worker lives, nothing may be done to the files it shares but closing them: see let_go().
WorkerPool::~WorkerPool() {
    const auto deadline = std::chrono::steady_clock::now() + kEndTimeout;
    const auto alive = [this] {
        return std::any_of(workers_.begin(), workers_.end(),
                           [](const auto& pair) { return !pair.second->exited; });
    };
    while (alive() && !warden_gone_ && std::chrono::steady_clock::now() < deadline) {
        for (auto& [id, worker] : workers_)
            if (!worker->exited && !worker->kill_sent) end(*worker);
        pollfd waiting{warden_.fd(), POLLIN, 0};
        (void)::poll(&waiting, 1, 10);
        take_events(now_us_);
    }
    for (auto& [id, worker] : workers_)
        if (!worker->exited && worker->memory) worker->memory->abandon();
}

Result<std::uint32_t> WorkerPool::open_entry(VersionSpec spec) {
    SKERRY_CHECK(spec.concurrency >= 1 && spec.concurrency <= kSlotsPerEntry);
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].used) continue;
        entries_[i] = {};
        entries_[i].used = true;
        entries_[i].spec = std::move(spec);
        evictions_.reset(i);
        used_.push_back(i);
        return i;
    }
    return Error{ENOSPC, "all " + std::to_string(kMaxEntries) +
                             " capacity entries are taken; delete functions that are not needed"};
}

void WorkerPool::close_entry(std::uint32_t entry) {
    entries_[entry].closing = true;
    entries_[entry].minimum = 0;
}

void WorkerPool::update(std::uint32_t entry, std::uint32_t workers_max) {
    entries_[entry].spec.workers_max = workers_max;
}

void WorkerPool::set_target(std::uint32_t entry, std::uint32_t minimum, bool keep_idle) {
    entries_[entry].minimum = minimum;
    entries_[entry].keep_idle = keep_idle;
}

void WorkerPool::add_descriptors(std::vector<pollfd>& to) const {
    to.push_back({warden_.fd(), POLLIN, 0});
    for (const auto& [id, worker] : workers_) {
        // A template's end is told by the warden.
        if ((worker->state != Worker::State::starting && worker->state != Worker::State::standby) ||
            worker->is_template)
            continue;
        if (worker->api) {
            worker->api->add_descriptors(to);
        } else if (worker->state == Worker::State::starting) {  // news of blanks: the warden
            to.push_back({worker->memory->ready.get(), POLLIN, 0});
        }
    }
}

std::uint32_t WorkerPool::workers(std::uint32_t entry) const {
    return static_cast<std::uint32_t>(
        std::count_if(workers_.begin(), workers_.end(), [&](const auto& pair) {
            return pair.second->entry == entry && !pair.second->is_template &&
                   pair.second->state != Worker::State::ending;
        }));
}

std::uint32_t WorkerPool::ready(std::uint32_t entry) const {
    return static_cast<std::uint32_t>(
        std::count_if(workers_.begin(), workers_.end(), [&](const auto& pair) {
            return pair.second->entry == entry && pair.second->state == Worker::State::ready;
        }));
}

std::uint32_t WorkerPool::free_slots(std::uint32_t entry) const {
    return static_cast<std::uint32_t>(
        std::popcount(shared_.capacity->entries[entry].free_slots.load(SK_RELAXED)));
}

std::uint32_t WorkerPool::free_slots() const {
    std::uint32_t total = 0;
    for (const std::uint32_t entry : used_) total += free_slots(entry);
    return total;
}

std::uint64_t WorkerPool::memory_mib() const {
    std::uint64_t total = 0;
    for (const auto& [id, worker] : workers_)
        if (worker->entry != kNoEntry && !worker->is_template)
            total += entries_[worker->entry].spec.memory_mib;
    return total;
}

// What could execute at once: the slots of workers that are there or on their way, and one for each
// that could be started. Those that stand by make room.
std::uint32_t WorkerPool::slots() const {
    std::uint64_t total = 0, taken = 0;
    for (const auto& [id, worker] : workers_) {
        const bool serves = worker->state == Worker::State::ready ||
                            (worker->state == Worker::State::starting && worker->entry != kNoEntry);
        if (worker->is_template || !serves) continue;
        ++taken;
        total += std::max(1u, entries_[worker->entry].spec.concurrency);
    }
    std::uint64_t more = limits_.max - std::min<std::uint64_t>(limits_.max, taken);
    if (limits_.memory_mib != 0)  // of the usual size
        more = std::min(more, (limits_.memory_mib - std::min(limits_.memory_mib, memory_mib())) /
                                  VersionSpec{}.memory_mib);
    return static_cast<std::uint32_t>(total + more);
}

// To peers: what they may count on, which is no more than may be executed at once whatever workers
// there are.
void WorkerPool::tell_slots() {
    std::uint32_t all = slots(), idle = free_slots();
    if (limits_.executed_max != 0) {
        std::uint32_t there = 0;
        for (const auto& [id, worker] : workers_)
            if (worker->state == Worker::State::ready && !worker->is_template)
                there += std::max(1u, entries_[worker->entry].spec.concurrency);
        const std::uint32_t taken = std::min(there - std::min(there, idle), limits_.executed_max);
        all = std::min(all, limits_.executed_max);
        idle = std::min(idle, limits_.executed_max - taken);
    }
    shared_.idle_slots.store(idle, std::memory_order_relaxed);
    shared_.own_load.slots.store(all, std::memory_order_relaxed);
}

std::string WorkerPool::start_failure(std::uint32_t entry) const {
    return entries_[entry].failures == 0 ? std::string() : entries_[entry].failure;
}

std::uint64_t WorkerPool::start_us(std::uint32_t entry) const {
    return entries_[entry].start_us;
}

std::uint64_t WorkerPool::step(std::uint64_t now_us) {
    now_us_ = now_us;
    warden_busy_ = false;
    room_wanted_ = 0;
    evictions_.fade(now_us);
    take_events(now_us);
    for (auto& [id, worker] : workers_) check_worker(*worker, now_us);
    take_retired();
    remove_finished();
    std::uint64_t next_us = now_us + 100'000;
    for (const std::uint32_t i : used_) {
        Entry& entry = entries_[i];
        entry.unplaced = false;
        if (entry.closing) {
            end_idle(i, now_us, 0);
            end_template(i);
            if (entry.allotted == 0 && entry.snapshot.state != Template::State::making) entry = {};
            continue;
        }
        while (workers(i) < entry.minimum && may_start(i, now_us))
            if (!start(i, now_us)) break;
        serve_wanted(i, now_us);
        // One that has just become ready for somebody who waits is idle only until a core looks.
        if (shared_.capacity->entries[i].wanted.load(SK_RELAXED) == 0)
            end_idle(i, now_us,
                     !entry.keep_idle     ? 0
                     : entry.idle_us != 0 ? entry.idle_us
                                          : limits_.idle_timeout_us);
        if (entry.failures != 0 && entry.not_before_us > now_us)
            next_us = std::min(next_us, entry.not_before_us);
    }
    std::erase_if(used_, [this](std::uint32_t entry) { return !entries_[entry].used; });
    next_us = std::min({next_us, watch_cpu(now_us), watch_memory(now_us)});
    tell_slots();
    make_template(now_us);
    next_us = std::min(next_us, keep_standbys(now_us));
    if (kick_) kick_cores();
    return next_us;
}

std::uint64_t WorkerPool::watch_cpu(std::uint64_t now_us) {
    const bool due = now_us - cpu_watched_us_ >= CpuWatch::kPeriod_us;
    bool any = false;
    for (auto& [id, worker] : workers_) {
        if (worker->state != Worker::State::ready || worker->channel->cpu_limit_us == 0) continue;
        any = true;
        if (!worker->cpu && worker->pid != 0)  // else: its news is yet to be read
            worker->cpu.emplace(cgroup::CpuMeter(warden_.groups(), worker->group, worker->pid));
        if (!worker->cpu) continue;
        if (due && worker->cpu->look(*worker->channel)) kick_ = true;
    }
    if (due) cpu_watched_us_ = now_us;
    return any ? cpu_watched_us_ + CpuWatch::kPeriod_us : ~std::uint64_t{0};
}

// With control groups of version 1 the kernel ends one process of a worker, and its invocation may
// wait for that one until its time is over. It ends as a whole instead, as with version 2; the
// warden then says that it was out of memory. Not end(): it was the kernel that began it, so it
// counts as a worker that ended by itself.
std::uint64_t WorkerPool::watch_memory(std::uint64_t now_us) {
    std::uint64_t next_us = ~std::uint64_t{0};
    if (!warden_.groups().limits_memory()) return next_us;
    for (auto& [id, worker] : workers_) {
        if (worker->state != Worker::State::ready || worker->kill_sent || worker->group.empty())
            continue;
        const bool busy = is_claimed(*shared_.capacity, *worker);
        const std::uint64_t period_us = busy ? kMemoryPeriod_us : kIdleMemoryPeriod_us;
        if (now_us - worker->memory_watched_us >= period_us) {
            worker->memory_watched_us = now_us;
            if (warden_.groups().lost_a_process(worker->group)) send_kill(*worker);
        }
        next_us = std::min(next_us, worker->memory_watched_us + period_us);
    }
    return next_us;
}

void WorkerPool::take_events(std::uint64_t now_us) {
    // Bounded: the warden has at most three events for each worker.
    for (std::uint32_t i = 0; i < 3 * kMaxChannels; ++i) {
        auto event = warden_.poll_event();
        if (!event) {
            warden_gone_ = true;
            return;
        }
        if (!event->has_value()) return;
        on_event(**event, now_us);
    }
}

void WorkerPool::on_event(warden::Event& event, std::uint64_t now_us) {
    const auto found = workers_.find(event.worker_id);
    if (found == workers_.end()) return;
    if (event.kind == warden::MessageKind::spawned) {
        on_spawned(*found->second, event);
    } else if (event.kind == warden::MessageKind::assigned) {
        on_assigned(*found->second, event);
    } else {
        on_ended(*found->second, event, now_us);
    }
}

// Empty: it was told to end, for no fault of its own.
std::string WorkerPool::why_it_ended(const Worker& worker, const warden::Event& event) const {
    if (event.kind == warden::MessageKind::failed) return event.text;
    if (!worker.end_wanted || !denied_name(event).empty())
        return why_ended(event, entries_[worker.entry].spec.memory_mib);
    switch (worker.channel->fault.load(std::memory_order_relaxed)) {
        case WorkerFault::hung:
            return "the worker was ended: an invocation took longer than its function's limit";
        case WorkerFault::cpu_limit:
            return "the worker was ended: an invocation used more CPU time than its function's "
                   "limit";
        case WorkerFault::malformed:
            return "the worker was ended: it broke the rules of its channel";
        default:
            return worker.phases.total_us != 0 || entries_[worker.entry].failures == 0
                       ? std::string()
                       : "the worker was ended: " + entries_[worker.entry].failure;
    }
}

void WorkerPool::on_ended(Worker& worker, const warden::Event& event, std::uint64_t now_us) {
    worker.exited = true;
    if (worker.entry == kNoEntry) return standby_ended(worker, event, now_us);
    if (worker.is_template) {
        worker.state = Worker::State::ending;
        if (limits_.logs != nullptr) limits_.logs->ended(worker.id, {});
        return template_ended(worker, event);
    }
    const bool unasked = !worker.end_wanted;
    const bool failed = event.kind == warden::MessageKind::failed;
    const std::string why = why_it_ended(worker, event);
    if (const std::string call = denied_name(event); !call.empty())
        ++totals_.denied_calls[bounded_name(totals_.denied_calls, call)];
    if (failed) {
        ++totals_.failed;
        if (!copy_failed(worker, why)) start_failed(worker.entry, why, now_us);
    } else if (unasked) {
        ++totals_.crashed;
        entries_[worker.entry].history.crashed(event);
        if (event.out_of_memory) ++totals_.out_of_memory;
        // A request in hand may have been its end, and says nothing about the next start. What the
        // capacity table says of that is believed, not use_mark(): the worker can write that.
        const bool early =
            worker.state == Worker::State::starting ||
            (now_us - worker.started_us < kEarlyEnd_us && !is_claimed(*shared_.capacity, worker));
        if (early && !copy_failed(worker, why)) start_failed(worker.entry, why, now_us);
    }
    claim_log(worker);
    if (limits_.logs != nullptr) limits_.logs->ended(worker.id, why);
    // Nobody has ever heard of the slots of a worker that was not ready.
    if (worker.state == Worker::State::starting) worker.owned = worker.slots;
    worker.channel->exit_code = event.signal != 0 ? -1 : event.exit_code;
    worker.channel->exit_signal = event.signal;
    worker.channel->dead.store(true, std::memory_order_release);
    worker.state = Worker::State::ending;
    kick_ = true;
}

// Once, however long it has been idle before: it says how warm a worker is that has only started.
void WorkerPool::note_first_answer(Worker& worker) {
    if (worker.first_answer_told || worker.state == Worker::State::starting ||
        worker.entry == kNoEntry)
        return;
    const std::uint64_t answer_us = worker.channel->first_answer_us.load(std::memory_order_acquire);
    if (answer_us == 0) return;
    worker.first_answer_told = true;
    const std::uint64_t arrival_us =
        worker.channel->first_arrival_us.load(std::memory_order_relaxed);
    const auto since = [answer_us](std::uint64_t from_us) {
        return static_cast<std::uint32_t>(answer_us - std::min(answer_us, from_us));
    };
    History& history = entries_[worker.entry].history;
    history.first_answer(since(std::max(worker.started_us, arrival_us)));
    if (arrival_us < worker.started_us) history.cold_answer(since(arrival_us));
}

// One that has an invocation in hand is in use, however long ago it got it: it is idle from the
// end on.
void WorkerPool::note_use(Worker& worker, std::uint64_t now_us) const {
    const std::uint64_t mark = use_mark(worker);
    if (mark != worker.used_mark || is_claimed(*shared_.capacity, worker)) worker.used_us = now_us;
    worker.used_mark = mark;
}

void WorkerPool::check_worker(Worker& worker, std::uint64_t now_us) {
    note_first_answer(worker);
    CapacityTable& table = *shared_.capacity;
    switch (worker.state) {
        case Worker::State::standby:
            check_standby(worker, now_us);
            break;
        case Worker::State::starting:
            check_starting(worker, now_us);
            break;
        case Worker::State::ready: {
            note_use(worker, now_us);
            const WorkerFault fault = worker.channel->fault.load(std::memory_order_relaxed);
            if (fault != WorkerFault::none) {
                if (fault == WorkerFault::cpu_limit) entries_[worker.entry].history.over_cpu();
                ++(fault == WorkerFault::hung        ? totals_.hung
                   : fault == WorkerFault::spent     ? totals_.spent
                   : fault == WorkerFault::cpu_limit ? totals_.cpu_limit
                                                     : totals_.malformed);
                end(worker);
                collect_free(table, worker);
            } else if (!worker.proven && now_us - worker.started_us >= kEarlyEnd_us) {
                // Once: its being well says nothing about those that are started after it.
                worker.proven = true;
                forgive(worker.entry);
            }
            break;
        }
        case Worker::State::ending:
            if (worker.end_wanted && !worker.kill_sent && !worker.exited) send_kill(worker);
            collect_free(table, worker);
            break;
    }
}

void WorkerPool::become_ready(Worker& worker, std::uint64_t now_us) {
    Entry& entry = entries_[worker.entry];
    const VersionSpec& spec = entry.spec;
    const std::uint64_t took_us = now_us - worker.started_us;
    entry.start_us = entry.start_us == 0 ? took_us : (3 * entry.start_us + took_us) / 4;
    worker.phases.total_us = static_cast<std::uint32_t>(took_us);
    // A native worker may say so before the warden's news of it is read.
    if (worker.spawned_us != 0) {
        worker.phases.init_us = static_cast<std::uint32_t>(now_us - worker.spawned_us);
        entry.history.started(worker.phases, way_of(worker));
    }
    claim_log(worker);
    worker.state = Worker::State::ready;
    quiet_since_us_ = now_us;
    worker.started_us = worker.used_us = worker.memory_watched_us = now_us;
    // Read once: what it says of itself later changes nothing.
    if (worker.memory && !spec.single_use &&
        worker.channel->header()->worker.takes_singly.load(SK_RELAXED) == 1)
        worker.channel->ahead_slots = worker.memory->ahead_slots;
    worker.used_mark = use_mark(worker);
    introduce(*shared_.capacity, worker);
    // At once: somebody waits for it, and for nothing else that this step does.
    kick_cores();
    if (limits_.logs != nullptr) limits_.logs->ready(worker.id, worker.phases.init_us);
    if (worker.is_copy) entry.snapshot.copies_failed = 0;
}

void WorkerPool::take_retired() {
    for (auto& [id, worker] : workers_) {
        if (worker->entry == kNoEntry) continue;
        CapacityEntry& table = shared_.capacity->entries[worker->entry];
        const std::uint64_t bits = table.take_retired();
        if (bits == 0) continue;
        for (auto& [other_id, other] : workers_)
            if (other->entry == worker->entry) other->owned |= bits & other->slots;
    }
}

void WorkerPool::remove_finished() {
    for (auto it = workers_.begin(); it != workers_.end();) {
        Worker& worker = *it->second;
        if (!worker.finished()) {
            ++it;
            continue;
        }
        if (worker.entry != kNoEntry) entries_[worker.entry].allotted &= ~worker.slots;
        index_used_[worker.index] = false;
        it = workers_.erase(it);
    }
}

void WorkerPool::trim(std::uint32_t entry) {
    end_idle(entry, now_us_, 0);
}

void WorkerPool::end_idle(std::uint32_t index, std::uint64_t now_us, std::uint64_t patience_us) {
    Entry& entry = entries_[index];
    std::uint32_t above = workers(index) - std::min(workers(index), entry.minimum);
    // The highest ids first: cores claim low slots first, so the oldest are the ones in use.
    for (auto it = workers_.rbegin(); it != workers_.rend() && above != 0; ++it) {
        Worker& worker = *it->second;
        if (worker.entry != index || worker.state != Worker::State::ready) continue;
        if (patience_us != 0 && now_us - worker.used_us < patience_us) continue;
        if (!take_if_idle(*shared_.capacity, worker)) continue;
        ++totals_.idle_ended;
        end(worker);
        --above;
    }
}

void WorkerPool::end(Worker& worker) {
    worker.state = Worker::State::ending;
    worker.end_wanted = true;
    send_kill(worker);
}

void WorkerPool::send_kill(Worker& worker) {
    const Status sent = warden_.kill(worker.id);
    worker.kill_sent = static_cast<bool>(sent);
    // EAGAIN: the warden is busy; the next step tries again.
    if (!sent && sent.error().code != EAGAIN) warden_gone_ = true;
}

void WorkerPool::kick_cores() {
    kick_ = false;
    const std::uint64_t one = 1;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        if (shared_.kick_fd[core] >= 0 && ::write(shared_.kick_fd[core], &one, sizeof one) < 0)
            continue;  // its counter is full: it has been told
}

}  // namespace skerry::placement
