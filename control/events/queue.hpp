// The queue of events: which one is next, and what becomes of one that ended. Knows no file, no
// thread and no clock; times are Unix time in ms. One thread.
//
// As AWS has it: an event that its function failed is tried again, `retries` times, after a delay
// that doubles; one that found no room (throttled, no worker, no region, a server that drains) as
// long as it is not older than `max_age_ms`, after a delay that doubles up to kBusyDelayMax_ms.
// What can never be executed (no such function, too large) is dropped at once. At least once: one
// whose outcome is not known is tried again.
//
// Order: by the time at which they are due, then in the order in which they came; no promise to the
// function beyond that. A function has at most half of what may run at once while others wait.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/events/store.hpp"
#include "dataplane/reasons.hpp"

namespace skerry::events {

struct Settings {
    std::uint64_t records = 65536;
    std::uint64_t bytes = 256u << 20;  // each counts its payload and kRecordBytes
    std::uint32_t concurrency = 64;    // at once
    std::uint32_t retries = 2;
    std::uint64_t max_age_ms = 6ull * 3600 * 1000;
    std::uint64_t retry_delay_ms = 60'000;
    std::uint64_t busy_delay_ms = 1000;
};

// Why an event was given up.
enum class Dropped : std::uint8_t {
    function_failed,  // as often as it may
    too_old,
    no_function,  // or no such version of it
    not_taken,    // the function takes no such payload, or the message was refused
    malformed,    // in the file: damaged
    lost,         // kept in memory only, and the server ended
    count
};
inline constexpr std::size_t kDroppedCount = static_cast<std::size_t>(Dropped::count);
inline constexpr std::array<std::string_view, kDroppedCount> kDroppedNames = {
    "function_failed", "too_old", "no_function", "not_taken", "malformed", "lost"};

struct Counts {
    std::uint64_t accepted = 0, executed = 0;  // executed: and answered without an error
    std::uint64_t attempts = 0, failures = 0, busy = 0;
    std::uint64_t refused_full = 0, refused_store = 0;
    std::uint64_t damaged_files = 0;  // set aside; how many events were in them is not known
    std::array<std::uint64_t, kDroppedCount> dropped{};
};

struct Ended {
    enum class What : std::uint8_t { done, again_failed, again_busy, dropped } what;
    Dropped why = Dropped::function_failed;  // of `dropped`
    Event event;                             // as it is from here on
};

class Queue {
  public:
    static constexpr std::uint32_t kRecordBytes = 256;  // what one costs beside its payload
    static constexpr std::uint64_t kBusyDelayMax_ms = 300'000;

    explicit Queue(const Settings& settings) : settings_(settings) {}

    // Whether one more has room, beside what is being written already.
    bool has_room(std::uint32_t payload_bytes, std::uint64_t more_records,
                  std::uint64_t more_bytes) const {
        return events_.size() + more_records < settings_.records &&
               bytes_ + more_bytes + payload_bytes + kRecordBytes <= settings_.bytes;
    }
    // Its id is higher than all before.
    void add(const Event& event);

    // Takes the next one that is due and may run. None: there is none now.
    std::optional<Event> start(std::uint64_t now_ms);
    // How it ended.
    Ended ended(std::int64_t id, ReplyStatus status, std::uint64_t now_ms);
    // Started, and given up for another reason.
    Event drop(std::int64_t id, Dropped why);
    // Events that are too old by now, taken out; at most `most`.
    std::vector<Event> expire(std::uint64_t now_ms, std::size_t most);

    // When start() or expire() may next have one; ~0: never, as things are.
    std::uint64_t next_due_ms() const;

    std::uint64_t size() const { return events_.size(); }
    std::uint64_t bytes() const { return bytes_; }
    std::uint32_t running() const { return running_; }
    std::uint64_t oldest_ms() const { return ages_.empty() ? 0 : ages_.begin()->first; }
    Counts& counts() { return counts_; }
    const Counts& counts() const { return counts_; }

    struct OfFunction {
        std::set<std::pair<std::uint64_t, std::int64_t>> waiting;  // (due, id)
        std::uint32_t running = 0;
    };
    const std::map<std::uint64_t, OfFunction>& functions() const { return functions_; }

  private:
    // Rounded up: when two functions have it, nothing more may run.
    std::uint32_t half() const { return (settings_.concurrency + 1) / 2; }
    void wait(const Event& event);
    void forget(const Event& event);
    bool may_run(const OfFunction& function, bool others_wait) const;
    bool others_wait(const OfFunction& function, std::uint64_t now_ms) const;

    const Settings settings_;
    std::unordered_map<std::int64_t, Event> events_;
    std::map<std::uint64_t, OfFunction> functions_;          // by key; none is empty
    std::set<std::pair<std::uint64_t, std::int64_t>> ages_;  // (accepted, id) of those that wait
    std::uint64_t bytes_ = 0;
    std::uint32_t running_ = 0;
    Counts counts_;
};

}  // namespace skerry::events
