#include "control/events/service.hpp"

#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "control/events/clock.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::events {
namespace {

constexpr std::uint64_t kLook_ms = 1000;  // however quiet it is

void ring(int fd) {
    const std::uint64_t one = 1;
    (void)!::write(fd, &one, sizeof one);  // full: it has been told
}

}  // namespace

std::string_view name_of(Safety safety) {
    return safety == Safety::memory ? "off" : safety == Safety::written ? "written" : "synced";
}

Result<std::unique_ptr<Service>> Service::start(Shared& shared, const Options& options) {
    // What the file needs beside what is counted: its pages are not full.
    const std::uint64_t file_bytes = options.settings.bytes + options.settings.bytes / 2;
    auto store = Store::open(options.folder, options.safety, file_bytes);
    if (!store) return store.error();
    const bool damaged = !(*store)->moved_to().empty();
    if (damaged)
        spdlog::error("the file of events was damaged: it is kept as {}, an empty one is begun",
                      (*store)->moved_to());
    std::unique_ptr<Service> made(new Service(shared, options, std::move(*store)));
    made->bell_ = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!made->bell_) return errno_error("eventfd of the events' queue");
    std::uint64_t malformed = 0;
    auto kept = made->store_->all(malformed);
    if (!kept) return kept.error();
    for (const Event& event : *kept) {
        made->queue_.add(event);
        made->last_id_ = std::max(made->last_id_, event.id);
    }
    made->queue_.counts().dropped[static_cast<std::size_t>(Dropped::malformed)] += malformed;
    made->queue_.counts().damaged_files = damaged ? 1 : 0;
    if (malformed != 0)
        spdlog::error("{} event(s) in the file were damaged, and dropped", malformed);
    if (!kept->empty()) spdlog::info("{} event(s) were kept from before", kept->size());
    made->thread_ = std::thread([service = made.get()] { service->main(); });
    return made;
}

Service::Service(Shared& shared, const Options& options, std::unique_ptr<Store> store)
    : shared_(shared),
      cores_(shared.server.core_count),
      options_(options),
      store_(std::move(store)),
      queue_(options.settings),
      running_(options.settings.concurrency),
      of_core_(cores_) {
    for (std::uint32_t place = options.settings.concurrency; place-- > 0;) places_.push_back(place);
}

Service::~Service() {
    stop_.store(true, std::memory_order_relaxed);
    if (!thread_.joinable()) return;
    ring(bell_.get());
    thread_.join();
}

void Service::pause(bool paused) {
    paused_.store(paused, std::memory_order_relaxed);
    ring(bell_.get());
}

void Service::main() {
    pthread_setname_np(pthread_self(), "events");
    while (!stop_.load(std::memory_order_relaxed))
        if (!turn()) wait();
    // The cores have ended: what they have brought since has nobody to tell.
    (void)take_results();
    if (!changes_.empty()) write_down();
    if (options_.safety != Safety::memory || queue_.size() == 0) return;
    queue_.counts().dropped[static_cast<std::size_t>(Dropped::lost)] += queue_.size();
    spdlog::warn("{} event(s) are lost with this process: [events] persist = \"off\"",
                 queue_.size());
}

// True: there may be more to do at once.
bool Service::turn() {
    take_submissions();
    const bool some = take_results();
    const std::uint64_t now_ms = unix_ms();
    const bool due = !changes_.empty() && (now_ms - changes_since_ms_ >= kWriteSoon_ms ||
                                           changes_.size() >= kChangesAtOnce);
    const bool wrote = !added_.empty();
    if (wrote || due) write_down();
    expire();
    if (!paused_.load(std::memory_order_relaxed)) start_due();
    kick_cores();
    return wrote || some;
}

void Service::wait() {
    const std::uint64_t now_ms = unix_ms();
    std::uint64_t until_ms = now_ms + kLook_ms;
    if (!changes_.empty()) until_ms = std::min(until_ms, changes_since_ms_ + kWriteSoon_ms);
    if (!paused_.load(std::memory_order_relaxed) && next_core() < cores_)
        until_ms = std::min(until_ms, queue_.next_due_ms());
    pollfd bell{bell_.get(), POLLIN, 0};
    const auto timeout_ms = static_cast<int>(until_ms > now_ms ? until_ms - now_ms : 0);
    if (::poll(&bell, 1, timeout_ms) != 1) return;
    std::uint64_t count = 0;
    (void)!::read(bell_.get(), &count, sizeof count);
}

void Service::kick_cores() {
    for (; kicks_ != 0; kicks_ &= kicks_ - 1) {
        const auto core = static_cast<std::uint32_t>(std::countr_zero(kicks_));
        if (shared_.kick_fd[core] >= 0) ring(shared_.kick_fd[core]);
    }
}

View Service::view() const {
    const std::lock_guard lock(mutex_);
    View view{.counts = queue_.counts(),
              .records = queue_.size(),
              .bytes = queue_.bytes(),
              .running = queue_.running(),
              .records_max = options_.settings.records,
              .bytes_max = options_.settings.bytes,
              .oldest_ms = queue_.oldest_ms(),
              .paused = paused_.load(std::memory_order_relaxed),
              .safety = std::string(name_of(options_.safety)),
              .last_error = last_error_,
              .functions = {}};
    for (const auto& [key, function] : queue_.functions())
        view.functions.push_back({key, function.waiting.size(), function.running});
    return view;
}

}  // namespace skerry::events
