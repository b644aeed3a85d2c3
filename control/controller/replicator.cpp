#include "control/controller/replicator.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "control/admin/query.hpp"

namespace skerry::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstRetry{250};
// A region that is down is asked at least this often: it is missed when it comes back.
constexpr std::chrono::milliseconds kLongestRetry{10'000};
// A deploy waits this long for a call that the replicator has under way.
constexpr std::chrono::milliseconds kUrgentPatience{5000};

std::string what(const admin::DeployRequest& request) {
    return request.digest +
           admin::settings_id(request.limits, request.policy, request.runtime, request.signature);
}

}  // namespace

Replicator::Replicator(RegionSync& sync, std::uint32_t region, admin::ManagementClient client)
    : sync_(sync), region_(region), client_(std::move(client)), thread_([this] { run(); }) {}

Replicator::~Replicator() {
    stop();
    thread_.join();
}

void Replicator::stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    woken_.notify_all();
    client_.cancel();
}

void Replicator::wake() {
    {
        const std::lock_guard lock(mutex_);
        due_ = true;
    }
    woken_.notify_all();
}

Status Replicator::push(const admin::DeployRequest& request, std::string_view archive) {
    const auto mine = urgent_turn();
    if (!mine)
        return Error{EBUSY, "it has not answered an earlier call yet; it gets this when it does"};
    return tell(request, archive);
}

Status Replicator::tell(const admin::DeployRequest& request, std::string_view archive) {
    const auto sent = sync_.on_pushing(region_, request, archive.size());
    const Status pushed = client_.push(request, archive, sent.get());
    if (pushed)
        sync_.on_pushed(region_, request);
    else
        sync_.on_push_failed(region_, request, pushed.error());
    return pushed;
}

Status Replicator::erase(const std::string& name) {
    const auto mine = urgent_turn();
    if (!mine)
        return Error{EBUSY, "it has not answered an earlier call yet; it is told when it does"};
    const Status erased = client_.erase(name);
    return !erased && erased.error().code == ENOENT ? ok() : erased;
}

std::unique_lock<std::timed_mutex> Replicator::urgent_turn() {
    urgent_.fetch_add(1);
    std::unique_lock mine(calls_, kUrgentPatience);
    urgent_.fetch_sub(1);
    return mine;
}

std::unique_lock<std::timed_mutex> Replicator::turn() {
    // A mutex is not fair: without this, a deploy could wait for all that a region lacks.
    while (urgent_.load() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return std::unique_lock(calls_);
}

void Replicator::run() {
    std::chrono::milliseconds retry = kFirstRetry;
    std::unique_lock lock(mutex_);
    while (!stop_) {
        woken_.wait(lock, [this] { return due_ || stop_; });
        if (stop_) return;
        due_ = false;
        lock.unlock();
        Time again = Time::max();
        const Done done = sync_once(again);
        lock.lock();
        if (done == Done::unreachable) {
            woken_.wait_for(lock, retry, [this] { return stop_; });
            retry = std::min(2 * retry, kLongestRetry);
        } else {
            retry = kFirstRetry;
            if (done == Done::later)
                woken_.wait_until(lock, again, [this] { return due_ || stop_; });
        }
        due_ = due_ || done != Done::all;
    }
}

// `again`: when it makes sense to look the next time, if not everything could be done.
Replicator::Done Replicator::sync_once(Time& again) {
    RegionWork work;
    {
        const auto mine = turn();
        const auto held = client_.versions();
        if (!held) return Done::unreachable;
        work = sync_.on_held(region_, *held);
    }
    const Status erased = erase_all(work.erase);
    if (!erased && erased.error().code != 0) return Done::unreachable;
    bool all = static_cast<bool>(erased);
    if (!all) again = Clock::now() + kLongestRetry;
    for (const admin::DeployRequest& request : work.push) {
        if (!pace_.due(request.name, what(request), Clock::now())) {
            again = std::min(again, pace_.next(request.name));
            all = false;
            continue;
        }
        Time next = Time::max();
        if (push_one(request, next)) continue;
        again = std::min(again, next);
        all = false;
    }
    return all ? Done::all : Done::later;
}

bool Replicator::push_one(const admin::DeployRequest& request, Time& again) {
    const auto bytes = sync_.archive(request.digest);
    if (!bytes) {
        // Repaired by whoever deploys the function again: look again then, though not often.
        again = pace_.sent(request.name, what(request), Clock::now());
        spdlog::error("region {}: {} can't be replicated: {}", region_, request.name,
                      bytes.error().text);
        return false;
    }
    const auto mine = turn();
    if (!sync_.wants(region_, request)) return true;
    const Status pushed = tell(request, *bytes);
    again = pace_.sent(request.name, what(request), Clock::now());
    if (pushed) return true;
    spdlog::warn("region {}: {} was not taken: {}", region_, request.name, pushed.error().text);
    return false;
}

Status Replicator::erase_all(const std::vector<std::string>& names) {
    std::set<std::string> erased;
    Status result = ok();
    for (const std::string& name : names) {
        const auto mine = turn();
        if (!sync_.buried(region_, name)) continue;
        const Status done = client_.erase(name);
        if (done || done.error().code == ENOENT) {
            erased.insert(name);
            continue;
        }
        spdlog::warn("region {}: {} was not deleted: {}", region_, name, done.error().text);
        result = done;
        break;
    }
    if (!erased.empty()) sync_.on_erased(region_, erased);
    return result;
}

}  // namespace skerry::control
