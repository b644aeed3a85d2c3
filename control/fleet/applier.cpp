// The thread that brings this server to what the fleet has, one function after the other.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/fleet/fleet.hpp"

namespace skerry::fleet {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{500}, kLongestPause{30'000};

}  // namespace

void Fleet::apply_main() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        Clock::time_point wake = Clock::now() + kLongestPause;
        auto job = next_job(wake);
        if (!job) {
            lock.unlock();
            finish_joining();
            lock.lock();
            if (!stopping_) woken_.wait_until(lock, wake);
            continue;
        }
        lock.unlock();
        run(*job);
        lock.lock();
    }
}

// With the lock. `wake`: when there is one at the latest, if there is none now.
std::optional<Fleet::Job> Fleet::next_job(Clock::time_point& wake) {
    const auto now = Clock::now();
    const auto due = [&](const std::string& name, std::uint64_t revision) {
        const auto at = waiting_.find(name);
        if (at == waiting_.end() || at->second.revision != revision || at->second.until <= now)
            return true;
        wake = std::min(wake, at->second.until);
        return false;
    };
    if (watching_)
        for (const std::string& name : contributions_)
            if (due(name, 0)) return Job{name, true, {}};
    for (const auto& [name, wanted] : mirror_.functions()) {
        const auto handled = handled_.find(name);
        if (handled != handled_.end() && handled->second >= wanted.revision) {
            if (wanted.record) continue;
            // Deleted, and nothing older of it can be heard any more.
            mirror_.forget_deleted(name);
            handled_.erase(handled);
            return next_job(wake);
        }
        if (due(name, wanted.revision)) return Job{name, false, wanted};
    }
    return std::nullopt;
}

void Fleet::run(const Job& job) {
    const Record* record = job.wanted.record ? &*job.wanted.record : nullptr;
    const Status done = job.contribution
                            ? follower_.contribute(job.name)
                            : follower_.take_over(job.name, job.wanted.revision, record);
    const std::lock_guard lock(mutex_);
    if (done || (job.contribution && done.error().code == ESTALE)) {
        // Somebody else has contributed one of that name: that one is heard of.
        if (job.contribution)
            contributions_.erase(job.name);
        else
            ++counts_.taken_over;
        waiting_.erase(job.name);
        return;
    }
    Waiting& waiting = waiting_[job.name];
    const bool again = waiting.revision == job.wanted.revision && waiting.pause.count() != 0;
    waiting.pause = again ? std::min(2 * waiting.pause, kLongestPause) : kFirstPause;
    waiting.revision = job.wanted.revision;
    waiting.until = Clock::now() + waiting.pause;
    waiting.why = done.error().text;
    if (!again && !stopping_)
        spdlog::warn("fleet: {} is not as the fleet has it yet: {}", job.name, waiting.why);
}

void Fleet::finish_joining() {
    std::string id;
    {
        const std::lock_guard lock(mutex_);
        if (joined_ || !watching_ || !contributions_.empty() || mirror_.fleet_id().empty()) return;
        id = mirror_.fleet_id();
        if (known_id_ == id) {
            joined_ = true;
            woken_.notify_all();
        }
    }
    if (fresh()) return follower_.on_fleet_changed();
    {
        const std::lock_guard lock(mutex_);
        if (joined_) return;
    }
    if (const Status written = follower_.joined(id); !written) {
        spdlog::error("fleet: {}", written.error().text);
        return;
    }
    const bool was_fresh = fresh();
    {
        const std::lock_guard lock(mutex_);
        known_id_ = id;
        joined_ = true;
        woken_.notify_all();
    }
    spdlog::info("fleet: this server is a member of fleet {}", id);
    tell_if_changed(was_fresh);
}

}  // namespace skerry::fleet
