#include "tools/sim/pool.hpp"

#include <algorithm>
#include <utility>

namespace skerry::sim {

Pool::Pool(PoolLimits limits, std::uint32_t functions, StartTime start_us)
    : limits_(limits),
      start_us_(std::move(start_us)),
      places_(limits.workers),
      of_(functions),
      evictions_(static_cast<std::uint64_t>(limits.keep_us), functions) {}

void Pool::begin(Worker& worker, const Job& job, std::int64_t now_us) {
    worker.state = State::busy;
    worker.flight = job.flight;
    ++of_[job.function].busy;
    ++busy_;
    alarms_.push_back({now_us + job.run_us, static_cast<std::uint32_t>(&worker - places_.data())});
}

bool Pool::run(const Job& job, std::int64_t now_us) {
    const Of& of = of_[job.function];
    if (of.workers == of.starting + of.busy || !of.queue.empty()) return false;
    for (Worker& worker : places_) {
        if (worker.state != State::idle || worker.function != job.function) continue;
        begin(worker, job, now_us);
        begun_.push_back({job.flight, 0, false});
        return true;
    }
    return false;
}

void Pool::wait(const Job& job, std::int64_t now_us) {
    Of& of = of_[job.function];
    of.queue.push_back({job, now_us, of.busy == 0});
    ++waiting_;
    serve_waiting(job.function, now_us);
}

void Pool::serve_waiting(std::uint32_t function, std::int64_t now_us) {
    const Of& of = of_[function];
    while (of.queue.size() > of.starting && of.workers < limits_.per_function)
        if (!start(function, now_us)) return;
}

bool Pool::start(std::uint32_t function, std::int64_t now_us) {
    if (count_ == limits_.workers && !make_room(function, now_us)) return false;
    const auto place = std::find_if(places_.begin(), places_.end(), [](const Worker& worker) {
        return worker.state == State::none;
    });
    if (place == places_.end()) return false;
    *place = {.state = State::starting, .function = function, .flight = kNobody, .used_us = now_us};
    ++count_;
    Of& of = of_[function];
    ++of.workers;
    ++of.starting;
    evictions_.started(function, static_cast<std::uint64_t>(now_us));
    alarms_.push_back(
        {now_us + start_us_(function), static_cast<std::uint32_t>(place - places_.begin())});
    return true;
}

bool Pool::make_room(std::uint32_t for_function, std::int64_t now_us) {
    Worker* oldest = nullptr;
    for (Worker& worker : places_) {
        if (worker.state != State::idle || worker.function == for_function) continue;
        const Of& of = of_[worker.function];
        if (of.workers <= of.minimum || now_us - worker.used_us < kMinIdle_us) continue;
        if (oldest == nullptr || worker.used_us < oldest->used_us) oldest = &worker;
    }
    if (oldest == nullptr) return false;
    evictions_.evicted(oldest->function, static_cast<std::uint64_t>(now_us - oldest->used_us),
                       of_[oldest->function].workers == 1, static_cast<std::uint64_t>(now_us));
    end(*oldest);
    return true;
}

void Pool::end(Worker& worker) {
    worker.state = State::none;
    --of_[worker.function].workers;
    --count_;
}

std::uint32_t Pool::on_alarm(std::uint32_t index, std::int64_t now_us) {
    Worker& worker = places_[index];
    Of& of = of_[worker.function];
    const std::uint32_t done = std::exchange(worker.flight, kNobody);
    if (worker.state == State::starting) {
        --of.starting;
    } else {
        --of.busy;
        --busy_;
    }
    worker.state = State::idle;
    worker.used_us = now_us;
    if (of.queue.empty()) return done;
    const Waiting next = of.queue.front();
    of.queue.pop_front();
    --waiting_;
    begin(worker, next.job, now_us);
    begun_.push_back({next.job.flight, now_us - next.since_us, next.cold});
    return done;
}

void Pool::set_target(std::uint32_t function, std::uint32_t minimum, bool keep_idle) {
    of_[function].minimum = std::min(minimum, limits_.per_function);
    of_[function].keep_idle = keep_idle;
}

// The last places first: requests take the first ones, so these have been idle longest.
void Pool::end_idle(std::uint32_t function, std::int64_t now_us) {
    const Of& of = of_[function];
    for (auto worker = places_.rbegin(); worker != places_.rend(); ++worker) {
        if (of.workers <= of.minimum) return;
        if (worker->state != State::idle || worker->function != function) continue;
        if (of.keep_idle && now_us - worker->used_us < limits_.keep_us) continue;
        end(*worker);
    }
}

void Pool::step(std::int64_t now_us) {
    evictions_.fade(static_cast<std::uint64_t>(now_us));
    for (std::uint32_t f = 0; f < of_.size(); ++f) {
        const Of& of = of_[f];
        while (of.workers < of.minimum)
            if (!start(f, now_us)) break;
        serve_waiting(f, now_us);
        if (of.queue.empty()) end_idle(f, now_us);
    }
}

}  // namespace skerry::sim
