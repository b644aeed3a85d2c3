#include "tools/load/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cmath>

namespace skerry::load {
namespace {

// Values below 2048 have a bucket each; above, each power of two has 1024 of equal width.
constexpr int kLinearBits = 11;
constexpr std::size_t kHalf = std::size_t{1} << (kLinearBits - 1);
constexpr int kMostBits = 42;
constexpr std::size_t kBuckets =
    2 * kHalf + static_cast<std::size_t>(kMostBits - kLinearBits) * kHalf;
constexpr int kStepsPerHalving = 5;  // of a .hgrm: points for each halving of what is left

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

std::size_t Histogram::index_of(std::uint64_t value) {
    value = std::min(value, kMost);
    const int bits = std::bit_width(value);
    if (bits <= kLinearBits) return static_cast<std::size_t>(value);
    const int shift = bits - kLinearBits;
    return static_cast<std::size_t>(shift) * kHalf + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::highest_of(std::size_t index) {
    if (index < 2 * kHalf) return index;
    const std::size_t shift = index / kHalf - 1;
    const std::uint64_t top = index - shift * kHalf;
    return ((top + 1) << shift) - 1;
}

void Histogram::record(std::uint64_t value) {
    ++buckets_[index_of(value)];
    ++count_;
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
    sum_ += static_cast<double>(value);
}

void Histogram::merge(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    sum_ += other.sum_;
}

void Histogram::clear() {
    *this = Histogram();
}

double Histogram::mean() const {
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::at(double quantile) const {
    if (count_ == 0) return 0;
    const double share = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_);
    const auto wanted = std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(share)), 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
        seen += buckets_[i];
        if (seen >= wanted) return std::min(highest_of(i), max_);
    }
    return max_;
}

void Histogram::write_hgrm(std::FILE* out, double unit) const {
    std::fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                 "1/(1-Percentile)");
    const auto all = static_cast<double>(std::max<std::uint64_t>(count_, 1));
    std::uint64_t seen = 0;
    double next = 0;  // the quantile from which the next line is due
    for (std::size_t i = 0; i < kBuckets && seen < count_; ++i) {
        if (buckets_[i] == 0) continue;
        seen += buckets_[i];
        const double quantile = static_cast<double>(seen) / all;
        const double value = static_cast<double>(std::min(highest_of(i), max_)) / unit;
        if (seen == count_) {
            std::fprintf(out, "%12.3f %2.12f %10" PRIu64 "\n", value, 1.0, seen);
        } else if (quantile >= next) {
            std::fprintf(out, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", value, quantile, seen,
                         1.0 / (1.0 - quantile));
            const double halving = std::exp2(std::floor(-std::log2(1.0 - quantile)) + 1.0);
            next = quantile + 1.0 / (halving * kStepsPerHalving);
        }
    }
    std::fprintf(out, "#[Mean    = %12.3f]\n#[Max     = %12.3f, Total count    = %10" PRIu64 "]\n",
                 mean() / unit, static_cast<double>(max_) / unit, count_);
}

}  // namespace skerry::load
