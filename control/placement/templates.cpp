// How the pool makes templates, and what becomes of them.
#include "control/placement/template.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "control/placement/worker_pool.hpp"
#include "sandbox/template/layout.hpp"

namespace skerry::placement {
namespace {

// Why a process can't be copied, as it says with its exit code.
const char* reason_text(int reason) {
    switch (reason) {
#define SKERRY_REASON(number, name, text) \
    case number:                          \
        return text;
#include "sandbox/template/reasons.def"
#undef SKERRY_REASON
        default:
            return "for a reason that this server does not know";
    }
}

}  // namespace

Result<UniqueFd> new_snapshot() {
    UniqueFd memfd(::memfd_create("skerry-template", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memfd) return errno_error("memfd_create");
    return memfd;
}

Status seal_snapshot(Template& snapshot) {
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    if (::fcntl(snapshot.memfd.get(), F_ADD_SEALS, kSeals) != 0)
        return errno_error("seal a template");
    struct stat found;
    if (::fstat(snapshot.memfd.get(), &found) != 0) return errno_error("fstat a template");
    snapshot.bytes = static_cast<std::uint64_t>(found.st_blocks) * 512;
    const std::string path = "/proc/self/fd/" + std::to_string(snapshot.memfd.get());
    UniqueFd again(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!again) return errno_error("open a template again");
    snapshot.memfd = std::move(again);
    return ok();
}

std::string refusal_text(int exit_code, int signal) {
    if (signal != 0) return "it was ended by signal " + std::to_string(signal);
    if (exit_code > snapshot::kRefusedExit) return reason_text(exit_code - snapshot::kRefusedExit);
    return "it exited with code " + std::to_string(exit_code);
}

std::uint64_t WorkerPool::template_bytes() const {
    std::uint64_t total = 0;
    for (const std::uint32_t i : used_) total += entries_[i].snapshot.bytes;
    return total;
}

// One at a time, of a version that has shown with a worker that it starts: who waits for a request
// is never behind a template.
void WorkerPool::make_template(std::uint64_t now_us) {
    if (warden_gone_ || warden_busy_ || template_bytes() >= kTemplateBytesMax) return;
    for (const std::uint32_t i : used_)
        if (entries_[i].snapshot.state == Template::State::making) return;
    for (const std::uint32_t i : used_) {
        Entry& entry = entries_[i];
        if (entry.closing || !entry.spec.templates ||
            entry.snapshot.state != Template::State::none || !has_templates(entry.spec.kind) ||
            entry.failures != 0 || ready(i) == 0)
            continue;
        if (const Status ordered = start_template(i, now_us); !ordered) {
            if (warden_busy_) return;
            refuse_template(i, ordered.error().text);
        }
        return;
    }
}

Status WorkerPool::start_template(std::uint32_t index, std::uint64_t now_us) {
    Entry& entry = entries_[index];
    const auto place = std::find(index_used_.begin(), index_used_.end(), false);
    if (place == index_used_.end()) return ok();  // at a later step
    auto memfd = new_snapshot();
    if (!memfd) return memfd.error();
    auto worker = std::make_unique<Worker>();
    worker->id = next_id_++;
    worker->index = static_cast<std::uint32_t>(place - index_used_.begin());
    worker->entry = index;
    worker->kind = entry.spec.kind;
    worker->is_template = true;
    worker->started_us = now_us;
    worker->channel = std::make_unique<Channel>();
    entry.snapshot.memfd = std::move(*memfd);
    if (const Status ordered = order(entry, *worker); !ordered) {
        entry.snapshot.memfd.reset();
        return ordered;
    }
    entry.snapshot.state = Template::State::making;
    *place = true;
    workers_.emplace(worker->id, std::move(worker));
    return ok();
}

void WorkerPool::end_template(std::uint32_t index) {
    if (entries_[index].snapshot.state != Template::State::making) return;
    for (auto& [id, worker] : workers_)
        if (worker->is_template && worker->entry == index &&
            worker->state == Worker::State::starting)
            end(*worker);
}

void WorkerPool::template_ended(Worker& worker, const warden::Event& event) {
    Entry& entry = entries_[worker.entry];
    if (entry.snapshot.state != Template::State::making) return;  // given up, or the entry closes
    if (event.kind == warden::MessageKind::failed) return refuse_template(worker.entry, event.text);
    if (event.signal != 0 || event.exit_code != 0)
        return refuse_template(worker.entry, refusal_text(event.exit_code, event.signal));
    if (const Status sealed = seal_snapshot(entry.snapshot); !sealed)
        return refuse_template(worker.entry, sealed.error().text);
    entry.snapshot.state = Template::State::ready;
    ++totals_.templates;
    spdlog::info("{} {}: further workers are copies of a template of {} KiB", entry.spec.function,
                 entry.spec.version_hex.substr(0, 12), entry.snapshot.bytes >> 10);
}

void WorkerPool::refuse_template(std::uint32_t index, const std::string& why) {
    Entry& entry = entries_[index];
    entry.snapshot = {};
    entry.snapshot.state = Template::State::refused;
    entry.snapshot.why = why;
    spdlog::info("{} {}: its workers are not copied from a template: {}", entry.spec.function,
                 entry.spec.version_hex.substr(0, 12), why);
}

// It is the template that is doubted, and not the function: that starts afresh next time.
bool WorkerPool::copy_failed(const Worker& worker, const std::string& why) {
    Entry& entry = entries_[worker.entry];
    if (!worker.is_copy || entry.snapshot.state != Template::State::ready) return false;
    if (++entry.snapshot.copies_failed >= kCopiesFailedMax)
        refuse_template(worker.entry, "copies of it did not start: " + why);
    return true;
}

}  // namespace skerry::placement
