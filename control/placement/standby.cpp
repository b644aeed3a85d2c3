// How the pool keeps workers that stand by, and makes them workers of a function version.
#include "control/placement/standby.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>

#include "control/placement/worker_pool.hpp"
#include "sandbox/warden/told.hpp"

namespace skerry::placement {
namespace {

constexpr runtime::Kind kKind = runtime::Kind::nodejs;
constexpr std::uint64_t kShortestPause_us = 1'000'000;
constexpr std::uint64_t kLongestPause_us = 300'000'000;
// Of what one said that never got a function, and so has no log.
constexpr std::size_t kLastWordsBytes = 300;

// Which folder an image is: it is replaced as a whole.
std::pair<dev_t, ino_t> identity_of(const std::string& runtimes_dir) {
    struct stat found {};
    const std::string image = runtimes_dir + "/" + std::string(runtime::kind_name(kKind));
    if (::stat(image.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino};
}

std::string last_words(int output_fd) {
    char text[kLastWordsBytes];
    pollfd waiting{output_fd, POLLIN, 0};
    if (output_fd < 0 || ::poll(&waiting, 1, 0) != 1 || (waiting.revents & POLLIN) == 0) return "";
    const ssize_t got = ::read(output_fd, text, sizeof text);
    std::string said(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    std::replace_if(
        said.begin(), said.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return said.empty() ? said : ": " + said;
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

// Its memory limit may only grow: pages that are in use can't be taken away at once.
bool can_use_standby(const VersionSpec& spec) {
    // A network comes with the jail, before anything runs in it.
    return spec.kind == kKind && spec.egress.empty() && spec.memory_mib >= kStandbyMemoryMib &&
           warden::can_come_later(spec.environment);
}

std::uint32_t WorkerPool::standbys() const {
    return static_cast<std::uint32_t>(std::count_if(
        workers_.begin(), workers_.end(),
        [](const auto& pair) { return pair.second->state == Worker::State::standby; }));
}

std::uint32_t WorkerPool::ready_standbys() const {
    return static_cast<std::uint32_t>(
        std::count_if(workers_.begin(), workers_.end(), [](const auto& pair) {
            return pair.second->state == Worker::State::standby && pair.second->api->stands_by();
        }));
}

bool WorkerPool::wants_standbys() const {
    return std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
        return entry.used && !entry.closing && can_use_standby(entry.spec);
    });
}

// When nobody waits for a worker, one at a time, and never in the last place that is free.
bool WorkerPool::may_make_standby(std::uint64_t now_us) const {
    if (warden_gone_ || warden_busy_ || now_us < standbys_.not_before_us || starting() != 0)
        return false;
    for (std::uint32_t i = 0; i < entries_.size(); ++i)
        if (entries_[i].used && shared_.capacity->entries[i].wanted.load(SK_RELAXED) != 0)
            return false;
    for (const auto& [id, worker] : workers_)
        if (worker->state == Worker::State::standby && !worker->api->stands_by()) return false;
    return std::count(index_used_.begin(), index_used_.end(), false) >= 2;
}

void WorkerPool::keep_standbys(std::uint64_t now_us) {
    if (limits_.standby_nodejs == 0) return;
    if (!wants_standbys()) {
        while (end_one_standby()) continue;
        return;
    }
    const auto share = static_cast<std::uint32_t>(index_used_.size()) / kStandbyShare;
    if (standbys() >= std::min(limits_.standby_nodejs, share) || !may_make_standby(now_us)) return;
    const auto place = std::find(index_used_.begin(), index_used_.end(), false);
    const Status ordered =
        start_standby(static_cast<std::size_t>(place - index_used_.begin()), now_us);
    if (!ordered && !warden_busy_) standby_failed(ordered.error().text, now_us);
}

Status WorkerPool::start_standby(std::size_t place, std::uint64_t now_us) {
    auto worker = std::make_unique<Worker>();
    worker->id = next_id_++;
    worker->index = static_cast<std::uint32_t>(place);
    worker->entry = kNoEntry;
    worker->state = Worker::State::standby;
    worker->started_us = now_us;
    worker->stood_by = true;
    worker->image = identity_of(limits_.runtimes_dir);
    worker->api = ApiWorker::create_standby();
    worker->channel = std::make_unique<Channel>();
    auto pipe = open_log(*worker);
    if (!pipe) return pipe.error();
    const Status sent = warden_.spawn({.worker_id = worker->id,
                                       .runtime = kKind,
                                       .host_uid = limits_.first_uid + worker->index,
                                       .memory_mib = kStandbyMemoryMib,
                                       .tmp_mib = kStandbyTmpMib,
                                       .cpu_weight = kStandbyCpuWeight,
                                       .pids_max = kStandbyPidsMax,
                                       .log_fd = pipe->write.get(),
                                       .start = warden::Start::standby});
    warden_busy_ = !sent && sent.error().code == EAGAIN;
    if (!sent) return sent;
    worker->output = std::move(pipe->read);
    index_used_[place] = true;
    workers_.emplace(worker->id, std::move(worker));
    return ok();
}

void WorkerPool::check_standby(Worker& worker, std::uint64_t now_us) {
    const bool stood_by = worker.api->stands_by();
    (void)worker.api->step();
    if (worker.api->stands_by()) {
        if (!stood_by) standbys_ = {};
        return;
    }
    if (now_us - worker.started_us <= limits_.start_timeout_us) return;
    standby_failed("it did not start in time" + last_words(worker.output.get()), now_us);
    end(worker);
}

void WorkerPool::standby_ended(Worker& worker, const warden::Event& event, std::uint64_t now_us) {
    if (worker.state != Worker::State::standby) return;  // it was told to end
    worker.state = Worker::State::ending;
    const std::string why = event.kind == warden::MessageKind::failed
                                ? event.text
                                : why_ended(event, kStandbyMemoryMib);
    standby_failed(why + last_words(worker.output.get()), now_us);
}

void WorkerPool::standby_failed(const std::string& why, std::uint64_t now_us) {
    const std::uint64_t pause_us =
        std::min(kLongestPause_us, kShortestPause_us << std::min(standbys_.failures, 20u));
    ++standbys_.failures;
    standbys_.not_before_us = now_us + pause_us;
    spdlog::warn(
        "no worker stands by for {}: {}; functions start afresh, the next is tried in {} s",
        runtime::kind_name(kKind), why, pause_us / 1'000'000);
}

// To make room for a worker that is needed now, or because none of them is.
bool WorkerPool::end_one_standby() {
    for (auto& [id, worker] : workers_) {
        if (worker->state != Worker::State::standby) continue;
        end(*worker);
        return true;
    }
    return false;
}

// The oldest that is ready, of the image that there is now. Not while they fail: then what is left
// of them may be no better.
Worker* WorkerPool::standby_for(const Entry& entry, std::uint64_t now_us) {
    if (!can_use_standby(entry.spec) || now_us < standbys_.not_before_us) return nullptr;
    Worker* found = nullptr;
    std::pair<dev_t, ino_t> image{};
    for (auto& [id, worker] : workers_) {
        if (worker->state != Worker::State::standby || !worker->api->stands_by()) continue;
        if (image.second == 0) image = identity_of(limits_.runtimes_dir);
        if (worker->image != image) {
            end(*worker);
        } else if (found == nullptr) {
            found = worker.get();
        }
    }
    return found;
}

bool WorkerPool::assign(Worker& worker, std::uint32_t index, std::uint64_t now_us) {
    Entry& entry = entries_[index];
    const VersionSpec& spec = entry.spec;
    Status done = worker.api->give_area(spec.payload_bytes_max);
    if (done)
        done = warden_.assign({.worker_id = worker.id,
                               .artifact_dir = spec.artifact_dir,
                               .memory_mib = spec.memory_mib,
                               .tmp_mib = spec.tmp_mib,
                               .cpu_percent = spec.cpu_percent,
                               .cpu_weight = spec.cpu_weight,
                               .pids_max = spec.pids_max});
    if (!done) {
        warden_busy_ = done.error().code == EAGAIN;
        if (!warden_busy_) standby_failed(done.error().text, now_us);
        return false;
    }
    worker.entry = index;
    worker.state = Worker::State::starting;
    worker.started_us = now_us;
    worker.spawned_us = 0;
    worker.phases = {};
    worker.slots = worker.owned = new_slots(entry);
    entry.allotted |= worker.slots;
    worker.api->describe(*worker.channel);
    introduce_channel(worker, spec);
    if (limits_.logs != nullptr) {
        collect_log(spec, worker, std::move(worker.output));
        limits_.logs->spawned(worker.id, worker.pid);
    }
    ++totals_.started;
    ++totals_.stood_by;
    return true;
}

// Nothing that goes wrong here is the function's fault: it starts afresh.
void WorkerPool::on_assigned(Worker& worker, const warden::Event& event) {
    if (worker.state != Worker::State::starting) return;
    std::string why = event.error_code != 0 ? event.text : std::string();
    if (why.empty() && !worker.api->stands_by()) why = "it has hung up";
    if (!why.empty()) {
        standby_failed(why, now_us_);
        worker.owned = worker.slots;  // nobody has ever heard of them
        return end(worker);
    }
    const VersionSpec& spec = entries_[worker.entry].spec;
    worker.spawned_us = now_us_;
    worker.phases.queue_us = event.queue_us;
    worker.phases.mounts_us = event.phases.mounts_us;
    worker.api->assign(environment_of(spec, limits_.server_name), arn_of(spec), *worker.channel);
}

}  // namespace skerry::placement
