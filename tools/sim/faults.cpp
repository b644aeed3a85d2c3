#include "tools/sim/faults.hpp"

#include <algorithm>

namespace skerry::sim {

Faults::Faults(const Scenario& scenario, const World& world) {
    for (const Fault& fault : scenario.faults) {
        Window window{fault.kind,
                      0,
                      static_cast<std::int64_t>(fault.from_s * 1e6),
                      static_cast<std::int64_t>(fault.to_s * 1e6),
                      fault.factor,
                      fault.west_deg,
                      fault.east_deg};
        for (const std::uint8_t r : fault.regions) window.regions |= std::uint64_t{1} << r;
        if (fault.kind != FaultKind::brown_out && fault.kind != FaultKind::stale)
            concerned_ |= window.regions;
        faults_.push_back(window);
    }
    for (const Place& pop : world.pops) longitude_.push_back(pop.longitude);
}

bool Faults::up(std::uint32_t region, std::int64_t t) const {
    return std::none_of(faults_.begin(), faults_.end(), [&](const Window& w) {
        return w.kind == FaultKind::down && w.at(region, t);
    });
}

std::int64_t Faults::first_down(std::uint32_t region, std::int64_t from, std::int64_t to) const {
    std::int64_t first = -1;
    for (const Window& w : faults_) {
        if (w.kind != FaultKind::down || !(w.regions >> region & 1) || w.from_us >= to ||
            w.to_us <= from)
            continue;
        const std::int64_t when = std::max(from, w.from_us);
        first = first < 0 ? when : std::min(first, when);
    }
    return first;
}

bool Faults::reachable(std::uint32_t pop, std::uint32_t region, std::int64_t t) const {
    return std::none_of(faults_.begin(), faults_.end(), [&](const Window& w) {
        return w.kind == FaultKind::partition && w.at(region, t) && longitude_[pop] >= w.west &&
               longitude_[pop] <= w.east;
    });
}

double Faults::loss(std::uint32_t region, std::int64_t t) const {
    double most = 0;
    for (const Window& w : faults_)
        if (w.kind == FaultKind::loss && w.at(region, t)) most = std::max(most, w.factor);
    return most;
}

double Faults::slower(std::uint32_t region, std::int64_t t) const {
    double most = 1;
    for (const Window& w : faults_)
        if (w.kind == FaultKind::brown_out && w.at(region, t)) most = std::max(most, w.factor);
    return most;
}

std::int64_t Faults::stale_us(std::uint32_t region, std::int64_t t) const {
    double most = 0;
    for (const Window& w : faults_)
        if (w.kind == FaultKind::stale && w.at(region, t)) most = std::max(most, w.factor);
    return static_cast<std::int64_t>(most * 1e6);
}

std::int64_t Faults::first_loss_of_region_us() const {
    std::int64_t first = -1;
    for (const Window& w : faults_)
        if (w.kind == FaultKind::down || w.kind == FaultKind::partition)
            first = first < 0 ? w.from_us : std::min(first, w.from_us);
    return first;
}

}  // namespace skerry::sim
