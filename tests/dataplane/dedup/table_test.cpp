#include "dataplane/dedup/table.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/dedup/store.hpp"

namespace skerry::dedup {
namespace {

using Found = TableView::Found;

constexpr std::byte kBytes[3] = {std::byte{1}, std::byte{2}, std::byte{3}};

// All keys meet in one bucket.
class DedupTable : public ::testing::Test {
  protected:
    TableView::Claim claim(std::uint32_t entry, std::uint64_t key) {
        return table_.claim(entry, {key, key}, 0);
    }
    std::array<Entry, 8> entries_;
    Atomic<std::uint64_t> bucket_{0};
    TableView table_{entries_.data(), &bucket_, 1};
};

TEST_F(DedupTable, TheCourseOfAnEntry) {
    const TableView::Claim first = claim(0, 7);
    ASSERT_EQ(first.found, Found::fresh);
    const TableView::Claim again = claim(1, 7);
    ASSERT_EQ(again.found, Found::running);
    EXPECT_EQ(again.ref.entry, 0u);
    EXPECT_EQ(table_.wait(again.ref, 5), Found::running);
    EXPECT_EQ(table_.wait(again.ref, 15), Found::running);
    EXPECT_FALSE(table_.withdraw(0, 0));
    Answer answer;
    EXPECT_FALSE(table_.pin(again.ref, answer));
    EXPECT_EQ(table_.publish(0, {kBytes, 3}), 1u << 5 | 1u << 15);
    EXPECT_EQ(table_.see(again.ref), Found::kept);
    EXPECT_EQ(table_.wait(again.ref, 1), Found::kept);
    EXPECT_EQ(claim(1, 7).found, Found::kept);
    ASSERT_TRUE(table_.pin(again.ref, answer));
    EXPECT_EQ(answer.bytes, kBytes);
    EXPECT_EQ(answer.count, 3u);
    EXPECT_FALSE(table_.drop(0));
    EXPECT_FALSE(table_.retire(0, 0));
    table_.unpin(again.ref);
    EXPECT_TRUE(table_.drop(0));
    EXPECT_EQ(claim(1, 7).found, Found::gone);
    EXPECT_FALSE(table_.pin(again.ref, answer));
    EXPECT_TRUE(table_.retire(0, 0));
    EXPECT_EQ(table_.see(again.ref), Found::gone);
    EXPECT_EQ(claim(1, 7).found, Found::fresh);
}

TEST_F(DedupTable, AnEntryUsedAgainIsAnother) {
    const Ref old = claim(0, 7).ref;
    EXPECT_TRUE(table_.withdraw(0, 0));
    const Ref next = claim(0, 8).ref;
    (void)table_.publish(0, {kBytes, 3});
    EXPECT_EQ(old.entry, next.entry);
    EXPECT_EQ(table_.see(old), Found::gone);
    EXPECT_EQ(table_.wait(old, 1), Found::gone);
    Answer answer;
    EXPECT_FALSE(table_.pin(old, answer));
    EXPECT_TRUE(table_.pin(next, answer));
}

TEST_F(DedupTable, AFullBucket) {
    for (std::uint32_t i = 0; i < TableView::kWays; ++i) ASSERT_EQ(claim(i, i).found, Found::fresh);
    EXPECT_EQ(claim(4, 4).found, Found::full);
    EXPECT_EQ(claim(4, 1).found, Found::running) << "who is in it is still found";
    (void)table_.publish(1, {});
    EXPECT_EQ(claim(4, 1).found, Found::gone);
    EXPECT_TRUE(table_.retire(1, 0));
    EXPECT_EQ(claim(4, 4).found, Found::fresh);
}

TEST_F(DedupTable, WhatIsRemovedIsFoundByWhoKnewItAlone) {
    const Ref ref = claim(0, 7).ref;
    EXPECT_EQ(table_.wait(ref, 2), Found::running);
    EXPECT_EQ(table_.publish(0, {kBytes, 1}), 4u);
    table_.remove(0, 0);
    table_.remove(0, 0);
    EXPECT_EQ(claim(1, 7).found, Found::fresh);
    Answer answer;
    EXPECT_TRUE(table_.pin(ref, answer));
    table_.unpin(ref);
    EXPECT_TRUE(table_.retire(0, 0));
    EXPECT_EQ(claim(2, 7).ref.entry, 1u) << "the other one has stayed";
}

// As many as there may be, of a secret's choice: hardly any bucket is full.
TEST(DedupStore, AlmostAllFindAPlace) {
    Store store(15, kEntriesMax / 15, {11, 13});
    TableView table = store.table();
    std::uint32_t full = 0;
    for (std::uint32_t i = 0; i < kEntriesMax / 15 * 15; ++i) {
        const Key key{i, 1};
        if (table.claim(i, key, store.hash(key)).found == Found::full) ++full;
    }
    EXPECT_LT(full, kEntriesMax / 400);
    EXPECT_GT(full, 0u);
}

}  // namespace
}  // namespace skerry::dedup
