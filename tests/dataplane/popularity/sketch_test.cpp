#include "dataplane/popularity/sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

namespace skerry::popularity {
namespace {

std::uint32_t least(const Sketch& sketch, const SketchKey& key, std::uint64_t function_key) {
    std::uint32_t least = ~0u;
    for (std::uint32_t line = 0; line < kSketchDepth; ++line)
        least = std::min(least, sketch.cell(line, key.place(line, function_key)));
    return least;
}

TEST(Sketch, CountsAFunctionInOneCellOfEachLine) {
    const SketchKey key;
    const auto sketch = std::make_unique<Sketch>();
    for (int i = 0; i < 3; ++i) sketch->add(key, 42);
    for (std::uint32_t line = 0; line < kSketchDepth; ++line)
        for (std::uint32_t place = 0; place < kSketchWidth; ++place)
            EXPECT_EQ(sketch->cell(line, place), place == key.place(line, 42) ? 3u : 0u);
}

TEST(Sketch, IsNeverLessThanTheTruthAndSeldomMuchMore) {
    const SketchKey key;
    const auto sketch = std::make_unique<Sketch>();
    std::mt19937_64 random(7);
    constexpr std::uint32_t kFunctions = 20'000, kEach = 5;
    std::vector<std::uint64_t> functions(kFunctions);
    for (std::uint64_t& each : functions) each = random();
    for (std::uint32_t n = 0; n < kEach; ++n)
        for (const std::uint64_t each : functions) sketch->add(key, each);
    // The bound of the header: 2·e·N / width, missed by 1.8 % at most.
    const double bound = 2 * 2.71828 * kFunctions * kEach / kSketchWidth;
    std::uint32_t over = 0;
    for (const std::uint64_t each : functions) {
        const std::uint32_t told = least(*sketch, key, each);
        ASSERT_GE(told, kEach);
        if (told - kEach > bound) ++over;
    }
    EXPECT_LE(over, kFunctions * 0.0183);
}

TEST(Sketch, AnotherKeyPutsFunctionsElsewhere) {
    std::mt19937_64 random(11);
    const SketchKey one({random(), random(), random(), random()});
    const SketchKey two({random(), random(), random(), random()});
    int same = 0;
    for (std::uint64_t function = 1; function <= 1000; ++function)
        for (std::uint32_t line = 0; line < kSketchDepth; ++line)
            same += one.place(line, function * 0x9e3779b97f4a7c15ull) ==
                    two.place(line, function * 0x9e3779b97f4a7c15ull);
    EXPECT_LT(same, 20) << "one in 4096 by chance";
}

TEST(Sketch, LinesHashEachInItsOwnWay) {
    const SketchKey key;
    // Functions that meet one of them in the first line meet it in no other, but by chance.
    std::mt19937_64 random(3);
    const std::uint64_t chosen = random();
    std::uint32_t met = 0, again = 0;
    for (int i = 0; i < 2'000'000; ++i) {
        const std::uint64_t other = random();
        if (key.place(0, other) != key.place(0, chosen)) continue;
        ++met;
        for (std::uint32_t line = 1; line < kSketchDepth; ++line)
            again += key.place(line, other) == key.place(line, chosen);
    }
    EXPECT_GT(met, 200u);
    EXPECT_LT(again, met / 20);
}

TEST(Sketch, AFactorThatIsEvenIsMadeOdd) {
    // Even ones would throw bits of the key away.
    const SketchKey key({0, 0, 0, 0});
    EXPECT_EQ(key.place(0, ~std::uint64_t{0}), kSketchWidth - 1);
}

}  // namespace
}  // namespace skerry::popularity
