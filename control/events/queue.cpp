#include "control/events/queue.hpp"

#include <algorithm>

#include "sandbox/base/check.hpp"

namespace skerry::events {
namespace {

enum class End : std::uint8_t { done, failed, busy, no_function, not_taken };

End judge(ReplyStatus status) {
    switch (status) {
        case ReplyStatus::ok:
            return End::done;
        case ReplyStatus::function_error:
        case ReplyStatus::worker_died:
        case ReplyStatus::worker_hung:
        case ReplyStatus::worker_malformed:
        case ReplyStatus::answer_too_large:
        case ReplyStatus::cpu_limit:
            return End::failed;
        case ReplyStatus::no_such_function:
        case ReplyStatus::no_such_version:
            return End::no_function;
        case ReplyStatus::too_large:
        case ReplyStatus::bad_message:
        case ReplyStatus::unsupported_version:
        case ReplyStatus::too_many_hops:
            return End::not_taken;
        default:
            return End::busy;
    }
}

// `delay`, doubled `times`.
std::uint64_t doubled(std::uint64_t delay_ms, std::uint32_t times, std::uint64_t most_ms) {
    for (std::uint32_t i = 0; i < times && delay_ms < most_ms; ++i) delay_ms *= 2;
    return std::min(delay_ms, most_ms);
}

}  // namespace

void Queue::wait(const Event& event) {
    functions_[event.function_key].waiting.emplace(event.due_ms, event.id);
    ages_.emplace(event.accepted_ms, event.id);
}

void Queue::add(const Event& event) {
    const bool fresh = events_.emplace(event.id, event).second;
    SKERRY_CHECK(fresh);
    bytes_ += event.payload_bytes + kRecordBytes;
    wait(event);
}

bool Queue::others_wait(const OfFunction& function, std::uint64_t now_ms) const {
    return std::any_of(functions_.begin(), functions_.end(), [&](const auto& each) {
        return &each.second != &function && !each.second.waiting.empty() &&
               each.second.waiting.begin()->first <= now_ms;
    });
}

bool Queue::may_run(const OfFunction& function, bool others_wait) const {
    if (running_ >= settings_.concurrency) return false;
    return !others_wait || function.running < half();
}

std::optional<Event> Queue::start(std::uint64_t now_ms) {
    OfFunction* best = nullptr;
    for (auto& [key, function] : functions_) {
        if (function.waiting.empty() || function.waiting.begin()->first > now_ms) continue;
        if (best != nullptr && *best->waiting.begin() < *function.waiting.begin()) continue;
        // What others wait for is asked only where it decides.
        const bool many = function.running >= half();
        if (may_run(function, many && others_wait(function, now_ms))) best = &function;
    }
    if (best == nullptr) return std::nullopt;
    const std::int64_t id = best->waiting.begin()->second;
    best->waiting.erase(best->waiting.begin());
    const Event& event = events_.at(id);
    ages_.erase({event.accepted_ms, id});
    ++best->running;
    ++running_;
    ++counts_.attempts;
    return event;
}

// One that does not wait: it runs no more, or was taken out for its age.
void Queue::forget(const Event& event) {
    const auto function = functions_.find(event.function_key);
    if (function != functions_.end() && function->second.waiting.empty() &&
        function->second.running == 0)
        functions_.erase(function);
    bytes_ -= event.payload_bytes + kRecordBytes;
    events_.erase(event.id);
}

Event Queue::drop(std::int64_t id, Dropped why) {
    const Event event = events_.at(id);
    --functions_.at(event.function_key).running;
    --running_;
    ++counts_.dropped[static_cast<std::size_t>(why)];
    forget(event);
    return event;
}

Ended Queue::ended(std::int64_t id, ReplyStatus status, std::uint64_t now_ms) {
    Event& event = events_.at(id);
    OfFunction& function = functions_.at(event.function_key);
    const End end = judge(status);
    if (end == End::no_function)
        return {Ended::What::dropped, Dropped::no_function, drop(id, Dropped::no_function)};
    if (end == End::not_taken)
        return {Ended::What::dropped, Dropped::not_taken, drop(id, Dropped::not_taken)};
    if (end == End::failed) {
        ++counts_.failures;
        if (event.failures >= settings_.retries)
            return {Ended::What::dropped, Dropped::function_failed,
                    drop(id, Dropped::function_failed)};
    }
    --function.running;
    --running_;
    if (end == End::done) {
        ++counts_.executed;
        const Event done = event;
        forget(done);
        return {Ended::What::done, {}, done};
    }
    if (end == End::failed) {
        event.due_ms = now_ms + doubled(settings_.retry_delay_ms, event.failures, 86'400'000);
        ++event.failures;
        event.busy = 0;
    } else {
        ++counts_.busy;
        event.due_ms = now_ms + doubled(settings_.busy_delay_ms, event.busy, kBusyDelayMax_ms);
        ++event.busy;
    }
    wait(event);
    return {end == End::failed ? Ended::What::again_failed : Ended::What::again_busy, {}, event};
}

std::vector<Event> Queue::expire(std::uint64_t now_ms, std::size_t most) {
    std::vector<Event> old;
    while (!ages_.empty() && old.size() < most &&
           ages_.begin()->first + settings_.max_age_ms <= now_ms) {
        const Event event = events_.at(ages_.begin()->second);
        ages_.erase(ages_.begin());
        functions_.at(event.function_key).waiting.erase({event.due_ms, event.id});
        ++counts_.dropped[static_cast<std::size_t>(Dropped::too_old)];
        forget(event);
        old.push_back(event);
    }
    return old;
}

std::uint64_t Queue::next_due_ms() const {
    std::uint64_t next = ~std::uint64_t{0};
    if (!ages_.empty()) next = ages_.begin()->first + settings_.max_age_ms;
    if (running_ >= settings_.concurrency) return next;
    for (const auto& [key, function] : functions_)
        if (!function.waiting.empty()) next = std::min(next, function.waiting.begin()->first);
    return next;
}

}  // namespace skerry::events
