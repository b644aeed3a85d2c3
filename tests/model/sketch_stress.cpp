// A sketch of each core with real threads: each core counts into its own, one thread takes
// differences of all, and at the end nothing is lost and nothing is there twice.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "dataplane/popularity/sketch.hpp"

namespace skerry::popularity {
namespace {

constexpr std::uint32_t kCores = 3;
constexpr std::uint32_t kRequests = 200'000;
constexpr std::uint64_t kFunctions = 500;

TEST(SketchStress, DifferencesOfAllLooksAreWhatWasCounted) {
    const SketchKey key;
    std::vector<std::unique_ptr<Sketch>> sketches;
    for (std::uint32_t core = 0; core < kCores; ++core)
        sketches.push_back(std::make_unique<Sketch>());
    std::atomic<std::uint32_t> done{0};
    std::vector<std::thread> cores;
    for (std::uint32_t core = 0; core < kCores; ++core)
        cores.emplace_back([&, core] {
            for (std::uint32_t i = 0; i < kRequests; ++i)
                sketches[core]->add(key, (i % kFunctions + 1) * 0x9e3779b97f4a7c15ull);
            ++done;
        });
    std::vector<std::uint32_t> seen(std::size_t{kCores} * kSketchDepth * kSketchWidth);
    std::uint64_t total[kSketchDepth] = {};
    bool went_back = false;
    const auto look = [&] {
        std::size_t at = 0;
        for (std::uint32_t core = 0; core < kCores; ++core)
            for (std::uint32_t line = 0; line < kSketchDepth; ++line)
                for (std::uint32_t place = 0; place < kSketchWidth; ++place, ++at) {
                    const std::uint32_t now = sketches[core]->cell(line, place);
                    went_back |= now < seen[at];
                    total[line] += now - seen[at];
                    seen[at] = now;
                }
    };
    while (done.load() < kCores) look();
    for (std::thread& core : cores) core.join();
    look();
    EXPECT_FALSE(went_back);
    for (const std::uint64_t each : total) EXPECT_EQ(each, std::uint64_t{kCores} * kRequests);
}

}  // namespace
}  // namespace skerry::popularity
