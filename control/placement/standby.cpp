// How the pool keeps workers that stand by, and makes them workers of a function version.
#include "control/placement/standby.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>

#include "control/placement/worker_pool.hpp"
#include "sandbox/warden/told.hpp"

namespace skerry::placement {
namespace {

// One that is waited for most is made first.
constexpr runtime::Kind kKinds[] = {runtime::Kind::native, runtime::Kind::python3,
                                    runtime::Kind::nodejs};
// None is made before it has been so long that a worker was ordered or became ready: whoever waits
// for that one has the CPUs.
constexpr std::uint64_t kQuiet_us = 5'000;
// How often it is looked whether the images are still those that they were made of.
constexpr std::uint64_t kImagePeriod_us = 100'000;
constexpr std::uint64_t kShortestPause_us = 1'000'000;
constexpr std::uint64_t kLongestPause_us = 300'000'000;
// Of what one said that never got a function, and so has no log.
constexpr std::size_t kLastWordsBytes = 300;

// Which folder an image is: it is replaced as a whole.
std::pair<dev_t, ino_t> identity_of(const std::string& runtimes_dir, runtime::Kind kind) {
    struct stat found {};
    const std::string image = runtimes_dir + "/" + std::string(runtime::kind_name(kind));
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

}  // namespace

bool can_use_standby(const VersionSpec& spec) {
    if (!spec.egress.empty()) return false;  // comes with the jail, before anything runs in it
    if (runtime::can_be_copied(spec.kind)) return spec.templates;
    // Its memory limit may only grow: pages that are in use can't be taken away at once.
    return runtime::can_stand_by(spec.kind) && spec.memory_mib >= kStandbyMemoryMib &&
           warden::can_come_later(spec.environment);
}

std::uint32_t WorkerPool::standbys() const {
    return static_cast<std::uint32_t>(std::count_if(
        workers_.begin(), workers_.end(),
        [](const auto& pair) { return pair.second->state == Worker::State::standby; }));
}

std::uint32_t WorkerPool::standbys(runtime::Kind kind) const {
    return static_cast<std::uint32_t>(
        std::count_if(workers_.begin(), workers_.end(), [kind](const auto& pair) {
            return pair.second->state == Worker::State::standby && pair.second->kind == kind;
        }));
}

std::uint32_t WorkerPool::ready_standbys(runtime::Kind kind) const {
    return static_cast<std::uint32_t>(std::count_if(
        workers_.begin(), workers_.end(),
        [kind](const auto& pair) { return pair.second->kind == kind && pair.second->waits(); }));
}

// A blank is of use when there is a template.
bool WorkerPool::wants_standbys(runtime::Kind kind) const {
    return std::any_of(used_.begin(), used_.end(), [&](std::uint32_t i) {
        const Entry& entry = entries_[i];
        return !entry.closing && entry.spec.kind == kind && can_use_standby(entry.spec) &&
               (!runtime::can_be_copied(kind) || entry.snapshot.state == Template::State::ready);
    });
}

bool WorkerPool::nobody_waits() const {
    return starting() == 0 && std::all_of(used_.begin(), used_.end(), [this](std::uint32_t i) {
               return shared_.capacity->entries[i].wanted.load(SK_RELAXED) == 0;
           });
}

// When nobody waits for a worker, one at a time, and never in the last place that is free. Returns
// when it wants to look again.
std::uint64_t WorkerPool::keep_standbys(std::uint64_t now_us) {
    constexpr std::uint64_t kNever = ~std::uint64_t{0};
    check_images(now_us);
    for (const runtime::Kind kind : kKinds)
        while (!wants_standbys(kind) && end_one_standby(kind)) continue;
    const auto share = static_cast<std::uint32_t>(index_used_.size()) / kStandbyShare;
    const auto wanted = std::find_if(std::begin(kKinds), std::end(kKinds), [&](runtime::Kind kind) {
        return standbys(kind) < limits_.standby.of(kind) && wants_standbys(kind) &&
               now_us >= standbys_[static_cast<std::size_t>(kind)].not_before_us;
    });
    if (wanted == std::end(kKinds) || standbys() >= share || warden_gone_ || warden_busy_)
        return kNever;
    for (const auto& [id, worker] : workers_)
        if (worker->state == Worker::State::standby && !worker->waits()) return kNever;
    if (!nobody_waits() || std::count(index_used_.begin(), index_used_.end(), false) < 2)
        return kNever;
    if (now_us < quiet_since_us_ + kQuiet_us) return quiet_since_us_ + kQuiet_us;
    if (const Status ordered = start_standby(*wanted, now_us); !ordered && !warden_busy_)
        standby_failed(*wanted, ordered.error().text, now_us);
    return kNever;  // its news wakes this thread
}

Status WorkerPool::start_standby(runtime::Kind kind, std::uint64_t now_us) {
    const bool blank = runtime::can_be_copied(kind);
    const auto place = std::find(index_used_.begin(), index_used_.end(), false);
    auto worker = std::make_unique<Worker>();
    worker->id = next_id_++;
    worker->index = static_cast<std::uint32_t>(place - index_used_.begin());
    worker->entry = kNoEntry;
    worker->kind = kind;
    worker->state = Worker::State::standby;
    worker->started_us = now_us;
    worker->stood_by = true;
    worker->image = identity_of(limits_.runtimes_dir, kind);
    if (!blank) worker->api = ApiWorker::create_standby();
    worker->channel = std::make_unique<Channel>();
    auto pipe = open_log(*worker);
    if (!pipe) return pipe.error();
    if (!runtime::speaks_runtime_api(kind)) {
        if (const Status made = make_memory(VersionSpec{}, *worker); !made) return made;
        auto again = doorbells_.open_again();
        if (!again) return again.error();
        worker->doorbells = std::move(*again);
    }
    const Status sent =
        warden_.spawn({.worker_id = worker->id,
                       .runtime = kind,
                       .host_uid = limits_.first_uid + worker->index,
                       .memory_mib = kStandbyMemoryMib,
                       .tmp_mib = kStandbyTmpMib,
                       .cpu_weight = blank ? kStandbyCpuWeight : kStartingCpuWeight,
                       .pids_max = kStandbyPidsMax,
                       .log_fd = pipe->write.get(),
                       .start = blank ? warden::Start::blank : warden::Start::standby});
    warden_busy_ = !sent && sent.error().code == EAGAIN;
    if (!sent) return sent;
    worker->output = std::move(pipe->read);
    *place = true;
    workers_.emplace(worker->id, std::move(worker));
    return ok();
}

void WorkerPool::check_standby(Worker& worker, std::uint64_t now_us) {
    if (worker.api) {
        const bool stood_by = worker.waits();
        (void)worker.api->step();
        if (!stood_by && worker.waits()) standbys_[static_cast<std::size_t>(worker.kind)] = {};
    }
    if (worker.waits() || now_us - worker.started_us <= limits_.start_timeout_us) return;
    standby_failed(worker.kind, "it did not start in time" + last_words(worker.output.get()),
                   now_us);
    end(worker);
}

void WorkerPool::standby_ended(Worker& worker, const warden::Event& event, std::uint64_t now_us) {
    if (worker.state != Worker::State::standby) return;  // it was told to end
    worker.state = Worker::State::ending;
    const std::string why = event.kind == warden::MessageKind::failed
                                ? event.text
                                : why_ended(event, kStandbyMemoryMib);
    standby_failed(worker.kind, why + last_words(worker.output.get()), now_us);
}

void WorkerPool::standby_failed(runtime::Kind kind, const std::string& why, std::uint64_t now_us) {
    Standbys& standbys = standbys_[static_cast<std::size_t>(kind)];
    const std::uint64_t pause_us =
        std::min(kLongestPause_us, kShortestPause_us << std::min(standbys.failures, 20u));
    ++standbys.failures;
    standbys.not_before_us = now_us + pause_us;
    spdlog::warn(
        "no worker stands by for {}: {}; functions start without, the next is tried in {} s",
        runtime::kind_name(kind), why, pause_us / 1'000'000);
}

// To make room for a worker that is needed now.
bool WorkerPool::end_one_standby() {
    return std::any_of(std::rbegin(kKinds), std::rend(kKinds),
                       [this](runtime::Kind kind) { return end_one_standby(kind); });
}

bool WorkerPool::end_one_standby(runtime::Kind kind) {
    for (auto& [id, worker] : workers_) {
        if (worker->state != Worker::State::standby || worker->kind != kind) continue;
        end(*worker);
        return true;
    }
    return false;
}

// The image may have been replaced: who stands by with the old one ends.
void WorkerPool::check_images(std::uint64_t now_us) {
    if (now_us - images_checked_us_ < kImagePeriod_us || standbys() == 0) return;
    images_checked_us_ = now_us;
    for (const runtime::Kind kind : kKinds) {
        if (standbys(kind) == 0) continue;
        const auto image = identity_of(limits_.runtimes_dir, kind);
        for (auto& [id, worker] : workers_)
            if (worker->state == Worker::State::standby && worker->kind == kind &&
                worker->image != image)
                end(*worker);
    }
}

// The oldest that is ready. Not while they fail: then what is left of them may be no better.
Worker* WorkerPool::standby_for(const Entry& entry, std::uint64_t now_us) {
    const runtime::Kind kind = entry.spec.kind;
    if (!can_use_standby(entry.spec) ||
        now_us < standbys_[static_cast<std::size_t>(kind)].not_before_us)
        return nullptr;
    if (runtime::can_be_copied(kind) && entry.snapshot.state != Template::State::ready)
        return nullptr;
    for (auto& [id, worker] : workers_)
        if (worker->kind == kind && worker->waits()) return worker.get();
    return nullptr;
}

}  // namespace skerry::placement
