#include "control/popularity/merged.hpp"

#include <algorithm>
#include <cmath>

#include "sandbox/base/check.hpp"

namespace skerry::popularity {

Merged::Merged(const SketchKey& key, std::uint32_t cores, double half_life_s)
    : key_(key), half_life_s_(half_life_s), seen_(cores) {}

void Merged::step(std::span<const Sketch* const> sketches, double passed_s) {
    SKERRY_CHECK(sketches.size() == seen_.size());
    if (passed_s <= 0) return;
    const double decay = std::exp2(-passed_s / half_life_s_);
    const auto kept = static_cast<float>(decay);
    const auto share = static_cast<float>((1 - decay) / passed_s);
    double all = 0, squares = 0;
    for (std::uint32_t line = 0; line < kSketchDepth; ++line)
        for (std::uint32_t place = 0; place < kSketchWidth; ++place) {
            std::uint32_t fresh = 0;
            for (std::size_t core = 0; core < sketches.size(); ++core) {
                std::uint32_t& seen = seen_[core][line][place];
                const std::uint32_t now = sketches[core]->cell(line, place);
                fresh += now - seen;
                seen = now;
            }
            float& rate = per_s_[line][place];
            rate = rate * kept + static_cast<float>(fresh) * share;
            all += double{rate};
            squares += double{rate} * double{rate};
        }
    constexpr double kCells = double{kSketchDepth} * kSketchWidth;
    all_per_s_ = all / kSketchDepth;
    const double mean = all / kCells;
    noise_per_s_ = std::sqrt(std::max(0.0, squares / kCells - mean * mean));
}

double Merged::per_s(std::uint64_t function_key) const {
    std::array<double, kSketchDepth> own;
    double least = all_per_s_;
    for (std::uint32_t line = 0; line < kSketchDepth; ++line) {
        const double cell = double{per_s_[line][key_.place(line, function_key)]};
        least = std::min(least, cell);
        own[line] = cell - (all_per_s_ - cell) / (kSketchWidth - 1);
    }
    std::sort(own.begin(), own.end());
    const double middle = (own[(kSketchDepth - 1) / 2] + own[kSketchDepth / 2]) / 2;
    return std::clamp(middle, 0.0, std::max(least, 0.0));
}

}  // namespace skerry::popularity
