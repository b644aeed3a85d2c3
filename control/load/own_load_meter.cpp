#include "control/load/own_load_meter.hpp"

#include <algorithm>
#include <cmath>

#include "dataplane/select/load.hpp"

namespace skerry {
namespace {

// What `runs` more of them are worth beside those that are remembered.
double part_of(double runs, double remembered) {
    return 1.0 - std::exp(-runs / remembered);
}

}  // namespace

OwnLoadMeter::Sums OwnLoadMeter::executions(std::uint32_t function) const {
    Sums sums;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core) {
        const FunctionCounters& counters = shared_.counters[core]->functions[function];
        sums.count += counters.local_done.get();
        sums.us += counters.run_us_sum.get();
    }
    return sums;
}

void OwnLoadMeter::reset(std::uint32_t function) {
    const Sums sums = executions(function);
    functions_[function] = {.count = sums.count, .us = sums.us, .runs = 0, .usual_us = 0};
}

void OwnLoadMeter::step(std::span<const std::uint32_t> functions, std::uint64_t now_us) {
    const double passed_s = last_us_ == 0 ? 0 : static_cast<double>(now_us - last_us_) / 1e6;
    last_us_ = now_us;
    std::uint64_t done = 0;
    for (const std::uint32_t f : functions) {
        Function& known = functions_[f];
        const Sums all = executions(f);
        const Sums fresh{all.count - known.count, all.us - known.us};
        known.count = all.count;
        known.us = all.us;
        if (fresh.count == 0) continue;
        done += fresh.count;
        take(known, fresh);
    }
    std::uint64_t waited_us = 0;
    for (std::uint32_t core = 0; core < shared_.server.core_count; ++core)
        waited_us += shared_.counters[core]->queued_us_sum.get();
    if (done != 0) {
        const auto count = static_cast<double>(done);
        const double mean_us = static_cast<double>(waited_us - waited_us_) / count;
        wait_us_ += (mean_us - wait_us_) * part_of(count, kRunsOfLate);
        waited_us_ = waited_us;
    }
    slow_ = 1 + (slow_ - 1) * std::exp(-passed_s / kForget_s);
    publish();
}

void OwnLoadMeter::take(Function& known, const Sums& fresh) {
    const auto count = static_cast<double>(fresh.count);
    const double mean_us = static_cast<double>(fresh.us) / count;
    const double of_late = part_of(count, kRunsOfLate);
    service_us_ = service_us_ == 0 ? mean_us : service_us_ + (mean_us - service_us_) * of_late;
    if (known.runs >= kRunsToKnow && known.usual_us > 0)
        slow_ += (std::min(mean_us / known.usual_us, 100.0) - slow_) * of_late;
    // A plain mean first, and one that forgets from then on.
    const double remembered = std::min(known.runs + count, kRunsUsual);
    known.usual_us += (mean_us - known.usual_us) * std::min(1.0, count / remembered);
    known.runs = remembered;
}

void OwnLoadMeter::publish() {
    const auto whole = [](double us) { return static_cast<std::uint32_t>(std::min(us, 6.0e8)); };
    OwnLoad& own = shared_.own_load;
    own.service_us.store(whole(service_us_), std::memory_order_relaxed);
    own.region_us.store(whole(service_us_ + wait_us_), std::memory_order_relaxed);
    own.slow_permille.store(static_cast<std::uint32_t>(select::slow_permille(slow_)),
                            std::memory_order_relaxed);
}

}  // namespace skerry
