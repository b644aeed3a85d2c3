#include "tools/sim/oracle.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::sim {
namespace {

struct Ask {
    float at_s;
    std::uint16_t pop;
};

// One function's search.
class Search {
  public:
    Search(const World& world, std::uint32_t function, const std::vector<Ask>& asks,
           const std::vector<double>& keep_s)
        : world_(world), asks_(asks), keep_s_(keep_s) {
        cold_us_ = world.functions[function].cold_us;
        run_s_ = world.functions[function].run_us * 1e-6f;
        // More would change little, and the most popular have millions.
        stride_ = std::max<std::size_t>(1, asks.size() / 20'000);
        if (stride_ > 1) asks_ = thin(asks);
        pops_ = count_pops();
    }

    std::uint64_t best() {
        std::uint64_t found = improve(best_single());
        const std::uint64_t all = (std::uint64_t{1} << world_.region_count()) - 1;
        const std::uint64_t other = improve(all);
        return cost(other) < cost(found) ? other : found;
    }

    std::uint8_t nearest(std::uint64_t homes, std::uint32_t pop) const {
        std::uint8_t found = 0;
        std::int32_t least = 0x7fffffff;
        for (std::uint64_t left = homes; left != 0; left &= left - 1) {
            const auto r = static_cast<std::uint32_t>(std::countr_zero(left));
            if (world_.rtt_us(pop, r) >= least) continue;
            least = world_.rtt_us(pop, r);
            found = static_cast<std::uint8_t>(r);
        }
        return found;
    }

  private:
    // A contiguous stretch keeps the gaps between requests as they are.
    std::vector<Ask> thin(const std::vector<Ask>& asks) const {
        const std::size_t from = asks.size() / 3;
        return {asks.begin() + static_cast<std::ptrdiff_t>(from),
                asks.begin() + static_cast<std::ptrdiff_t>(std::min(asks.size(), from + 20'000))};
    }
    std::vector<std::uint16_t> count_pops() const {
        std::vector<std::uint16_t> pops;
        for (const Ask& ask : asks_) pops.push_back(ask.pop);
        std::sort(pops.begin(), pops.end());
        pops.erase(std::unique(pops.begin(), pops.end()), pops.end());
        return pops;
    }

    double cost(std::uint64_t homes) {
        home_.resize(world_.pop_count());
        for (const std::uint16_t p : pops_) home_[p] = nearest(homes, p);
        last_.assign(world_.region_count(), -1e9f);
        double total = 0;
        for (const Ask& ask : asks_) {
            const std::uint8_t r = home_[ask.pop];
            total += world_.rtt_us(ask.pop, r);
            if (ask.at_s - last_[r] > static_cast<float>(keep_s_[r]) + run_s_) total += cold_us_;
            last_[r] = ask.at_s;
        }
        return total;
    }
    std::uint64_t best_single() {
        std::uint64_t found = 1;
        double least = 1e300;
        for (std::uint32_t r = 0; r < world_.region_count(); ++r) {
            const double c = cost(std::uint64_t{1} << r);
            if (c < least) {
                least = c;
                found = std::uint64_t{1} << r;
            }
        }
        return found;
    }
    std::uint64_t improve(std::uint64_t homes) {
        double now = cost(homes);
        for (int round = 0; round < 40; ++round) {
            std::uint64_t better = homes;
            double least = now;
            for (std::uint32_t r = 0; r < world_.region_count(); ++r) {
                const std::uint64_t changed = homes ^ std::uint64_t{1} << r;
                if (changed == 0) continue;
                const double c = cost(changed);
                if (c >= least) continue;
                least = c;
                better = changed;
            }
            if (better == homes) break;
            homes = better;
            now = least;
        }
        return homes;
    }

    const World& world_;
    std::vector<Ask> asks_;
    const std::vector<double>& keep_s_;
    std::size_t stride_ = 1;
    float cold_us_ = 0, run_s_ = 0;
    std::vector<std::uint16_t> pops_;
    std::vector<std::uint8_t> home_;
    std::vector<float> last_;
};

}  // namespace

Hindsight look_back(const Scenario& s, const World& world, Arrivals& arrivals,
                    const std::vector<double>& keep_s) {
    std::vector<std::vector<Ask>> asks(world.functions.size());
    std::vector<float> busy_until(world.functions.size(), -1e9f);
    std::vector<std::int32_t> least_rtt(world.pop_count(), 0x7fffffff);
    for (std::uint32_t p = 0; p < world.pop_count(); ++p)
        for (std::uint32_t r = 0; r < world.region_count(); ++r)
            least_rtt[p] = std::min(least_rtt[p], world.rtt_us(p, r));
    double sum = 0, count = 0;
    Arrival a;
    while (arrivals.next(a)) {
        const auto at_s = static_cast<float>(static_cast<double>(a.at_us) * 1e-6);
        const float run_us = world.run_us(a.function, a.seed);
        const float cold_us = world.cold_us(a.function, a.seed);
        double least = least_rtt[a.pop] + run_us;
        // A worker anywhere is gone, whatever was chosen: 0.3 s more than the longest way.
        const bool cold =
            at_s - busy_until[a.function] > static_cast<float>(s.regions.keep_alive_s) + 1.0f;
        if (cold) least += cold_us;
        busy_until[a.function] =
            std::max(busy_until[a.function], at_s + (run_us + cold_us) * 1e-6f);
        if (at_s >= s.warm_up_s) {
            sum += least;
            ++count;
        }
        asks[a.function].push_back({at_s, a.pop});
    }
    Hindsight made{Placement(world.functions.size(), world.pop_count()),
                   count > 0 ? sum / count : 0};
    for (std::uint32_t f = 0; f < world.functions.size(); ++f) {
        std::uint8_t* row = made.placement.row(f);
        if (asks[f].empty()) continue;
        Search search(world, f, asks[f], keep_s);
        const std::uint64_t homes = search.best();
        for (std::uint32_t p = 0; p < world.pop_count(); ++p) row[p] = search.nearest(homes, p);
        std::vector<Ask>().swap(asks[f]);
    }
    return made;
}

}  // namespace skerry::sim
