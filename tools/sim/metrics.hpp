// What one run is measured by. Only requests that arrive after the warm-up count.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

namespace skerry::sim {

// Latencies in µs, 64 steps an octave (1 % apart); values above 2^36 count as that.
class LatencyHistogram {
  public:
    void add(std::int64_t us) {
        ++counts_[index(us)];
        ++total_;
        sum_ += static_cast<double>(us);
    }
    double mean() const { return total_ == 0 ? 0 : sum_ / static_cast<double>(total_); }
    std::uint64_t total() const { return total_; }
    double quantile(double q) const;

  private:
    static constexpr std::size_t kSteps = 64;
    static std::size_t index(std::int64_t us) {
        if (us < static_cast<std::int64_t>(kSteps))
            return us < 0 ? 0 : static_cast<std::size_t>(us);
        const auto value = static_cast<std::uint64_t>(us);
        const auto octave = static_cast<std::size_t>(std::bit_width(value)) - 7;
        const std::size_t at = (octave + 1) * kSteps + ((value >> octave) - kSteps);
        return at < kCells ? at : kCells - 1;
    }
    static constexpr std::size_t kCells = kSteps * 32;
    std::array<std::uint64_t, kCells> counts_{};
    std::uint64_t total_ = 0;
    double sum_ = 0;
};

struct TimelineBin {
    std::uint64_t requests = 0, cold = 0, failed = 0, to_faulty = 0;
    double latency_us = 0;
};

// What became of one request, for who wants to know it of each.
struct Answer {
    static constexpr std::uint8_t kAtPop = 255;
    std::int64_t at_us = 0, latency_us = 0, waited_us = 0;
    std::uint32_t function = 0;
    std::uint16_t pop = 0;
    std::uint8_t region = kAtPop;
    bool cold = false;
};

struct Metrics {
    LatencyHistogram forwarded;                                   // answered by regions
    LatencyHistogram all;                                         // and by POPs
    double network_us = 0, wait_us = 0, cold_us = 0, run_us = 0;  // sums over the forwarded
    std::uint64_t cold = 0, spilled = 0, refused = 0, failed = 0, control = 0, local = 0;
    std::uint64_t band = 0, band_cold = 0;  // functions that concentrating can help
    std::uint64_t extra = 0;                // messages sent again, to the same region or another
    double wan_bytes = 0;
    std::int64_t left_failed_us = -1;    // last new request to a failed region, after its failure
    double fairness = 0, worst_pop = 0;  // Jain's index of POPs' mean latencies; worst ÷ mean
    std::uint64_t reverted = 0;
    double bound_us = 0;  // no choice of regions can have a smaller mean
    std::vector<TimelineBin> timeline;
    std::vector<std::uint32_t> ran_at;  // requests by POP and region (the last: the POP itself)
};

}  // namespace skerry::sim
