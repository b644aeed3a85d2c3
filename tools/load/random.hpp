// Chance that can be repeated: SplitMix64, and what is drawn from it. The distributions of <random>
// differ between libraries.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace skerry::load {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // 0 ≤ x < 1

  private:
    std::uint64_t state_;
};

// Zipf's law over `count` items: item i (from 0) has a share in proportion to 1 / (i + 1)^s.
// s = 0: all alike. A table and a binary search: exact, for the few items there are.
class Zipf {
  public:
    Zipf(std::size_t count, double s) {
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) {
            sum += std::pow(static_cast<double>(i + 1), -s);
            upto_.push_back(sum);
        }
    }
    std::size_t operator()(Random& random) const {
        const double at = random.unit() * upto_.back();
        const auto found = std::upper_bound(upto_.begin(), upto_.end(), at);
        return std::min(static_cast<std::size_t>(found - upto_.begin()), upto_.size() - 1);
    }

  private:
    std::vector<double> upto_;
};

}  // namespace skerry::load
