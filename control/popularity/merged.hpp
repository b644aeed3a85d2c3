// The cores' sketches put together: how often functions that have no row of their own are asked
// for, as exponentially decayed rates. Control thread only; dataplane/popularity/sketch.hpp says
// why sums and differences of sketches are sketches.
//
// A cell has the requests of all functions that share it. What the others bring is on average the
// same in each cell of a line, so that much is subtracted, and of the lines' results the middle is
// taken (count-mean-min: Deng and Rafiei, "New estimation algorithms for streaming data: Count-min
// can do more", 2007): right on average, where the smallest cell alone is always too much; and with
// tens of functions in each cell that would make strangers of all of them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/popularity/sketch.hpp"

namespace skerry::popularity {

class Merged {
  public:
    Merged(const SketchKey& key, std::uint32_t cores, double half_life_s);

    // Takes what has been counted since the last time; one sketch of each core, in the same order.
    void step(std::span<const Sketch* const> sketches, double passed_s);

    // Requests a second for the function.
    double per_s(std::uint64_t function_key) const;
    // And for all functions without a row.
    double all_per_s() const { return all_per_s_; }
    // By how much an estimate is usually off: the standard deviation of what one line says.
    double noise_per_s() const { return noise_per_s_; }

  private:
    template <typename T>
    using Cells = std::array<std::array<T, kSketchWidth>, kSketchDepth>;

    SketchKey key_;
    double half_life_s_;
    double all_per_s_ = 0, noise_per_s_ = 0;
    std::vector<Cells<std::uint32_t>> seen_;  // of each core
    Cells<float> per_s_{};
};

}  // namespace skerry::popularity
