#include "control/controller/replicator.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

namespace skerry::control {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{250};
constexpr std::chrono::milliseconds kLongestRetry{10'000};

}  // namespace

Replicator::Replicator(RegionSync& sync, std::uint32_t region, admin::ManagementClient client)
    : sync_(sync), region_(region), client_(std::move(client)), thread_([this] { run(); }) {}

Replicator::~Replicator() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    woken_.notify_all();
    thread_.join();
}

void Replicator::wake() {
    {
        const std::lock_guard lock(mutex_);
        due_ = true;
    }
    woken_.notify_all();
}

void Replicator::run() {
    std::chrono::milliseconds retry = kFirstRetry;
    std::unique_lock lock(mutex_);
    while (!stop_) {
        woken_.wait(lock, [this] { return due_ || stop_; });
        if (stop_) return;
        due_ = false;
        lock.unlock();
        const bool done = sync_once();
        lock.lock();
        if (done) {
            retry = kFirstRetry;
            continue;
        }
        due_ = true;
        woken_.wait_for(lock, retry, [this] { return stop_; });
        retry = std::min(2 * retry, kLongestRetry);
    }
}

bool Replicator::sync_once() {
    const auto held = client_.versions();
    if (!held) return false;
    bool all = true;
    for (const admin::DeployRequest& missing : sync_.on_held(region_, *held)) {
        const auto bytes = sync_.archive(missing.digest);
        if (!bytes) {
            spdlog::error("region {}: {} can't be replicated: {}", region_, missing.name,
                          bytes.error().text);
            continue;
        }
        const Status pushed = client_.push(missing, *bytes);
        if (pushed) {
            sync_.on_pushed(region_, missing.digest);
        } else {
            spdlog::warn("region {}: {} was not taken: {}", region_, missing.name,
                         pushed.error().text);
            all = false;
        }
    }
    return all;
}

}  // namespace skerry::control
