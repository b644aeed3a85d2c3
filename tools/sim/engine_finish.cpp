// What comes of a request, counted.
#include <algorithm>

#include "tools/sim/engine.hpp"

namespace skerry::sim {

TimelineBin& Engine::bin(std::int64_t at_us) {
    const double part = static_cast<double>(at_us) / (s_.seconds * 1e6);
    const auto last = m_.timeline.size() - 1;
    return m_
        .timeline[std::min(last, static_cast<std::size_t>(part * static_cast<double>(last + 1)))];
}

void Engine::finish(std::uint32_t index, std::int64_t now_us, bool here) {
    const Flight& flight = flights_[index];
    const Arrival& a = flight.arrival;
    const std::int64_t latency_us = now_us - a.at_us;
    TimelineBin& then = bin(a.at_us);
    ++then.requests;
    then.latency_us += static_cast<double>(latency_us);
    then.cold += flight.cold;
    if (answers_ != nullptr)
        answers_->push_back(
            {.at_us = a.at_us,
             .latency_us = latency_us,
             .waited_us = here ? 0
                               : flight.start_us +
                                     (flight.cold ? static_cast<std::int64_t>(flight.cold_us) : 0),
             .function = a.function,
             .pop = a.pop,
             .region = here ? Answer::kAtPop : flight.region,
             .cold = flight.cold});
    if (measured(a)) {
        m_.all.add(latency_us);
        PopSim& pop = pops_[a.pop];
        pop.latency_us += static_cast<double>(latency_us);
        ++pop.requests;
        const std::size_t place = here ? stride_ : flight.region;
        ++m_.ran_at[a.pop * (stride_ + 1) + place];
        if (here) {
            ++m_.local;
        } else {
            m_.forwarded.add(latency_us);
            m_.network_us += pop.regions.rtt_us[flight.region];
            m_.wait_us += static_cast<double>(flight.start_us);
            m_.run_us += flight.run_us;
            if (flight.cold) m_.cold_us += flight.cold_us;
            m_.cold += flight.cold;
            m_.control += flight.control;
            m_.spilled += flight.was_kept;
            if (in_band_[a.function]) {
                ++m_.band;
                m_.band_cold += flight.cold;
            }
        }
    }
    unused_.push_back(index);
}

void Engine::give_up(std::uint32_t index, bool refused) {
    const Arrival& a = flights_[index].arrival;
    ++bin(a.at_us).failed;
    if (measured(a)) ++(refused ? m_.refused : m_.failed);
    unused_.push_back(index);
}

Metrics Engine::take_metrics() {
    double sum = 0, squares = 0, worst = 0, pops = 0;
    for (const PopSim& pop : pops_) {
        if (pop.requests < 20) continue;
        const double mean = pop.latency_us / static_cast<double>(pop.requests);
        sum += mean;
        squares += mean * mean;
        worst = std::max(worst, mean);
        ++pops;
    }
    if (pops > 0 && squares > 0) {
        m_.fairness = sum * sum / (pops * squares);
        m_.worst_pop = worst / (sum / pops);
    }
    // Reports and probes: 200 bytes there and back; a digest's entry has 12 bytes, for each POP.
    const double measured_s = s_.seconds - s_.warm_up_s;
    const double pairs = static_cast<double>(pops_.size()) * static_cast<double>(stride_);
    m_.wan_bytes += pairs * measured_s * 1000.0 / s_.regions.probe_ms * 200.0;
    for (const RegionSim& region : regions_)
        m_.wan_bytes += 12.0 * static_cast<double>(pops_.size()) *
                        static_cast<double>(region.digest_changes()) * measured_s / s_.seconds;
    return std::move(m_);
}

}  // namespace skerry::sim
