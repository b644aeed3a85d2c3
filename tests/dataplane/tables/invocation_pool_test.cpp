#include <gtest/gtest.h>

#include <set>

#include "dataplane/invocation.hpp"

namespace skerry {
namespace {

TEST(InvocationPool, AsManyAsItSaysAndNoMore) {
    InvocationPool pool(100);
    std::set<std::uint32_t> indices;
    for (int i = 0; i < 100; ++i) indices.insert(pool.allocate());
    EXPECT_EQ(indices.size(), 100u);
    EXPECT_EQ(*indices.rbegin(), 99u);
    EXPECT_EQ(pool.used(), 100u);
    EXPECT_EQ(pool.allocate(), kNoInvocation);
    pool.release(40);
    EXPECT_EQ(pool.allocate(), 40u);
    EXPECT_EQ(pool.allocate(), kNoInvocation);
}

TEST(InvocationPool, OfNothing) {
    InvocationPool pool(0);
    EXPECT_EQ(pool.allocate(), kNoInvocation);
}

TEST(InvocationPool, ARecordComesCleanAndWithAnotherGeneration) {
    InvocationPool pool(2);
    std::set<std::uint32_t> generations;
    for (int use = 0; use < 50; ++use) {
        const std::uint32_t index = pool.allocate();
        Invocation& record = pool[index];
        EXPECT_TRUE(generations.insert(record.generation).second);
        EXPECT_EQ(record.progress, Progress::free);
        EXPECT_EQ(record.tried, 0u);
        EXPECT_EQ(record.request, nullptr);
        EXPECT_EQ(record.next, kNoInvocation);
        record.progress = Progress::forwarded;
        record.tried = 3;
        record.next = 1;
        pool.release(index);
        EXPECT_EQ(pool[index].progress, Progress::free);
    }
    EXPECT_EQ(pool.used(), 0u);
}

}  // namespace
}  // namespace skerry
