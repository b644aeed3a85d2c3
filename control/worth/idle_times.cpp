#include "control/worth/idle_times.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::worth {
namespace {

constexpr double kBinsPerOctave = 4;
constexpr double kHead = 0.05, kTail = 0.99;
constexpr double kMargin = 0.1;  // of both, to the safe side
constexpr double kLeastVariation = 2;

double lower_edge_us(std::size_t bin) {
    return static_cast<double>(IdleTimes::kShortest_us) *
           std::exp2(static_cast<double>(bin) / kBinsPerOctave);
}

}  // namespace

bool IdleTimes::asked(std::uint64_t now_us) {
    const std::uint64_t gap_us = now_us - std::min(now_us, last_us_);
    const bool first = last_us_ == 0;
    last_us_ = now_us;
    if (first || gap_us < kShortest_us) return false;
    if (count_ + beyond_ >= kGapsRemembered) {
        count_ = 0;
        beyond_ /= 2;
        for (std::uint16_t& gaps : gaps_) count_ += gaps /= 2;
    }
    const double octaves =
        std::log2(static_cast<double>(gap_us) / static_cast<double>(kShortest_us));
    const auto bin = static_cast<std::size_t>(octaves * kBinsPerOctave);
    if (bin >= kBins) {
        ++beyond_;
        return true;
    }
    ++gaps_[bin];
    ++count_;
    return true;
}

std::size_t IdleTimes::bin_at(double part) const {
    const double wanted = part * count_;
    double seen = 0;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
        seen += gaps_[bin];
        if (seen >= wanted && seen != 0) return bin;
    }
    return kBins - 1;
}

// Enough gaps, mostly within the bins, and in few of these.
bool IdleTimes::is_telling() const {
    if (count_ < kGapsToKnow || beyond_ > count_) return false;
    const double mean = static_cast<double>(count_) / kBins;
    double squares = 0;
    for (const std::uint16_t gaps : gaps_) squares += (gaps - mean) * (gaps - mean);
    return std::sqrt(squares / kBins) >= kLeastVariation * mean;
}

KeepAlive IdleTimes::keep_alive(std::uint64_t usual_us, std::uint64_t most_us) const {
    KeepAlive keep{.learned = false, .keep_us = usual_us, .from_us = 0, .until_us = 0};
    if (most_us <= usual_us || !is_telling()) return keep;
    keep.learned = true;
    const double head_us = lower_edge_us(bin_at(kHead)) * (1 - kMargin);
    const double tail_us = lower_edge_us(bin_at(kTail) + 1) * (1 + kMargin);
    if (head_us > 2.0 * static_cast<double>(usual_us)) {
        // Nothing comes for so long that its memory is better used meanwhile.
        keep.from_us = static_cast<std::uint64_t>(head_us);
        keep.until_us = static_cast<std::uint64_t>(tail_us);
        return keep;
    }
    keep.keep_us = std::clamp(static_cast<std::uint64_t>(tail_us), kShortest_us, most_us);
    return keep;
}

bool is_due(const KeepAlive& keep, std::uint64_t last_us, std::uint64_t now_us) {
    if (keep.from_us == 0 || last_us == 0) return false;
    const std::uint64_t idle_us = now_us - std::min(now_us, last_us);
    return idle_us >= keep.from_us && idle_us < keep.until_us;
}

}  // namespace skerry::worth
