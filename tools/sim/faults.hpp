// What is broken when: questions to the scenario's list of faults. Immutable.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/sim/scenario.hpp"
#include "tools/sim/world.hpp"

namespace skerry::sim {

class Faults {
  public:
    Faults(const Scenario& scenario, const World& world);

    // Something may ever be wrong with the way to this region, or with it: it has to be probed.
    bool concerns(std::uint32_t region) const { return (concerned_ >> region & 1) != 0; }
    bool none() const { return faults_.empty(); }
    bool up(std::uint32_t region, std::int64_t at_us) const;
    // When the region stops answering within [from, to); −1: it does not.
    std::int64_t first_down(std::uint32_t region, std::int64_t from_us, std::int64_t to_us) const;
    bool reachable(std::uint32_t pop, std::uint32_t region, std::int64_t at_us) const;
    double loss(std::uint32_t region, std::int64_t at_us) const;
    double slower(std::uint32_t region, std::int64_t at_us) const;  // 1: as usual
    std::int64_t stale_us(std::uint32_t region, std::int64_t at_us) const;
    // The start of the first fault that takes regions away; −1: there is none.
    std::int64_t first_loss_of_region_us() const;

  private:
    struct Window {
        FaultKind kind;
        std::uint64_t regions;
        std::int64_t from_us, to_us;
        double factor, west, east;
        bool at(std::uint32_t region, std::int64_t t) const {
            return (regions >> region & 1) && t >= from_us && t < to_us;
        }
    };
    std::vector<Window> faults_;
    std::vector<double> longitude_;
    std::uint64_t concerned_ = 0;
};

}  // namespace skerry::sim
