// Seeded randomness of the simulator: the same seed gives the same run on every machine.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace skerry::sim {

constexpr std::uint64_t mix64(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// In [0, 1).
constexpr double unit(std::uint64_t bits) {
    return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

class Random {  // xoshiro256++ of Blackman and Vigna (public domain)
  public:
    explicit Random(std::uint64_t seed) {
        for (auto& word : state_) word = seed = mix64(seed);
    }
    std::uint64_t next() {
        const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }
    double uniform() { return unit(next()); }
    double exponential(double rate) { return -std::log(1.0 - uniform()) / rate; }

  private:
    std::array<std::uint64_t, 4> state_;
};

// Standard normal by its quantiles, from one draw: a table is faster than the formulas, and its
// 2^14 steps reach ±4 sigma.
class Normal {
  public:
    Normal();
    float operator()(std::uint64_t bits) const { return table_[bits >> 50]; }

  private:
    std::vector<float> table_;
};

// Draws index i with probability weight[i] / sum in constant time (Walker 1977, Vose 1991).
class Alias {
  public:
    explicit Alias(const std::vector<double>& weights);
    std::uint32_t operator()(std::uint64_t bits) const {
        const auto cell = static_cast<std::uint32_t>(
            (static_cast<unsigned __int128>(bits) * cells_.size()) >> 64);
        const auto coin = static_cast<std::uint32_t>(mix64(bits) >> 32);
        return coin < cells_[cell].threshold ? cell : cells_[cell].other;
    }

  private:
    struct Cell {
        std::uint32_t threshold = ~0u;
        std::uint32_t other = 0;
    };
    std::vector<Cell> cells_;
};

}  // namespace skerry::sim
