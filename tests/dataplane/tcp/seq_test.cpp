// Order of sequence numbers, at every place where 32 bits wrap.
#include "dataplane/net/tcp/seq.hpp"

#include <gtest/gtest.h>

namespace skerry::net::tcp {
namespace {

constexpr std::uint32_t kStarts[] = {0,          1,          0x7fffffff, 0x80000000,
                                     0x80000001, 0xfffffffe, 0xffffffff};

TEST(TcpSeq, OrderHoldsWhereverItWraps) {
    for (const std::uint32_t start : kStarts) {
        for (const std::uint32_t ahead : {1u, 2u, 65535u, 0x7ffffffeu, 0x7fffffffu}) {
            EXPECT_TRUE(before(start, start + ahead)) << start << " + " << ahead;
            EXPECT_TRUE(after(start + ahead, start));
            EXPECT_FALSE(before(start + ahead, start));
            EXPECT_FALSE(at_or_before(start + ahead, start));
            EXPECT_EQ(max_seq(start, start + ahead), start + ahead);
            EXPECT_EQ(min_seq(start + ahead, start), start);
            EXPECT_EQ(distance(start, start + ahead), static_cast<std::int32_t>(ahead));
            EXPECT_EQ(distance(start + ahead, start), -static_cast<std::int32_t>(ahead));
        }
    }
}

TEST(TcpSeq, EqualIsNeitherBeforeNorAfter) {
    for (const std::uint32_t start : kStarts) {
        EXPECT_FALSE(before(start, start));
        EXPECT_FALSE(after(start, start));
        EXPECT_TRUE(at_or_before(start, start));
        EXPECT_TRUE(at_or_after(start, start));
    }
}

TEST(TcpSeq, AWindowHasItsFirstAndNotItsEnd) {
    for (const std::uint32_t start : kStarts) {
        EXPECT_TRUE(in_window(start, start, 1));
        EXPECT_TRUE(in_window(start + 9, start, 10));
        EXPECT_FALSE(in_window(start + 10, start, 10));
        EXPECT_FALSE(in_window(start - 1, start, 10));
        EXPECT_FALSE(in_window(start, start, 0)) << "an empty window holds nothing";
    }
}

}  // namespace
}  // namespace skerry::net::tcp
