// One worker's pipe and what is known of it: how much of it may be read now, and whose it is.
// Collector thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/logs/in_hand.hpp"
#include "control/logs/output.hpp"
#include "dataplane/log_events.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::logs {

// Bytes a second, with a burst.
class Budget {
  public:
    Budget(std::uint64_t bytes_per_s, std::uint64_t burst) : rate_(bytes_per_s), burst_(burst) {}
    std::uint64_t left(std::uint64_t now_us) {
        const std::uint64_t passed_us = std::min<std::uint64_t>(now_us - at_us_, 60'000'000);
        const std::uint64_t earned = passed_us * rate_ / 1'000'000;
        if (earned != 0 || left_ >= burst_) {
            left_ = std::min(burst_, left_ + earned);
            at_us_ = now_us;
        }
        return left_;
    }
    void spend(std::uint64_t bytes) { left_ -= std::min(left_, bytes); }

  private:
    std::uint64_t rate_, burst_;
    std::uint64_t left_ = burst_;
    std::uint64_t at_us_ = 0;  // CLOCK_MONOTONIC
};

struct Clock {
    std::uint64_t monotonic_us = 0;
    std::int64_t utc_us = 0;
    static Clock now();
};

struct WorkerLog {
    std::string function;
    Writer writer;
    std::uint32_t channel = 0;  // Channel::index and ::generation: whom cores' events mean
    std::uint64_t generation = 0;
    // Of a native worker: its channel, for InHand. -1: cores tell.
    UniqueFd channel_memory;
    std::uint32_t slots = 1;
    std::uint32_t ahead_slots = 0;
    std::uint32_t slot_stride = 0;
};

class Reader {
  public:
    // What became of a turn.
    enum class Turn : std::uint8_t {
        nothing,    // nothing to read now
        some,       // read; there may be more
        exhausted,  // it may not be read now: its budget, or that of all workers, is used up
        over,       // nobody has the other end any more
    };

    Reader(WorkerLog worker, UniqueFd pipe);

    // Reads at most `buffer` full, and sorts what was read into records. `fetch_events` brings the
    // cores' events here, through add(): called after the read, since who wrote what was read has
    // begun before it.
    Turn turn(std::vector<char>& buffer, Budget& all, const std::function<void()>& fetch_events,
              std::vector<Record>& to);
    // All that is there, as far as it may be read, and all that is known of invocations: none of
    // them is in hand.
    void drain(std::vector<char>& buffer, Budget& all, const std::function<void()>& fetch_events,
               std::vector<Record>& to);
    void add(const LogEvent& event) { events_.push_back(event); }
    bool has_events() const { return !events_.empty(); }

    void spawned(int pid) { pid_ = pid; }
    void ready(std::uint64_t init_us) { output_.set_init_us(init_us); }
    // Its process has ended; what it left in the pipe is still to be read.
    void ended(const std::string& why);
    bool has_ended() const { return ended_; }
    // A core is about to tell that its invocation has ended with it; for a second at most.
    bool awaits_end() const;
    // The last records; no turn comes any more.
    void finish(std::vector<Record>& to);
    // Cuts a line whose end has not come for a while.
    void flush_stale(const Clock& now, std::vector<Record>& to);

    const std::string& function() const { return worker_.function; }
    const WorkerLog& worker() const { return worker_; }
    int fd() const { return pipe_.get(); }
    std::uint64_t dropped_bytes() const { return output_.dropped_bytes(); }
    std::uint64_t read_bytes() const { return read_bytes_; }
    bool paused = false;  // the collector's: its pipe is not watched

  private:
    void apply(const LogEvent& event, const Clock& now, std::vector<Record>& to);
    // Which events are applied: those that are old enough; up to the last beginning; all.
    enum class Due : std::uint8_t { old, begun, all };
    void attribute(std::string_view bytes, const Clock& now, Due due, std::vector<Record>& to);
    std::size_t read_some(std::vector<char>& buffer, std::uint64_t room, Budget& all,
                          const Clock& now, bool& would_wait);

    WorkerLog worker_;
    UniqueFd pipe_;
    Output output_;
    std::optional<InHand> in_hand_;
    std::vector<LogEvent> events_;
    Budget budget_;
    std::string why_;
    int pid_ = 0;
    bool ended_ = false;
    bool in_invocation_ = false;
    std::uint64_t ended_us_ = 0;
    std::uint64_t read_bytes_ = 0;
    std::uint64_t last_read_us_ = 0;
};

}  // namespace skerry::logs
