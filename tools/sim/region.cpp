#include "tools/sim/region.hpp"

#include <algorithm>

#include "dataplane/select/load.hpp"

namespace skerry::sim {
namespace {

constexpr double kForget = 1.0 / 256;  // of the means of service time, eviction age, regret

float seconds(std::int64_t us) {
    return static_cast<float>(static_cast<double>(us) * 1e-6);
}

}  // namespace

RegionSim::RegionSim(const Scenario& s, std::uint32_t)
    : keep_alive_us_(static_cast<std::int64_t>(s.regions.keep_alive_s * 1e6)),
      report_us_(std::int64_t{s.regions.report_ms} * 1000),
      memory_limit_mib_(static_cast<float>(s.regions.memory_mib)),
      slots_(s.regions.slots, 0),
      service_us_(s.functions.run_ms * 1000),
      region_us_(s.functions.run_ms * 1000),
      keep_s_(s.regions.keep_alive_s) {}

RegionSim::Outcome RegionSim::serve(Cell* cells, std::size_t stride, const Demand& demand,
                                    std::int64_t now_us, double slower) {
    Cell& cell = cells[demand.function * stride];
    Outcome outcome;
    // A brown-out takes slots too: each works as if it were `slower` times busier.
    outcome.start_us = std::max(now_us, slots_.front());
    const std::uint32_t warm = find_warm(cell, demand, outcome.start_us);
    outcome.cold = warm == kNone;
    const std::uint32_t worker =
        outcome.cold ? start_worker(cells, stride, demand, outcome.start_us) : warm;
    const double work_us = (demand.run_us + (outcome.cold ? demand.cold_us : 0.0f)) * slower;
    outcome.done_us = outcome.start_us + static_cast<std::int64_t>(work_us) + 1;
    workers_[worker].free_at_us = outcome.done_us;
    touch(worker);

    std::pop_heap(slots_.begin(), slots_.end(), std::greater<>{});
    slots_.back() = outcome.done_us;
    std::push_heap(slots_.begin(), slots_.end(), std::greater<>{});

    cell.before_s = cell.used_s;
    cell.changed_s = seconds(now_us);
    cell.used_s = seconds(outcome.start_us);
    note_busy(cell, outcome.start_us);

    count_until(now_us);
    const auto later = [&](std::int64_t at_us) {
        const std::int64_t interval =
            std::min(at_us / report_us_, counted_ + static_cast<std::int64_t>(kFuture) - 1);
        return static_cast<std::size_t>(interval) % kFuture;
    };
    ++in_flight_;
    ++done_[later(outcome.done_us)];
    if (outcome.start_us > now_us) {
        ++waiting_;
        ++started_[later(outcome.start_us)];
    }
    service_us_ += (work_us - service_us_) * kForget;
    const double usual_us = demand.usual_run_us + (outcome.cold ? demand.usual_cold_us : 0.0f);
    if (usual_us > 0) slow_ += (std::min(work_us / usual_us, 100.0) - slow_) * kForget * 8;
    region_us_ += (static_cast<double>(outcome.done_us - now_us) - region_us_) * kForget;
    return outcome;
}

void RegionSim::count_until(std::int64_t now_us) {
    const std::int64_t interval = now_us / report_us_;
    for (; counted_ < interval; ++counted_) {
        const std::size_t at = static_cast<std::size_t>(counted_) % kFuture;
        in_flight_ -= done_[at];
        waiting_ -= started_[at];
        done_[at] = started_[at] = 0;
    }
}

std::uint32_t RegionSim::find_warm(Cell& cell, const Demand& demand, std::int64_t start_us) {
    std::uint32_t looked = 0;
    for (std::uint32_t w = cell.pool; w != kNone && looked < 256; w = workers_[w].pool_next) {
        const Worker& worker = workers_[w];
        if (worker.version == demand.version && worker.free_at_us <= start_us &&
            !expired(worker, start_us))
            return w;
        ++looked;
    }
    return kNone;
}

bool RegionSim::is_warm(const Cell& cell, std::uint32_t version, std::int64_t at_us) const {
    for (std::uint32_t w = cell.pool; w != kNone; w = workers_[w].pool_next)
        if (workers_[w].version == version && workers_[w].free_at_us <= at_us &&
            !expired(workers_[w], at_us))
            return true;
    return false;
}

std::int64_t RegionSim::would_start_us(std::int64_t at_us) const {
    return std::max(at_us, slots_.front());
}

std::uint32_t RegionSim::start_worker(Cell* cells, std::size_t stride, const Demand& demand,
                                      std::int64_t start_us) {
    Cell& cell = cells[demand.function * stride];
    if (memory_limit_mib_ > 0 && seconds(start_us) - cell.evicted_s < seconds(keep_alive_us_))
        regrets_ += 1;
    cell.evicted_s = Cell::kNever;
    make_room(cells, stride, demand.memory_mib, start_us);
    ++digest_changes_;
    std::uint32_t index = unused_;
    if (index == kNone) {
        index = static_cast<std::uint32_t>(workers_.size());
        workers_.emplace_back();
    } else {
        unused_ = workers_[index].pool_next;
    }
    Worker& worker = workers_[index];
    worker = {};
    worker.function = demand.function;
    worker.version = demand.version;
    worker.memory_mib = demand.memory_mib;
    worker.pool_next = cell.pool;
    cell.pool = index;
    memory_mib_ += demand.memory_mib;
    worker.older = newest_;
    if (newest_ != kNone) workers_[newest_].newer = index;
    newest_ = index;
    if (oldest_ == kNone) oldest_ = index;
    return index;
}

// Ends what has been idle for too long, and then, if there is still no room, what was used longest
// ago. Busy workers get another round; when all are busy, the limit is overdrawn.
void RegionSim::make_room(Cell* cells, std::size_t stride, float memory_mib, std::int64_t now_us) {
    std::uint32_t looked = 0;
    while (oldest_ != kNone && looked < 64) {
        const std::uint32_t index = oldest_;
        const Worker& worker = workers_[index];
        if (worker.free_at_us > now_us) {
            touch(index);
            ++looked;
        } else if (expired(worker, now_us)) {
            remove(cells, stride, index, now_us, false);
        } else if (memory_limit_mib_ > 0 && memory_mib_ + memory_mib > memory_limit_mib_) {
            const double age_s = static_cast<double>(now_us - worker.free_at_us) * 1e-6;
            keep_s_ += (age_s - keep_s_) * kForget * 4;
            evictions_ += 1;
            if (evictions_ > 512) {
                evictions_ /= 2;
                regrets_ /= 2;
            }
            remove(cells, stride, index, now_us, true);
        } else {
            break;
        }
    }
}

void RegionSim::remove(Cell* cells, std::size_t stride, std::uint32_t index, std::int64_t now_us,
                       bool evicted) {
    Worker& worker = workers_[index];
    Cell& cell = cells[worker.function * stride];
    std::uint32_t* link = &cell.pool;
    while (*link != index) link = &workers_[*link].pool_next;
    *link = worker.pool_next;
    if (cell.pool == kNone) {
        ++digest_changes_;
        cell.before_s = cell.used_s;
        cell.used_s = Cell::kNever;
        cell.changed_s = seconds(now_us);
        if (evicted) cell.evicted_s = seconds(now_us);
    }
    memory_mib_ -= worker.memory_mib;
    unlink(index);
    worker.pool_next = unused_;
    unused_ = index;
}

void RegionSim::unlink(std::uint32_t index) {
    Worker& worker = workers_[index];
    (worker.older != kNone ? workers_[worker.older].newer : oldest_) = worker.newer;
    (worker.newer != kNone ? workers_[worker.newer].older : newest_) = worker.older;
    worker.older = worker.newer = kNone;
}

void RegionSim::touch(std::uint32_t index) {
    if (index == newest_) return;
    unlink(index);
    workers_[index].older = newest_;
    if (newest_ != kNone) workers_[newest_].newer = index;
    newest_ = index;
    if (oldest_ == kNone) oldest_ = index;
}

void RegionSim::note_busy(Cell& cell, std::int64_t now_us) const {
    std::int64_t first_free = workers_[cell.pool].free_at_us;
    std::uint32_t looked = 0;
    for (std::uint32_t w = cell.pool; w != kNone && looked < 16;
         w = workers_[w].pool_next, ++looked)
        first_free = std::min(first_free, workers_[w].free_at_us);
    cell.busy_until_s = first_free > now_us ? seconds(first_free) : Cell::kNever;
}

void RegionSim::publish(std::int64_t now_us) {
    count_until(now_us);
    last_report_ = (last_report_ + 1) % kReports;
    Report& report = reports_[last_report_];
    report.at_us = now_us;
    report.in_flight = in_flight_;
    report.waiting = waiting_;
    report.slots = static_cast<std::int32_t>(slots_.size());
    report.service_us = static_cast<std::int32_t>(service_us_);
    report.slow_permille = select::slow_permille(slow_);
    report.region_us = static_cast<std::int32_t>(region_us_);
    report.wait_us = select::expected_wait_us(
        {.in_flight = in_flight_,
         .waiting = waiting_,
         .slots = static_cast<std::uint32_t>(slots_.size()),
         .service_us = static_cast<std::uint32_t>(std::max(0.0, service_us_))});
    report.keep_s =
        static_cast<float>(std::min(keep_s_, static_cast<double>(seconds(keep_alive_us_))));
    report.crowding =
        evictions_ < 1 ? 0.0f : static_cast<float>(std::min(1.0, regrets_ / evictions_));
}

void RegionSim::publish(const Report& report) {
    last_report_ = (last_report_ + 1) % kReports;
    reports_[last_report_] = report;
}

const Report& RegionSim::report(std::int64_t by_us) const {
    for (std::size_t i = 0; i < kReports; ++i) {
        const Report& report = reports_[(last_report_ + kReports - i) % kReports];
        if (report.at_us <= by_us) return report;
    }
    return reports_[(last_report_ + 1) % kReports];
}

void RegionSim::lose_everything(Cell* cells, std::size_t stride, std::int64_t now_us) {
    while (oldest_ != kNone) remove(cells, stride, oldest_, now_us, false);
    std::fill(slots_.begin(), slots_.end(), now_us);
}

}  // namespace skerry::sim
