#include "tools/sim/world.hpp"

#include <algorithm>
#include <numeric>

namespace skerry::sim {

World::World(const Scenario& s, std::uint64_t seed, const KnownTraits& known)
    : pops(pop_places(s.pops.count)),
      run_noise_(s.functions.run_noise),
      cold_noise_(s.functions.cold_noise),
      run_mean_(static_cast<float>(std::exp(run_noise_ * run_noise_ / 2))),
      cold_mean_(static_cast<float>(std::exp(cold_noise_ * cold_noise_ / 2))),
      regions_(s.regions.count) {
    for (const Place& pop : pops) {
        pop_weight.push_back(pop.people_m);
        if (!s.network.rtt_ms.empty()) {
            for (const double ms : s.network.rtt_ms[pop_weight.size() - 1])
                rtt_us_.push_back(static_cast<std::int32_t>(ms * 1000));
            continue;
        }
        for (std::uint32_t r = 0; r < regions_; ++r)
            rtt_us_.push_back(static_cast<std::int32_t>(round_trip_us(
                pop, regions()[r], s.network.inflation, s.network.overhead_ms * 1000)));
    }
    for (const Place& pop : pops) {
        std::vector<std::uint16_t> order(pops.size());
        std::iota(order.begin(), order.end(), std::uint16_t{0});
        const auto distance = [&](std::uint16_t i) { return great_circle_km(pop, pops[i]); };
        const std::size_t most = std::min<std::size_t>(kNeighbours, pops.size());
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most),
                          order.end(), [&](auto a, auto b) { return distance(a) < distance(b); });
        for (std::size_t i = 0; i < kNeighbours; ++i) neighbours.push_back(order[i % most]);
    }
    Random random(mix64(seed ^ 0xf00d)), costs(mix64(seed ^ 0xc01d));
    const Alias by_people(pop_weight);
    const auto& f = s.functions;
    for (std::uint32_t i = 0; i < f.count; ++i) {
        const auto spread = [&](double median, double sigma) {
            return static_cast<float>(median * std::exp(sigma * normal_(random.next())));
        };
        FunctionTraits traits;
        traits.run_us = spread(f.run_ms * 1000, f.run_sigma);
        traits.cold_us = spread(f.cold_ms * 1000, f.cold_sigma);
        traits.memory_mib = spread(f.memory_mib, f.memory_sigma);
        traits.home = static_cast<std::uint16_t>(by_people(random.next()));
        // Traces tell means, of which the median is made.
        if (i < known.run_ms.size() && known.run_ms[i] > 0)
            traits.run_us = known.run_ms[i] * 1000 / run_mean_;
        if (!known.cold_ms.empty())
            traits.cold_us = known.cold_ms[costs.next() % known.cold_ms.size()] * 1000 / cold_mean_;
        functions.push_back(traits);
    }
}

float World::run_us(std::uint32_t function, std::uint64_t request) const {
    const double noise = run_noise_ * normal_(mix64(request ^ 0x1111));
    return std::min(9.0e8f, functions[function].run_us * static_cast<float>(std::exp(noise)));
}

float World::cold_us(std::uint32_t function, std::uint64_t request) const {
    const double noise = cold_noise_ * normal_(mix64(request ^ 0x2222));
    return std::min(9.0e8f, functions[function].cold_us * static_cast<float>(std::exp(noise)));
}

}  // namespace skerry::sim
