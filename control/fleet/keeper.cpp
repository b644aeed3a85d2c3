// The thread that keeps the lease, and asks whether the watch has missed anything: a member of etcd
// that was cut off from the others may keep a watch open and say nothing.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>

#include "control/fleet/fleet.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::fleet {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{1000};  // and a third of the lease, if that is less
constexpr milliseconds kLookAgain{150};
constexpr int kLooks = 4;  // events that are on their way arrive meanwhile

}  // namespace

void Fleet::keep_main() {
    const milliseconds period = std::min(kLook, milliseconds(options_.lease_s * 1000 / 3));
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        const Status kept = keep_lease();
        note_confirmation(kept ? confirm() : kept);
        lock.lock();
        // As soon as there is a watch that nobody has looked at yet.
        woken_.wait_for(lock, period, [this] { return stopping_ || (watching_ && !confirmed_); });
        if (watching_ && !confirmed_ && !stopping_)
            woken_.wait_for(lock, kLookAgain, [this] { return stopping_; });
    }
    const std::uint64_t lease = confirmed_ ? lease_ : 0;
    lock.unlock();
    keeper_.resume();
    // The others see at once that it has left.
    if (lease != 0) (void)keeper_.revoke(lease);
}

Status Fleet::keep_lease() {
    std::uint64_t lease = 0;
    {
        const std::lock_guard lock(mutex_);
        lease = lease_;
    }
    if (lease != 0) {
        const auto kept = keeper_.keep_alive(lease);
        if (!kept) return kept.error();
        if (kept->ttl_s != 0) return ok();
        const std::lock_guard lock(mutex_);
        lease_ = 0;  // expired while etcd was away
    }
    const auto granted = keeper_.grant(options_.lease_s);
    if (!granted) return granted.error();
    if (granted->id == 0) return Error{EBADMSG, "etcd has granted no lease"};
    etcd::Transaction transaction;
    transaction.operations.push_back(
        {mirror_.member_key(options_.self.name), render(options_.self), false, granted->id});
    if (const auto put = keeper_.commit(transaction); !put) return put.error();
    const std::lock_guard lock(mutex_);
    lease_ = granted->id;
    return ok();
}

// Asks the cluster, not one member of it, and compares with what the watch has told.
Status Fleet::confirm() {
    for (int look = 0; look < kLooks; ++look) {
        const auto newest = keeper_.range(
            {.keys = mirror_.keys(), .limit = 1, .newest_first = true, .keys_only = true});
        if (!newest) return newest.error();
        const std::uint64_t revision =
            newest->found.empty() ? 0 : newest->found.front().mod_revision;
        {
            const std::lock_guard lock(mutex_);
            if (!watching_) return Error{EAGAIN, "there is no watch"};
            if (mirror_.agrees(newest->count, revision)) return ok();
        }
        pause(kLookAgain);
    }
    spdlog::warn("fleet: the watch has missed something; beginning again");
    watcher_.cancel();
    return Error{ESTALE, "a watch has missed something"};
}

void Fleet::note_confirmation(const Status& confirmed) {
    const bool was_fresh = fresh();
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        confirmed_ = confirmed && watching_;
        resumable_ |= confirmed_;
        if (confirmed_)
            error_.clear();
        else if (!confirmed && watching_)
            error_ = confirmed.error().text;
        woken_.notify_all();
    }
    tell_if_changed(was_fresh);
    std::uint64_t revision = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!confirmed || !is_fresh_locked()) return;
        revision = mirror_.revision();
    }
    write_seen(revision);
}

// 20 digits, so that it is written over in place. What a crash leaves of it is as good as nothing.
void Fleet::write_seen(std::uint64_t revision) const {
    char text[24];
    const int size = std::snprintf(text, sizeof text, "%020" PRIu64 "\n", revision);
    const UniqueFd file(open(options_.seen_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!file) return;
    if (pwrite(file.get(), text, static_cast<std::size_t>(size), 0) == size)
        futimens(file.get(), nullptr);
}

std::uint64_t Fleet::read_seen() const {
    char text[24] = "";
    std::uint64_t revision = 0;
    const UniqueFd file(open(options_.seen_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const ssize_t size = file ? read(file.get(), text, sizeof text) : 0;
    if (size != 21) return 0;
    const auto [end, error] = std::from_chars(text, text + 20, revision);
    return error == std::errc{} && end == text + 20 ? revision : 0;
}

// By the calendar: it is to be right after a restart, too.
double Fleet::seen_age_s() const {
    struct stat info {};
    timespec now{};
    if (stat(options_.seen_file.c_str(), &info) != 0) return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    const double age_s = static_cast<double>(now.tv_sec - info.st_mtim.tv_sec) +
                         static_cast<double>(now.tv_nsec - info.st_mtim.tv_nsec) / 1e9;
    return std::max(age_s, 0.0);
}

}  // namespace skerry::fleet
