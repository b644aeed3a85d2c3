// Counts values in buckets of three significant digits, from 1 ns to 73 minutes: what was recorded
// is known to a thousandth at every quantile, with a fixed 270 KiB. The layout is HdrHistogram's
// (G. Tene): 1024 linear buckets for each power of two. Not thread-safe.
#pragma once

#include <cstdint>
#include <cstdio>
#include <vector>

namespace skerry::load {

class Histogram {
  public:
    static constexpr std::uint64_t kMost = (std::uint64_t{1} << 42) - 1;  // larger counts as this

    Histogram();
    void record(std::uint64_t value);
    void merge(const Histogram& other);
    void clear();

    std::uint64_t count() const { return count_; }
    std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
    std::uint64_t max() const { return max_; }
    double mean() const;

    // The smallest value such that at least this share (0 … 1) of all is not larger: the upper end
    // of its bucket, at most max(). 0 when empty.
    std::uint64_t at(double quantile) const;

    // The text form that HdrHistogram's plotters read. `unit` divides the values.
    void write_hgrm(std::FILE* out, double unit) const;

    static std::size_t index_of(std::uint64_t value);
    static std::uint64_t highest_of(std::size_t index);  // largest value of a bucket

  private:
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0, min_ = UINT64_MAX, max_ = 0;
    double sum_ = 0;
};

}  // namespace skerry::load
