#include "dataplane/limits/bucket_table.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace skerry::limits {
namespace {

constexpr std::uint64_t kHz = 1'000'000;
constexpr net::SipKey kKey{1, 2};

TEST(BucketTable, AKeyKeepsItsPlace) {
    BucketTable table(64, kKey);
    EXPECT_EQ(table.places(), 64u);
    const std::uint64_t key = table.key_of(1u);
    EXPECT_EQ(table.find(key), BucketTable::kNone);
    const BucketTable::Place place = table.find_or_make(key, 0);
    EXPECT_EQ(table.find(key), place);
    EXPECT_EQ(table.find_or_make(key, 9), place);
    ASSERT_TRUE(
        table.asked(place).take(Rate::of(1, 1, kHz), 9));  // else its place is as good as free
    EXPECT_NE(table.find_or_make(table.key_of(2u), 0), place);
}

TEST(BucketTable, OnlyWhoHoldsStays) {
    BucketTable table(16, kKey);
    std::vector<std::uint64_t> held;
    for (std::uint64_t i = 0; held.size() < 16; ++i) {
        const std::uint64_t key = table.key_of(i);
        const BucketTable::Place place = table.find_or_make(key, 0);
        ASSERT_NE(place, table.overflow());
        table.hold(place);
        held.push_back(key);
    }
    const BucketTable::Place shared = table.find_or_make(table.key_of(999u), 0);
    EXPECT_EQ(shared, table.overflow());
    EXPECT_EQ(table.overflowed(), 1u);
    for (const std::uint64_t key : held) EXPECT_NE(table.find(key), BucketTable::kNone);
    // The overflow bucket has a rate of its own.
    const Rate one = Rate::of(10, 1, kHz);
    EXPECT_EQ(table.rate_of(shared, one).interval, one.interval / BucketTable::kSharers);
    EXPECT_EQ(table.rate_of(0, one).interval, one.interval);

    table.let_go(table.find(held[5]));
    const BucketTable::Place place = table.find_or_make(table.key_of(999u), 0);
    EXPECT_NE(place, table.overflow());
    EXPECT_EQ(table.find(held[5]), BucketTable::kNone);
}

TEST(BucketTable, WhoOwesLeastGoesFirst) {
    BucketTable table(16, kKey);
    const Rate rate = Rate::of(10, 100, kHz);
    std::vector<std::uint64_t> keys;
    for (std::uint64_t i = 0; i < 16; ++i) {
        keys.push_back(table.key_of(i));
        const auto place = table.find_or_make(keys.back(), 0);
        ASSERT_TRUE(table.asked(place).take(rate, 0, 20 - i));
    }
    EXPECT_EQ(table.forgotten(), 0u);
    (void)table.find_or_make(table.key_of(100u), 0);
    EXPECT_EQ(table.find(keys[15]), BucketTable::kNone);
    EXPECT_EQ(table.forgotten(), 1u);
    // Refusals are debts as well.
    const auto fourteenth = table.find(keys[14]);
    ASSERT_TRUE(table.refused(fourteenth).take(rate, 0, 90));
    const auto newcomer = table.find(table.key_of(100u));
    ASSERT_TRUE(table.asked(newcomer).take(rate, 0, 50));
    (void)table.find_or_make(table.key_of(101u), 0);
    EXPECT_EQ(table.find(keys[13]), BucketTable::kNone);
    EXPECT_NE(table.find(keys[14]), BucketTable::kNone);
}

// A hundred times as many addresses as there are places, all over their limit for as long as they
// can be, and 50 honest ones at half of theirs.
TEST(BucketTable, AttackersWithManyAddressesHurtNobodyAndGainLittle) {
    constexpr std::uint32_t kPlaces = 1024, kAttackers = 100 * kPlaces, kHonest = 50;
    constexpr std::uint32_t kPerSecond = 20, kBurst = 10;
    BucketTable table(kPlaces, kKey);
    const Rate rate = Rate::of(kPerSecond, kBurst, kHz);
    std::mt19937_64 random(3);
    std::uint64_t honest_refused = 0, attack_taken = 0, attack_asked = 0;
    std::vector<std::uint64_t> next(kHonest);
    for (std::uint64_t& at : next) at = random() % (kHz / 10);
    constexpr std::uint64_t kSeconds = 5;
    for (std::uint64_t now = 0; now < kSeconds * kHz; now += 10) {
        // A hundred thousand requests a second, and those who were refused try again at once.
        const std::uint64_t attacker = random() % kAttackers;
        for (int i = 0; i < 3; ++i) {
            ++attack_asked;
            const auto place = table.find_or_make(table.key_of(attacker, 1u), now);
            attack_taken += table.asked(place).take(table.rate_of(place, rate), now);
        }
        for (std::uint64_t h = 0; h < kHonest; ++h) {
            if (now < next[h]) continue;
            next[h] += kHz / (kPerSecond / 2);
            const auto place = table.find_or_make(table.key_of(h, 2u), now);
            honest_refused += !table.asked(place).take(table.rate_of(place, rate), now);
        }
    }
    EXPECT_EQ(honest_refused, 0u);
    EXPECT_GT(table.forgotten(), 0u);
    EXPECT_EQ(table.overflowed(), 0u);
    // Each of them alone is within its limit (3 a second, of 20): there is nothing to be refused
    // but what comes together by chance.
    EXPECT_GE(attack_taken, attack_asked * 999 / 1000);
}

// Few who flood, among many who come once: those who flood stay limited.
TEST(BucketTable, WhoFloodsIsNotForgotten) {
    constexpr std::uint32_t kPlaces = 1024, kFlooders = 8;
    BucketTable table(kPlaces, kKey);
    const Rate rate = Rate::of(100, 100, kHz);
    std::uint64_t taken = 0, once = 0;
    constexpr std::uint64_t kSeconds = 5;
    for (std::uint64_t now = 0; now < kSeconds * kHz; now += 20) {
        const auto place = table.find_or_make(table.key_of(++once, 1u), now);
        EXPECT_TRUE(table.asked(place).take(rate, now));
        for (std::uint64_t f = 0; f < kFlooders; ++f) {
            const auto at = table.find_or_make(table.key_of(f, 2u), now);
            taken += table.asked(at).take(rate, now);
        }
    }
    EXPECT_LE(taken, kFlooders * (100 * kSeconds + 101));
    EXPECT_GE(taken, kFlooders * 100 * kSeconds);
}

TEST(BucketTable, KeysLieEverywhere) {
    BucketTable table(1 << 16, kKey);
    std::set<BucketTable::Place> places;
    for (std::uint64_t i = 0; i < 16384; ++i) {
        const auto place = table.find_or_make(table.key_of(i << 40), 0);
        ASSERT_NE(place, table.overflow());
        table.hold(place);
        EXPECT_TRUE(places.insert(place).second);
    }
}

}  // namespace
}  // namespace skerry::limits
