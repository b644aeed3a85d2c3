#include "tools/sim/pairs.hpp"

#include <gtest/gtest.h>

#include <map>

namespace skerry::sim {
namespace {

TEST(PairTable, StartsAtZerosAndKeepsWhatIsWritten) {
    constexpr std::uint32_t kFunctions = 1'000'000;
    PairTable table(kFunctions);
    std::map<std::pair<std::uint32_t, std::uint32_t>, float> wanted;
    Random random(5);
    for (int i = 0; i < 300'000; ++i) {  // it grows a few times
        const auto pop = static_cast<std::uint32_t>(random.next() % 1000);
        const auto function =
            static_cast<std::uint32_t>(random.next() % (i % 2 ? 500 : kFunctions));
        PopFunction& mine = table.add(pop, function);
        const auto [known, fresh] = wanted.try_emplace({pop, function});
        ASSERT_EQ(mine.rate, fresh ? 0 : known->second);
        mine.rate = known->second = static_cast<float>(i + 1);
    }
    EXPECT_EQ(table.used(), wanted.size());
    for (const auto& [pair, rate] : wanted) ASSERT_EQ(table.at(pair.first, pair.second).rate, rate);
}

TEST(PairTable, TheFirstAndTheLastPairAreOnesLikeOthers) {
    PairTable table(1);
    table.add(0, 0).rate = 1;
    table.add(999, 0).rate = 2;
    EXPECT_EQ(table.at(0, 0).rate, 1);
    EXPECT_EQ(table.at(999, 0).rate, 2);
    EXPECT_EQ(table.used(), 2u);
}

}  // namespace
}  // namespace skerry::sim
