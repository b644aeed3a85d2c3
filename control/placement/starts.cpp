// How the pool starts a worker: a place for it, its channel, the order to the warden, and its
// initialisation.
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>

#include "control/placement/worker_pool.hpp"

namespace skerry::placement {
namespace {

constexpr std::uint64_t kShortestBackOff_us = 50'000;
constexpr std::uint64_t kLongestBackOff_us = 30'000'000;
// A worker is not taken from one function for another before it has been idle this long.
constexpr std::uint64_t kMinIdle_us = 500'000;

// Never read(2): the worker has the same open file, can make it a blocking one and empty it, and
// this thread would wait for a stranger.
bool is_rung(const UniqueFd& eventfd) {
    pollfd looked{eventfd.get(), POLLIN, 0};
    return ::poll(&looked, 1, 0) == 1 && (looked.revents & POLLIN) != 0;
}

// For requests that are handed over ahead. Each has the memory of a whole one, of which a function
// with large payloads is to have no eight.
std::uint32_t ahead_slots_of(const VersionSpec& spec) {
    constexpr std::uint32_t kAheadPayloadMax = 1u << 20;
    return spec.concurrency == 1 && spec.payload_bytes_max <= kAheadPayloadMax
               ? channel::kAheadSlots
               : 0;
}

}  // namespace

// More at once would only make each of them later: they need a CPU, most of the time.
std::uint32_t WorkerPool::starting() const {
    return static_cast<std::uint32_t>(std::count_if(
        workers_.begin(), workers_.end(),
        [](const auto& pair) { return pair.second->state == Worker::State::starting; }));
}

bool WorkerPool::may_start(std::uint32_t index, std::uint64_t now_us) const {
    const Entry& entry = entries_[index];
    // What its tenant has beyond its places was given back for another, and is not to be taken
    // again.
    const TenantRoom& room = rooms_[entry.spec.tenant];
    if (room.places != ~0u && workers_of(entry.spec.tenant) >= room.places &&
        std::any_of(used_.begin(), used_.end(), [&](std::uint32_t other) {
            return entries_[other].unplaced && entries_[other].spec.tenant != entry.spec.tenant;
        }))
        return false;
    return !warden_gone_ && !warden_busy_ && now_us >= entry.not_before_us &&
           (limits_.starts_max == 0 || starting() < limits_.starts_max) &&
           workers(index) < entry.spec.workers_max &&
           static_cast<std::uint32_t>(std::popcount(~entry.allotted)) >= entry.spec.concurrency;
}

// `wanted` is a level, not news: whatever can't be started now is still waited for at the next
// step.
void WorkerPool::serve_wanted(std::uint32_t index, std::uint64_t now_us) {
    const std::uint64_t concurrency = entries_[index].spec.concurrency;
    const std::uint64_t waiting = shared_.capacity->entries[index].wanted.load(SK_RELAXED);
    if (waiting == 0 || rooms_[entries_[index].spec.tenant].full) return;
    const std::uint64_t starting = workers(index) - ready(index);
    const std::uint64_t coming = free_slots(index) + starting * concurrency;
    if (waiting <= coming) return;
    const std::uint64_t needed = (waiting - coming + concurrency - 1) / concurrency;
    for (std::uint64_t i = 0; i < needed && may_start(index, now_us); ++i)
        if (!start(index, now_us)) return;
}

void WorkerPool::start_failed(std::uint32_t index, const std::string& why, std::uint64_t now_us) {
    Entry& entry = entries_[index];
    entry.failure = why;
    // Started together with one that failed before it: that is one failure, seen once more.
    if (entry.failures != 0 && now_us < entry.not_before_us) return;
    const std::uint32_t doublings = std::min(entry.failures, 10u);
    const std::uint64_t pause_us = std::min(kLongestBackOff_us, kShortestBackOff_us << doublings);
    ++entry.failures;
    entry.not_before_us = now_us + pause_us;
    spdlog::warn("{} {}: no worker, start {} in a row failed: {}; the next is tried in {} ms",
                 entry.spec.function, entry.spec.version_hex.substr(0, 12), entry.failures, why,
                 pause_us / 1000);
}

void WorkerPool::forgive(std::uint32_t entry) {
    entries_[entry].failures = 0;
    entries_[entry].not_before_us = 0;
    entries_[entry].failure.clear();
}

// Whether one more worker of the version is within the memory that there is. If not, room is made,
// or it is said that there never will be any.
bool WorkerPool::has_memory(std::uint32_t index, std::uint64_t now_us) {
    const std::uint64_t own_mib = entries_[index].spec.memory_mib;
    if (limits_.memory_mib == 0 || memory_mib() + own_mib <= limits_.memory_mib) return true;
    if (own_mib > limits_.memory_mib)
        start_failed(index,
                     "a worker has " + std::to_string(own_mib) +
                         " MiB, and all of this server's together workers.memory_mib = " +
                         std::to_string(limits_.memory_mib),
                     now_us);
    else
        make_room(index, true, now_us);
    return false;
}

std::uint32_t WorkerPool::workers_of(std::uint32_t tenant) const {
    return static_cast<std::uint32_t>(
        std::count_if(workers_.begin(), workers_.end(), [&](const auto& pair) {
            return pair.second->entry != kNoEntry && !pair.second->is_template &&
                   pair.second->state != Worker::State::ending &&
                   entries_[pair.second->entry].spec.tenant == tenant;
        }));
}

// A tenant's own places are not for others to take. What it has beyond them it gives back to who
// has less than his, also what would be kept warm: or many such functions would have the server.
bool WorkerPool::gives_way(std::uint32_t of_entry, std::uint32_t to_entry) const {
    const bool spare = workers(of_entry) > entries_[of_entry].minimum;
    const std::uint32_t of = entries_[of_entry].spec.tenant, to = entries_[to_entry].spec.tenant;
    if (of == to || rooms_[of].places == ~0u) return spare;
    if (workers_of(of) <= rooms_[of].places) return false;
    return spare || workers_of(to) < rooms_[to].places;
}

// All workers, or all their memory, are taken: the one that has been idle longest, and above its
// function's minimum, ends. Its place is free when its process has ended; until then no second one
// ends for it.
void WorkerPool::make_room(std::uint32_t for_entry, bool of_memory, std::uint64_t now_us) {
    entries_[for_entry].unplaced = true;
    const auto ending = std::count_if(workers_.begin(), workers_.end(), [](const auto& pair) {
        return pair.second->state == Worker::State::ending;
    });
    if (room_wanted_++ < static_cast<std::uint64_t>(ending)) return;
    if (!of_memory && end_one_standby()) return;
    std::vector<Worker*> idle;
    for (auto& [id, worker] : workers_)
        if (worker->state == Worker::State::ready && worker->entry != for_entry &&
            gives_way(worker->entry, for_entry) && now_us - worker->used_us >= kMinIdle_us)
            idle.push_back(worker.get());
    std::sort(idle.begin(), idle.end(),
              [](const Worker* a, const Worker* b) { return a->used_us < b->used_us; });
    for (Worker* worker : idle) {
        if (!take_if_idle(*shared_.capacity, *worker)) continue;  // one long request
        ++totals_.idle_ended;
        evictions_.evicted(worker->entry, now_us - worker->used_us, workers(worker->entry) == 1,
                           now_us);
        end(*worker);
        return;
    }
}

// Free bits of the entry's, one for each of a worker's slots.
std::uint64_t WorkerPool::new_slots(const Entry& entry) const {
    std::uint64_t slots = 0;
    std::uint64_t left = ~entry.allotted;
    for (std::uint32_t i = 0; i < entry.spec.concurrency; ++i, left &= left - 1)
        slots |= left & (~left + 1);
    return slots;
}

std::string WorkerPool::arn_of(const VersionSpec& spec) const {
    return "arn:aws:lambda:" + limits_.server_name + ":000000000000:function:" + spec.function +
           ":" + spec.version_hex.substr(0, 16);
}

// What cores know it by.
void WorkerPool::introduce_channel(Worker& worker, const VersionSpec& spec) {
    worker.channel->index = worker.index;
    worker.channel->entry = worker.entry;
    worker.channel->generation = ++generation_;
    worker.channel->single_use = spec.single_use;
    worker.channel->cpu_limit_us = spec.cpu_ms * 1000;
}

bool WorkerPool::start(std::uint32_t index, std::uint64_t now_us) {
    Entry& entry = entries_[index];
    if (!has_memory(index, now_us)) return false;
    if (Worker* standby = standby_for(entry, now_us); standby != nullptr)
        if (assign(*standby, index, now_us) || warden_busy_) return !warden_busy_;
    const auto place = std::find(index_used_.begin(), index_used_.end(), false);
    if (place == index_used_.end()) {
        make_room(index, false, now_us);  // for the next step: its process has to end first
        return false;
    }
    auto worker = std::make_unique<Worker>();
    worker->id = next_id_++;
    worker->index = static_cast<std::uint32_t>(place - index_used_.begin());
    worker->entry = index;
    worker->kind = entry.spec.kind;
    worker->started_us = now_us;
    worker->slots = worker->owned = new_slots(entry);
    if (const Status ordered = order(entry, *worker); !ordered) {
        if (warden_busy_) return false;  // nothing was wrong with the function
        ++totals_.failed;
        start_failed(index, ordered.error().text, now_us);
        return false;
    }
    *place = true;
    entry.allotted |= worker->slots;
    ++totals_.started;
    evictions_.started(index, now_us);
    totals_.copies += worker->is_copy;
    quiet_since_us_ = now_us;
    workers_.emplace(worker->id, std::move(worker));
    return true;
}

// The slot's memory: shared with a native worker, skerryd's own with any other.
Status WorkerPool::make_memory(const VersionSpec& spec, Worker& worker) const {
    worker.channel = std::make_unique<Channel>();
    Channel& channel = *worker.channel;
    if (runtime::speaks_runtime_api(spec.kind)) {
        auto api = ApiWorker::create(spec.payload_bytes_max);
        if (!api) return api.error();
        worker.api = std::move(*api);
        worker.api->describe(channel);
        return ok();
    }
    // A client context comes on top of the largest argument.
    const std::uint32_t request_area_bytes = spec.payload_bytes_max + wire::kContextBytesMax;
    auto memory = channel::create_channel({.slots = spec.concurrency,
                                           .request_area_bytes = request_area_bytes,
                                           .response_area_bytes = spec.payload_bytes_max,
                                           .core_count = shared_.server.core_count,
                                           .spin_us = limits_.spin_us,
                                           .ahead_slots = ahead_slots_of(spec)});
    if (!memory) return memory.error();
    channel.base = memory->base;
    channel.slot_count = spec.concurrency;
    channel.slot_stride = memory->slot_stride;
    channel.request_area_bytes = request_area_bytes;
    channel.response_area_bytes = spec.payload_bytes_max;
    channel.wake_fd = memory->wake.get();
    for (std::size_t core = 0; core < memory->done.size(); ++core)
        channel.done_fd[core] = memory->done[core].get();
    worker.memory.emplace(std::move(*memory));
    return ok();
}

// Without a collector, as in some tests, nobody reads what the worker writes.
Result<logs::Pipe> WorkerPool::open_log(const Worker& worker) const {
    if (limits_.logs != nullptr) return logs::make_pipe(limits_.first_uid + worker.index);
    logs::Pipe nowhere;
    nowhere.write = UniqueFd(::open("/dev/null", O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!nowhere.write) return errno_error("open /dev/null");
    return nowhere;
}

void WorkerPool::collect_log(const VersionSpec& spec, const Worker& worker, UniqueFd output) {
    logs::WorkerLog log;
    log.function = spec.function;
    log.writer = {.version = spec.version_hex.substr(0, logs::kVersionDigits),
                  .worker = worker.id,
                  .log_kib = spec.log_kib,
                  .lambda_lines = runtime::speaks_runtime_api(spec.kind),
                  .memory_mib = spec.memory_mib};
    log.channel = worker.channel->index;
    log.generation = worker.channel->generation;
    if (worker.memory) {
        // To be mapped once more, by the collector's thread, for as long as it needs it.
        log.channel_memory = UniqueFd(::fcntl(worker.memory->memfd.get(), F_DUPFD_CLOEXEC, 0));
        log.slots = worker.channel->slot_count;
        log.ahead_slots = worker.memory->ahead_slots;
        log.slot_stride = worker.channel->slot_stride;
    }
    limits_.logs->add(std::move(log), std::move(output));
}

Status WorkerPool::order(const Entry& entry, Worker& worker) {
    const VersionSpec& spec = entry.spec;
    auto pipe = open_log(worker);
    if (!pipe) return pipe.error();
    warden::SpawnRequest request{.worker_id = worker.id,
                                 .runtime = spec.kind,
                                 .artifact_dir = spec.artifact_dir,
                                 .function = spec.function,
                                 .version_hex = spec.version_hex,
                                 .handler = spec.handler,
                                 .environment = spec.environment,
                                 .host_uid = limits_.first_uid + worker.index,
                                 .memory_mib = spec.memory_mib,
                                 .tmp_mib = spec.tmp_mib,
                                 .cpu_percent = spec.cpu_percent,
                                 .cpu_weight = spec.cpu_weight,
                                 .pids_max = spec.pids_max,
                                 .egress = spec.egress,
                                 .log_fd = pipe->write.get()};
    UniqueFd doorbells;  // until the order is sent
    if (const Status made = worker.is_template ? ok() : make_memory(spec, worker); !made)
        return made;
    if (worker.memory) {
        auto again = doorbells_.open_again();
        if (!again) return again.error();
        doorbells = std::move(*again);
        request.channel_fd = worker.memory->memfd.get();
        request.doorbells_fd = doorbells.get();
        request.wake_fd = worker.memory->wake.get();
        request.ready_fd = worker.memory->ready.get();
        for (const UniqueFd& done : worker.memory->done) request.done_fds.push_back(done.get());
    }
    introduce_channel(worker, spec);
    if (worker.is_template) {
        request.start = warden::Start::template_of;
        request.snapshot_fd = entry.snapshot.memfd.get();
    } else if (entry.snapshot.state == Template::State::ready) {
        worker.is_copy = true;
        request.start = warden::Start::copy;
        request.snapshot_fd = entry.snapshot.memfd.get();
    }
    const Status sent = warden_.spawn(request);
    if (sent && limits_.logs != nullptr) collect_log(spec, worker, std::move(pipe->read));
    // Its socket is full: the next step, at the latest when it has news, tries again.
    warden_busy_ = !sent && sent.error().code == EAGAIN;
    return sent;
}

void WorkerPool::on_spawned(Worker& worker, warden::Event& event) {
    worker.pid = event.pid;
    worker.group = event.text;
    if (worker.state == Worker::State::standby && worker.api)
        return worker.api->listen(std::move(event.listener));
    worker.spawned_us = now_us_;
    if (worker.state == Worker::State::standby) {
        worker.listener = std::move(event.listener);
        standbys_[static_cast<std::size_t>(worker.kind)] = {};
        return;
    }
    if (worker.entry == kNoEntry) return;  // told to end before that
    const std::uint32_t total_us = worker.phases.total_us;
    worker.phases = {.queue_us = event.queue_us,
                     .namespaces_us = event.phases.namespaces_us,
                     .mounts_us = event.phases.mounts_us,
                     .identity_us = event.phases.identity_us,
                     .exec_us = event.phases.exec_us,
                     .total_us = total_us};
    if (worker.state == Worker::State::ready)
        entries_[worker.entry].history.started(worker.phases, way_of(worker));
    if (!event.addresses.empty())
        spdlog::info("{}: worker {} (pid {}) has {} in egress network {}",
                     entries_[worker.entry].spec.function, worker.id, event.pid, event.addresses,
                     entries_[worker.entry].spec.egress);
    if (limits_.logs != nullptr) limits_.logs->spawned(worker.id, event.pid);
    if (!worker.api) return;
    const VersionSpec& spec = entries_[worker.entry].spec;
    worker.api->listen(std::move(event.listener), arn_of(spec), *worker.channel);
}

void WorkerPool::check_starting(Worker& worker, std::uint64_t now_us) {
    bool ready = false;
    if (worker.is_template) {
        if (now_us - worker.started_us <= limits_.start_timeout_us) return;
        refuse_template(worker.entry, "it did not initialise in time");
        return end(worker);
    }
    if (worker.api) {
        const ApiWorker::Progress progress = worker.api->step();
        if (progress == ApiWorker::Progress::failed)
            return give_up_start(worker, worker.api->failure(), now_us);
        ready = progress == ApiWorker::Progress::ready;
    } else {
        ready = is_rung(worker.memory->ready);
    }
    if (ready) return become_ready(worker, now_us);
    if (now_us - worker.started_us <= limits_.start_timeout_us) return;
    give_up_start(worker,
                  "the worker did not become ready within " +
                      std::to_string(limits_.start_timeout_us / 1000) + " ms",
                  now_us);
}

void WorkerPool::give_up_start(Worker& worker, const std::string& why, std::uint64_t now_us) {
    if (!copy_failed(worker, why)) start_failed(worker.entry, why, now_us);
    ++totals_.failed;
    worker.owned = worker.slots;  // nobody has ever heard of them
    end(worker);
}

}  // namespace skerry::placement
