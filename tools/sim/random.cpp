#include "tools/sim/random.hpp"

namespace skerry::sim {
namespace {

// Inverse of the normal distribution function: bisection on erfc, exact enough for a table.
double quantile(double p) {
    double low = -6, high = 6;
    for (int i = 0; i < 50; ++i) {
        const double middle = (low + high) / 2;
        (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
    }
    return (low + high) / 2;
}

}  // namespace

Normal::Normal() : table_(1u << 14) {
    for (std::size_t i = 0; i < table_.size(); ++i)
        table_[i] = static_cast<float>(
            quantile((static_cast<double>(i) + 0.5) / static_cast<double>(table_.size())));
}

Alias::Alias(const std::vector<double>& weights) : cells_(weights.size()) {
    double sum = 0;
    for (const double w : weights) sum += w;
    std::vector<double> scaled;
    std::vector<std::uint32_t> small, large;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
        scaled.push_back(weights[i] * static_cast<double>(weights.size()) / sum);
        (scaled[i] < 1 ? small : large).push_back(i);
    }
    while (!small.empty() && !large.empty()) {
        const std::uint32_t s = small.back(), l = large.back();
        small.pop_back();
        cells_[s] = {static_cast<std::uint32_t>(scaled[s] * 4294967295.0), l};
        scaled[l] -= 1 - scaled[s];
        if (scaled[l] >= 1) continue;
        large.pop_back();
        small.push_back(l);
    }
    for (const std::uint32_t i : small) cells_[i] = {~0u, i};
    for (const std::uint32_t i : large) cells_[i] = {~0u, i};
}

}  // namespace skerry::sim
