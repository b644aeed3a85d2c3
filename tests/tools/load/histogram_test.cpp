#include "tools/load/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tools/load/random.hpp"

namespace skerry::load {
namespace {

TEST(Histogram, EveryValueIsInABucketThatIsAThousandthWideAtMost) {
    Random random(1);
    for (int i = 0; i < 100'000; ++i) {
        const std::uint64_t value = random.next() >> (22 + random.next() % 42);
        const std::size_t index = Histogram::index_of(value);
        const std::uint64_t highest = Histogram::highest_of(index);
        ASSERT_GE(highest, value);
        ASSERT_LE(highest - value, value / 1000) << value;
        if (index > 0) {
            ASSERT_LT(Histogram::highest_of(index - 1), value);
        }
    }
    EXPECT_EQ(Histogram::highest_of(Histogram::index_of(Histogram::kMost)), Histogram::kMost);
    EXPECT_EQ(Histogram::index_of(UINT64_MAX), Histogram::index_of(Histogram::kMost));
}

TEST(Histogram, BucketsFollowOneAnotherWithoutGap) {
    for (std::uint64_t value = 1; value < 100'000; ++value) {
        const std::size_t before = Histogram::index_of(value - 1), at = Histogram::index_of(value);
        ASSERT_TRUE(at == before || at == before + 1) << value;
    }
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValues) {
    Random random(2);
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) {
        values.push_back(random.next() % 5'000'000);
        histogram.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(q * 20'000));
        const double exact = static_cast<double>(values[rank == 0 ? 0 : rank - 1]);
        EXPECT_NEAR(static_cast<double>(histogram.at(q)), exact, exact / 1000 + 1) << q;
    }
    EXPECT_EQ(histogram.max(), values.back());
    EXPECT_EQ(histogram.min(), values.front());
    EXPECT_EQ(histogram.at(1.0), values.back());
}

TEST(Histogram, EmptyMergeAndClear) {
    Histogram one, two;
    EXPECT_EQ(one.at(0.5), 0u);
    EXPECT_EQ(one.min(), 0u);
    one.record(10);
    two.record(30);
    two.merge(one);
    EXPECT_EQ(two.count(), 2u);
    EXPECT_EQ(two.min(), 10u);
    EXPECT_EQ(two.max(), 30u);
    EXPECT_DOUBLE_EQ(two.mean(), 20);
    two.clear();
    EXPECT_EQ(two.count(), 0u);
}

TEST(Histogram, HgrmEndsAtAllValuesAndNeverGoesBack) {
    Histogram histogram;
    Random random(3);
    for (int i = 0; i < 10'000; ++i) histogram.record(random.next() % 1'000'000);
    char* text = nullptr;
    std::size_t bytes = 0;
    std::FILE* out = open_memstream(&text, &bytes);
    ASSERT_NE(out, nullptr);
    histogram.write_hgrm(out, 1000);
    std::fclose(out);
    double value = 0, quantile = 0, last_value = 0, last_quantile = 0;
    unsigned long long total = 0;
    int lines = 0;
    for (char* line = strtok(text, "\n"); line != nullptr; line = strtok(nullptr, "\n")) {
        if (std::sscanf(line, "%lf %lf %llu", &value, &quantile, &total) != 3) continue;
        EXPECT_GE(value, last_value);
        EXPECT_GE(quantile, last_quantile);
        last_value = value;
        last_quantile = quantile;
        ++lines;
    }
    EXPECT_GT(lines, 20);
    EXPECT_DOUBLE_EQ(last_quantile, 1.0);
    EXPECT_EQ(total, 10'000u);
    free(text);
}

TEST(Zipf, SharesAreThoseOfTheLaw) {
    Random random(4);
    const Zipf zipf(10, 1.0);
    std::vector<int> seen(10);
    for (int i = 0; i < 200'000; ++i) ++seen[zipf(random)];
    double sum = 0;
    for (int i = 1; i <= 10; ++i) sum += 1.0 / i;
    for (int i = 0; i < 10; ++i) EXPECT_NEAR(seen[i] / 200e3, 1.0 / (i + 1) / sum, 0.005) << i;
}

TEST(Zipf, ZeroIsEvenAndOneItemIsAlwaysIt) {
    Random random(5);
    const Zipf even(4, 0.0);
    std::vector<int> seen(4);
    for (int i = 0; i < 40'000; ++i) ++seen[even(random)];
    for (const int count : seen) EXPECT_NEAR(count, 10'000, 500);
    const Zipf one(1, 1.1);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(one(random), 0u);
}

TEST(Zipf, ASeedRepeats) {
    Random one(6), two(6);
    const Zipf zipf(100, 1.2);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(zipf(one), zipf(two));
}

}  // namespace
}  // namespace skerry::load
