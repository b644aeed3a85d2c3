// What is fair: weighted max-min shares. Nobody gets more than he asks for; who asks for less than
// his share leaves the rest to the others, by their weights; all is given out as long as anybody
// asks. Demers, Keshav and Shenker, "Analysis and simulation of a fair queueing algorithm" (SIGCOMM
// 1989), and with weights as in Parekh and Gallager's generalized processor sharing (1993).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skerry::tenants {

struct Claimant {
    double weight = 1;  // > 0
    double demand = 0;
};

// Of `total` there is; in the order of the claimants. Sums up to the smaller of `total` and of what
// is asked for.
std::vector<double> fair_shares(std::span<const Claimant> claimants, double total);

// Whole numbers out of them, which sum up to `total` each time and to the shares over time: what
// one has lost to rounding it is owed. One permit between three is each one's a third of the time.
class WholeShares {
  public:
    // `shares` sum up to `total`, and are of the same claimants each time.
    std::vector<std::uint32_t> round(std::span<const double> shares, std::uint32_t total);
    void forget() { owed_.clear(); }

  private:
    std::vector<double> owed_;  // in -1 … 1
};

}  // namespace skerry::tenants
