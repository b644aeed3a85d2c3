// The workers of one server as control/placement has them, for scenarios with [workers]: each
// executes one invocation at a time; a request that finds none free waits for the first that is,
// whoever that was started for; one more is started as long as more wait than are coming; idle ones
// end after the keep-alive, or earlier for a function that waits for their place.
//
// Left out: the time that a process takes to end, and starts that fail. Times in µs of simulated
// time, never decreasing. What happens later is asked for as `Alarm`s, and told by on_alarm().
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "control/placement/evictions.hpp"

namespace skerry::sim {

struct PoolLimits {
    std::uint32_t workers = 64;      // of all functions
    std::uint32_t per_function = 4;  // at most
    std::int64_t keep_us = 30'000'000;
};

class Pool {
  public:
    // A worker is not taken from one function for another before it has been idle this long.
    static constexpr std::int64_t kMinIdle_us = 500'000;

    struct Job {
        std::uint32_t flight = 0, function = 0;
        std::int64_t run_us = 0;
    };
    struct Alarm {  // to be told at that time
        std::int64_t at_us = 0;
        std::uint32_t worker = 0;
    };
    struct Begun {
        std::uint32_t flight = 0;
        std::int64_t waited_us = 0;
        bool cold = false;  // it had to wait, and nobody was at work for the function
    };
    static constexpr std::uint32_t kNobody = ~0u;
    // How long the next start of a function takes.
    using StartTime = std::function<std::int64_t(std::uint32_t function)>;

    Pool(PoolLimits limits, std::uint32_t functions, StartTime start_us);

    // A free worker executes it at once; false: there is none.
    bool run(const Job& job, std::int64_t now_us);
    void wait(const Job& job, std::int64_t now_us);
    // The flight that is done; kNobody: the worker has started.
    std::uint32_t on_alarm(std::uint32_t worker, std::int64_t now_us);

    // So many workers are kept, and started if need be; those above end when they are idle for the
    // keep-alive, or at once.
    void set_target(std::uint32_t function, std::uint32_t minimum, bool keep_idle);
    // To be called about ten times a second, and after a target was set.
    void step(std::int64_t now_us);

    // What has come of the calls since they were taken last.
    std::vector<Alarm> take_alarms() { return std::exchange(alarms_, {}); }
    std::vector<Begun> take_begun() { return std::exchange(begun_, {}); }

    std::uint32_t workers() const { return count_; }
    std::uint32_t workers(std::uint32_t function) const { return of_[function].workers; }
    std::uint32_t busy(std::uint32_t function) const { return of_[function].busy; }
    bool all_busy(std::uint32_t function) const {
        const Of& of = of_[function];
        return of.busy != 0 && of.busy == of.workers - of.starting;
    }
    // Requests here, those that wait included; and these.
    std::uint32_t in_flight() const { return busy_ + waiting_; }
    std::uint32_t waiting() const { return waiting_; }
    const PoolLimits& limits() const { return limits_; }
    // Of idle workers that had to make room.
    const placement::Evictions& evictions() const { return evictions_; }

  private:
    enum class State : std::uint8_t { none, starting, idle, busy };
    struct Worker {
        State state = State::none;
        std::uint32_t function = 0, flight = kNobody;
        std::int64_t used_us = 0;
    };
    struct Waiting {
        Job job;
        std::int64_t since_us = 0;
        bool cold = false;
    };
    struct Of {
        std::uint32_t workers = 0, starting = 0, busy = 0, minimum = 0;
        bool keep_idle = true;
        std::deque<Waiting> queue;
    };

    void begin(Worker& worker, const Job& job, std::int64_t now_us);
    bool start(std::uint32_t function, std::int64_t now_us);
    void serve_waiting(std::uint32_t function, std::int64_t now_us);
    bool make_room(std::uint32_t for_function, std::int64_t now_us);
    void end_idle(std::uint32_t function, std::int64_t now_us);
    void end(Worker& worker);

    PoolLimits limits_;
    StartTime start_us_;
    std::vector<Worker> places_;
    std::vector<Of> of_;
    std::uint32_t count_ = 0, busy_ = 0, waiting_ = 0;
    placement::Evictions evictions_;
    std::vector<Alarm> alarms_;
    std::vector<Begun> begun_;
};

}  // namespace skerry::sim
