// Snapshot: everything that was put in is found, nothing else is, whatever the keys are.
#include "dataplane/snapshot/snapshot.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace skerry {
namespace {

Target target(std::uint64_t key, std::uint64_t qualifier, std::uint64_t version) {
    Target t;
    t.function_key = key;
    t.qualifier = qualifier;
    t.version_key = version;
    return t;
}

Snapshot snapshot_of(const std::vector<Target>& targets) {
    return {1, targets, {}, false};
}

const std::string kDigestA = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const std::string kDigestB = "00112233445566790000000000000000000000000000000000000000000000ff";

TEST(SnapshotNames, WhatPeopleCallATarget) {
    const std::uint64_t a = 0x0011223344556677u;
    const std::uint64_t b = 0x0011223344556679u;
    const Snapshot snapshot(1, {target(1, 0, a), target(1, 5, b), target(1, a, a), target(1, b, b)},
                            {}, false,
                            {{"greet", "", kDigestA},
                             {"greet", "live", kDigestB},
                             {"greet", kDigestA, kDigestA},
                             {"greet", kDigestB, kDigestB}});
    const auto version = [&](std::string_view function, std::string_view qualifier) {
        const Target* found = snapshot.find(function, qualifier);
        return found == nullptr ? std::string_view{} : snapshot.version_text(*found);
    };
    EXPECT_EQ(version("greet", ""), kDigestA);
    EXPECT_EQ(version("greet", "$LATEST"), kDigestA);
    EXPECT_EQ(version("greet", "live"), kDigestB);
    EXPECT_EQ(version("greet", kDigestB), kDigestB);
    EXPECT_EQ(version("greet", kDigestB.substr(0, 16)), kDigestB);
    EXPECT_EQ(version("greet", kDigestA.substr(0, 40)), kDigestA);
    // Its first 16 digits are a version's, the others are not.
    EXPECT_EQ(version("greet", kDigestB.substr(0, 16) + "1"), "");
    EXPECT_EQ(version("greet", kDigestB.substr(0, 15)), "");
    EXPECT_EQ(version("greet", kDigestA + "0"), "");
    EXPECT_EQ(version("greet", "dead"), "");
    EXPECT_EQ(version("greet:", "live"), "");
    EXPECT_EQ(version("greet:live", ""), "");
    EXPECT_EQ(version("", ""), "");
    EXPECT_EQ(version("Greet", ""), "");
}

TEST(SnapshotNames, ManyNamesAndNone) {
    std::vector<Target> targets;
    std::vector<TargetName> names;
    for (std::uint64_t i = 1; i <= 3000; ++i) {
        targets.push_back(target(i, 0, i));
        names.push_back({"function-" + std::to_string(i), "", kDigestA});
    }
    const Snapshot snapshot(1, targets, {}, false, names);
    for (std::uint64_t i = 1; i <= 3000; ++i) {
        const Target* found = snapshot.find("function-" + std::to_string(i), "");
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found->function_key, i);
    }
    EXPECT_EQ(snapshot.find("function-3001", ""), nullptr);
    const Snapshot nameless = snapshot_of(targets);
    EXPECT_EQ(nameless.find("function-1", ""), nullptr);
    EXPECT_EQ(nameless.version_text(*nameless.find(1, 0)), "");
}

TEST(SnapshotFind, EmptyHasNothing) {
    const Snapshot snapshot = snapshot_of({});
    EXPECT_EQ(snapshot.find(1, 0), nullptr);
    EXPECT_EQ(snapshot.find(1, 1), nullptr);
    EXPECT_NE(snapshot.prefetch_cell(1, 0), nullptr);
}

// 0 marks an empty cell: a request with that key must not be taken for a function.
TEST(SnapshotFind, KeyZeroIsNoFunction) {
    EXPECT_EQ(snapshot_of({}).find(0, 0), nullptr);
    EXPECT_EQ(snapshot_of({}).find(0, 9), nullptr);
    EXPECT_EQ(snapshot_of({target(1, 0, 5)}).find(0, 0), nullptr);
}

TEST(SnapshotFind, KeyAndQualifierTogether) {
    const Snapshot snapshot = snapshot_of({target(1, 0, 10), target(1, 7, 11), target(7, 1, 12)});
    ASSERT_NE(snapshot.find(1, 0), nullptr);
    EXPECT_EQ(snapshot.find(1, 0)->version_key, 10u);
    EXPECT_EQ(snapshot.find(1, 7)->version_key, 11u);
    EXPECT_EQ(snapshot.find(7, 1)->version_key, 12u);
    EXPECT_EQ(snapshot.find(7, 0), nullptr);
    EXPECT_EQ(snapshot.find(1, 1), nullptr);
    EXPECT_EQ(snapshot.find(7, 7), nullptr);
}

