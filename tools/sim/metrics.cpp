#include "tools/sim/metrics.hpp"

namespace skerry::sim {

double LatencyHistogram::quantile(double q) const {
    const double wanted = q * static_cast<double>(total_);
    double seen = 0;
    for (std::size_t i = 0; i < kCells; ++i) {
        seen += static_cast<double>(counts_[i]);
        if (counts_[i] == 0 || seen < wanted) continue;
        if (i < kSteps) return static_cast<double>(i);
        const std::size_t octave = i / kSteps - 1;
        return static_cast<double>((kSteps + i % kSteps) << octave);
    }
    return 0;
}

}  // namespace skerry::sim
