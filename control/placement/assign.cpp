// How one that stands by becomes a worker of a function version.
#include <algorithm>

#include "control/placement/worker_pool.hpp"
#include "sandbox/warden/told.hpp"

namespace skerry::placement {
namespace {

// Whether a channel made for the one serves the other.
bool same_channel(const VersionSpec& one, const VersionSpec& other) {
    return one.concurrency == other.concurrency && one.payload_bytes_max == other.payload_bytes_max;
}

// All of its environment, as one text.
std::string environment_of(const VersionSpec& spec, const std::string& server_name) {
    std::string all;
    for (const std::string& variable : warden::make_environment({.kind = spec.kind,
                                       .function = spec.function,
                                       .version_hex = spec.version_hex,
                                       .handler = spec.handler,
                                       .server_name = server_name,
                                       .environment = spec.environment,
                                       .memory_mib = spec.memory_mib}))
        all.append(variable).push_back('\0');
    return all;
}

}  // namespace

Status WorkerPool::order_assignment(const Entry& entry, Worker& worker) {
    const VersionSpec& spec = entry.spec;
    warden::AssignRequest request{.worker_id = worker.id,
                                  .runtime = spec.kind,
                                  .artifact_dir = spec.artifact_dir,
                                  .memory_mib = spec.memory_mib,
                                  .tmp_mib = spec.tmp_mib,
                                  .cpu_percent = spec.cpu_percent,
                                  .cpu_weight = spec.cpu_weight,
                                  .pids_max = spec.pids_max};
    if (!runtime::can_be_copied(spec.kind)) {
        if (const Status given = worker.api->give_area(spec.payload_bytes_max); !given)
            return given;
        worker.api->describe(*worker.channel);
        return warden_.assign(request);
    }
    if (!worker.memory || !same_channel(spec, VersionSpec{})) {
        worker.memory.reset();
        if (const Status made = make_memory(spec, worker); !made) return made;
    }
    request.start = warden::Start::copy;
    if (worker.memory) {
        request.core_count = shared_.server.core_count;
        request.fds = {worker.memory->memfd.get(), worker.doorbells.get(),
                       worker.memory->wake.get(), worker.memory->ready.get()};
        for (const UniqueFd& done : worker.memory->done) request.fds.push_back(done.get());
    }
    request.fds.push_back(entry.snapshot.memfd.get());
    return warden_.assign(request);
}

bool WorkerPool::assign(Worker& worker, std::uint32_t index, std::uint64_t now_us) {
    Entry& entry = entries_[index];
    const VersionSpec& spec = entry.spec;
    const bool blank = runtime::can_be_copied(spec.kind);
    if (const Status ordered = order_assignment(entry, worker); !ordered) {
        warden_busy_ = ordered.error().code == EAGAIN;
        if (!warden_busy_) standby_failed(spec.kind, ordered.error().text, now_us);
        worker.memory.reset();  // of which it has not heard
        if (blank) worker.api.reset();
        return false;
    }
    worker.entry = index;
    worker.state = Worker::State::starting;
    worker.started_us = quiet_since_us_ = now_us;
    worker.spawned_us = 0;
    worker.phases = {};
    worker.slots = worker.owned = new_slots(entry);
    entry.allotted |= worker.slots;
    worker.is_copy = blank;
    introduce_channel(worker, spec);
    if (blank && worker.api)
        worker.api->listen(std::move(worker.listener), arn_of(spec), *worker.channel);
    worker.doorbells.reset();
    ++totals_.started;
    evictions_.started(index, now_us);
    ++totals_.stood_by;
    totals_.copies += worker.is_copy;
    return true;
}

// Of one that stood by: what it says is its function's from now on. Not before the warden has been
// told, which somebody waits for; a pipe keeps what is said meanwhile.
void WorkerPool::claim_log(Worker& worker) {
    if (!worker.output || limits_.logs == nullptr) return;
    collect_log(entries_[worker.entry].spec, worker, std::move(worker.output));
    limits_.logs->spawned(worker.id, worker.pid);
}

// Nothing that goes wrong here is the function's fault: it starts without.
void WorkerPool::on_assigned(Worker& worker, const warden::Event& event) {
    const bool ready = worker.state == Worker::State::ready;  // it was faster than this news of it
    if (worker.state != Worker::State::starting && !(ready && worker.is_copy)) return;
    std::string why = event.error_code != 0 ? event.text : std::string();
    claim_log(worker);
    if (why.empty() && !worker.is_copy && !worker.api->stands_by()) why = "it has hung up";
    if (!why.empty() && !ready) {
        standby_failed(worker.kind, why, now_us_);
        worker.owned = worker.slots;  // nobody has ever heard of them
        return end(worker);
    }
    const VersionSpec& spec = entries_[worker.entry].spec;
    worker.spawned_us = now_us_;
    worker.phases.queue_us = event.queue_us;
    worker.phases.mounts_us = event.phases.mounts_us;
    if (!worker.is_copy)
        return worker.api->assign(environment_of(spec, limits_.server_name), arn_of(spec),
                                  *worker.channel);
    if (ready) entries_[worker.entry].history.started(worker.phases, way_of(worker));
}

}  // namespace skerry::placement
