#include "sandbox/warden/nursery.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace skerry::warden {
namespace {

constexpr std::uint64_t kPause_us = 1'000'000;
// Attempts, a millisecond each, to remove the groups of workers when everything has ended: the
// kernel may still be busy with them.
constexpr int kRemoveAttempts = 3000;

}  // namespace

Result<jail::Embryo> Nursery::make() {
    return jail::prepare(filters_, groups_, "w" + std::to_string(next_group_++), own_cookies_);
}

// Starts seldom come alone, and those that are made together wait for their groups together.
Status Nursery::make_several() {
    do {
        auto embryo = make();
        if (embryo)
            ready_.push_back(std::move(*embryo));
        else
            return ready_.empty() ? Status(embryo.error()) : ok();
    } while (ready_.size() < wanted_);
    return ok();
}

Result<jail::Started> Nursery::start(const jail::Plan& plan, std::uint64_t since_us,
                                     std::string& group) {
    while (true) {
        const bool was_ready = !ready_.empty();
        if (Status status = was_ready ? ok() : make_several(); !status) return status.error();
        jail::Embryo embryo = std::move(ready_.front());
        ready_.pop_front();
        group = embryo.group();
        auto started = jail::start(plan, std::move(embryo), groups_, since_us);
        if (started) return started;
        discard(std::move(group));
        // One that has waited may have met its end before this; that says nothing about the plan.
        if (!was_ready || started.error().code != ECHILD) return started;
    }
}

bool Nursery::is_content() const {
    return ready_.size() >= wanted_ && discarded_.empty();
}

void Nursery::tend() {
    if (!discarded_.empty()) {
        std::erase_if(discarded_,
                      [this](const std::string& group) { return groups_.remove(group); });
        // What is still busy must not keep the others from being made.
        if (ready_.size() >= wanted_) return;
    }
    if (ready_.size() >= wanted_ || jail::monotonic_us() < not_before_us_) return;
    auto embryo = make();
    if (embryo)
        ready_.push_back(std::move(*embryo));
    else
        not_before_us_ = jail::monotonic_us() + kPause_us;
}

void Nursery::was_reaped(pid_t pid) {
    const auto found = std::find_if(ready_.begin(), ready_.end(),
                                    [pid](const jail::Embryo& each) { return each.pid() == pid; });
    if (found == ready_.end()) return;
    found->release();
    discard(found->group());
    ready_.erase(found);
    // It may have failed for a reason that the next one has, too.
    not_before_us_ = jail::monotonic_us() + kPause_us;
}

void Nursery::discard(std::string group) {
    if (!groups_.remove(group)) discarded_.push_back(std::move(group));
}

void Nursery::remove_groups() const {
    for (int i = 0; i < kRemoveAttempts && !groups_.remove_all(); ++i) ::usleep(1000);
}

}  // namespace skerry::warden