TEST(SnapshotFind, ManyTargets) {
    for (const std::size_t count : {1u, 4u, 5u, 8u, 9u, 1000u, 20000u}) {
        std::vector<Target> targets;
        std::uint64_t key = 99;
        for (std::size_t i = 0; i < count; ++i) {
            key = key * 6364136223846793005ull + 1442695040888963407ull;
            targets.push_back(target(key | 1, i % 3, i));
        }
        const Snapshot snapshot = snapshot_of(targets);
        for (const Target& t : targets) {
            const Target* found = snapshot.find(t.function_key, t.qualifier);
            ASSERT_NE(found, nullptr);
            ASSERT_EQ(found->version_key, t.version_key);
            ASSERT_EQ(snapshot.find(t.function_key, t.qualifier + 3), nullptr);
            ASSERT_EQ(snapshot.find(t.function_key + 1, t.qualifier), nullptr);
        }
    }
}

// Keys whose first cell is one and the same, at the end of the table, so that probing goes round.
TEST(SnapshotFind, CollisionsThatGoRoundTheEnd) {
    constexpr std::size_t kCount = 16;  // 32 cells
    std::vector<Target> targets;
    std::uint64_t key = 1;
    for (; targets.size() < kCount; ++key)
        if ((Snapshot::hash(key, 0) & 31) == 30) targets.push_back(target(key, 0, key));
    std::uint64_t absent = key;
    while ((Snapshot::hash(absent, 0) & 31) != 30) ++absent;
    const Snapshot snapshot = snapshot_of(targets);
    for (const Target& t : targets) {
        const Target* found = snapshot.find(t.function_key, 0);
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found->version_key, t.function_key);
        EXPECT_EQ(snapshot.prefetch_cell(t.function_key, 0),
                  snapshot.find(targets[0].function_key, 0));
    }
    EXPECT_EQ(snapshot.find(absent, 0), nullptr);
}

TEST(SnapshotFind, QualifiersOfOneFunctionSpread) {
    std::vector<Target> targets;
    for (std::uint64_t q = 0; q < 500; ++q) targets.push_back(target(42, q, q + 1));
    const Snapshot snapshot = snapshot_of(targets);
    for (std::uint64_t q = 0; q < 500; ++q) {
        ASSERT_NE(snapshot.find(42, q), nullptr);
        EXPECT_EQ(snapshot.find(42, q)->version_key, q + 1);
    }
    EXPECT_EQ(snapshot.find(42, 500), nullptr);
}

TEST(SnapshotFind, AllFieldsComeThrough) {
    Target t = target(3, 4, 5);
    t.holders = 0xf0;
    t.entry = 17;
    t.function = kFunctionRows - 1;
    t.timeout_us = 1;
    t.cold_cost_us = 2;
    t.max_payload_bytes = 3;
    t.place = Place::region;
    t.retry = RetryPolicy::never;
    const Snapshot snapshot = snapshot_of({t});
    const Target* found = snapshot.find(3, 4);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(*found, t);
}

TEST(SnapshotRest, RegionsGenerationAndDraining) {
    std::vector<RegionInfo> regions(kMaxRegions);
    regions[63].udp_port = 4600;
    const Snapshot snapshot(7, {}, regions, true);
    EXPECT_EQ(snapshot.generation(), 7u);
    EXPECT_TRUE(snapshot.draining());
    ASSERT_EQ(snapshot.regions().size(), kMaxRegions);
    EXPECT_EQ(snapshot.regions()[63].udp_port, 4600);
    EXPECT_FALSE(snapshot_of({}).draining());
}

TEST(SnapshotDeathTest, RefusesWhatItCouldNotAnswerFor) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(snapshot_of({target(0, 1, 1)}), "broken invariant");
    EXPECT_DEATH(snapshot_of({target(1, 1, 1), target(1, 1, 2)}), "broken invariant");
    Target t = target(1, 0, 0);
    t.function = kFunctionRows;
    EXPECT_DEATH(snapshot_of({t}), "broken invariant");
    EXPECT_DEATH(Snapshot(1, {}, std::vector<RegionInfo>(kMaxRegions + 1), false),
                 "broken invariant");
}

TEST(Snapshot, AnAliasSharesItsRequestsByTheirIds) {
    Target alias, other;
    alias.function_key = other.function_key = 7;
    alias.qualifier = 70;
    alias.version_key = 71;
    alias.split = 1;
    other.qualifier = other.version_key = 72;
    for (const std::uint32_t weight : {0u, 250'000u, kWholeSplit}) {
        const Snapshot snapshot(1, {alias, other}, {}, false, {},
                                {.rates = {}, .splits = {{72, weight}}, .reserved = {}});
        const Target* first = snapshot.find(7, 70);
        std::uint32_t there = 0;
        for (std::uint64_t id = 0; id < 100'000; ++id) {
            const Target* chosen = snapshot.choose(first, id * 0xd1342543de82ef95ull, ~id);
            ASSERT_EQ(chosen, snapshot.choose(first, id * 0xd1342543de82ef95ull, ~id));
            there += chosen->version_key == 72 ? 1 : 0;
        }
        EXPECT_NEAR(there, weight / 10.0, 600) << "by id, evenly";
    }
    const Snapshot gone(1, {alias}, {}, false, {},
                        {.rates = {}, .splits = {{72, kWholeSplit}}, .reserved = {}});
    EXPECT_EQ(gone.choose(gone.find(7, 70), 1, 2)->version_key, 71u);
    EXPECT_EQ(gone.choose(nullptr, 1, 2), nullptr);
    EXPECT_EQ(gone.reserved(3), ~0u);
}

}  // namespace
}  // namespace skerry
