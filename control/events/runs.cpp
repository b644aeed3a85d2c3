// What is due goes to the cores, and how it ended comes back.
#include <rte_ring_elem.h>
#include <spdlog/spdlog.h>

#include "control/events/clock.hpp"
#include "control/events/service.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::events {
namespace {

constexpr std::size_t kExpiredPerTurn = 256;
constexpr std::uint32_t kLinesPerSecond = 10;  // about events that were dropped

}  // namespace

bool Service::take_results() {
    bool some = false;
    for (std::uint32_t core = 0; core < cores_; ++core) {
        EventResult result;
        while (rte_ring_sc_dequeue_elem(shared_.event_results[core], &result, sizeof result) == 0) {
            some = true;
            ended(result.slot, result.status);
        }
    }
    return some;
}

void Service::ended(std::uint32_t place, ReplyStatus status) {
    SKERRY_CHECK(place < running_.size() && running_[place].id != 0);
    Running& run = running_[place];
    const std::int64_t id = run.id;
    --of_core_[run.core];
    run = {};
    places_.push_back(place);
    const std::lock_guard lock(mutex_);
    const Ended end = queue_.ended(id, status, unix_ms());
    if (changes_.empty()) changes_since_ms_ = unix_ms();
    switch (end.what) {
        case Ended::What::done:
            gone(end.event);
            break;
        case Ended::What::dropped:
            dropped(end.event, end.why);
            break;
        case Ended::What::again_failed:
            changes_.insert_or_assign(id, Store::Change{Store::ChangeKind::failures, end.event});
            break;
        case Ended::What::again_busy:
            break;  // after a crash it is due at once
    }
}

void Service::gone(const Event& event) {
    if (changes_.empty()) changes_since_ms_ = unix_ms();
    changes_.insert_or_assign(event.id, Store::Change{Store::ChangeKind::gone, event});
}

void Service::dropped(const Event& event, Dropped why) {
    gone(event);
    const std::uint64_t now_ms = unix_ms();
    if (now_ms - logged_since_ms_ >= 1000) {
        if (not_logged_ != 0) spdlog::warn("{} more event(s) were dropped", not_logged_);
        logged_since_ms_ = now_ms;
        logged_ = not_logged_ = 0;
    }
    if (logged_ >= kLinesPerSecond) {
        ++not_logged_;
        return;
    }
    ++logged_;
    spdlog::warn(
        "event {:016x}{:016x} of function {:016x} dropped after {} failure(s), {} s old: {}",
        event.request_id_hi, event.request_id_lo, event.function_key, event.failures,
        (now_ms - std::min(now_ms, event.accepted_ms)) / 1000,
        kDroppedNames[static_cast<std::size_t>(why)]);
}

void Service::expire() {
    const std::lock_guard lock(mutex_);
    for (const Event& event : queue_.expire(unix_ms(), kExpiredPerTurn))
        dropped(event, Dropped::too_old);
}

void Service::start_due() {
    const std::uint64_t now_ms = unix_ms();
    while (!places_.empty() && next_core() < cores_) {
        std::optional<Event> event;
        {
            const std::lock_guard lock(mutex_);
            event = queue_.start(now_ms);
        }
        if (!event) return;
        give(*event);
    }
}

// The next in turn that may have one more; cores_: none.
std::uint32_t Service::next_core() {
    for (std::uint32_t i = 1; i <= cores_; ++i) {
        const std::uint32_t core = (last_core_ + i) % cores_;
        if (of_core_[core] < kEventsRunning) return core;
    }
    return cores_;
}

void Service::give(const Event& event) {
    auto payload = store_->payload(event);
    if (!payload) {
        note_error(payload.error());
        const std::lock_guard lock(mutex_);
        if (is_damage(payload.error()))
            dropped(queue_.drop(event.id, Dropped::malformed), Dropped::malformed);
        else  // later, perhaps
            (void)queue_.ended(event.id, ReplyStatus::overloaded, unix_ms());
        return;
    }
    const std::uint32_t core = next_core(), place = places_.back();
    places_.pop_back();
    last_core_ = core;
    ++of_core_[core];
    Running& run_of = running_[place];
    run_of = {event.id, core, std::move(*payload)};
    EventRun run{.payload = reinterpret_cast<const std::byte*>(run_of.payload.data()),
                 .payload_bytes = event.payload_bytes,
                 .slot = place,
                 .request_id_hi = event.request_id_hi,
                 .request_id_lo = event.request_id_lo,
                 .function_key = event.function_key,
                 .qualifier = event.qualifier,
                 .trace_id_hi = event.trace_id_hi,
                 .trace_id_lo = event.trace_id_lo,
                 .span_id = event.span_id,
                 .context_bytes = event.context_bytes};
    const int error = rte_ring_sp_enqueue_elem(shared_.event_runs[core], &run, sizeof run);
    SKERRY_CHECK(error == 0);  // it has room for all that may run
    kicks_ |= 1u << core;
}

}  // namespace skerry::events
