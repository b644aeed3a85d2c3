#include "control/tenants/shares.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace skerry::tenants {

// Who is satisfied first is who asks for least by his weight.
std::vector<double> fair_shares(std::span<const Claimant> claimants, double total) {
    std::vector<std::size_t> order(claimants.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return claimants[a].demand * claimants[b].weight <
               claimants[b].demand * claimants[a].weight;
    });
    double weights = 0;
    for (const Claimant& each : claimants) weights += each.weight;
    std::vector<double> shares(claimants.size());
    for (const std::size_t i : order) {
        const double fair = weights > 0 ? total * claimants[i].weight / weights : 0;
        shares[i] = std::clamp(claimants[i].demand, 0.0, std::max(fair, 0.0));
        total -= shares[i];
        weights -= claimants[i].weight;
    }
    return shares;
}

std::vector<std::uint32_t> WholeShares::round(std::span<const double> shares, std::uint32_t total) {
    owed_.resize(shares.size());
    std::vector<std::uint32_t> whole(shares.size());
    std::vector<std::size_t> order(shares.size());
    std::iota(order.begin(), order.end(), 0u);
    std::uint32_t given = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        whole[i] = static_cast<std::uint32_t>(shares[i]);
        given += whole[i];
        owed_[i] += shares[i] - whole[i];
    }
    // The rest, one each, to those who are owed most.
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return owed_[a] > owed_[b]; });
    for (std::size_t n = 0; n < order.size() && given < total; ++n, ++given) {
        ++whole[order[n]];
        owed_[order[n]] -= 1;
    }
    for (double& owed : owed_) owed = std::clamp(owed, -1.0, 1.0);
    return whole;
}

}  // namespace skerry::tenants
