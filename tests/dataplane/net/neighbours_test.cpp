#include "dataplane/net/neighbours.hpp"

#include <gtest/gtest.h>

namespace skerry::net {
namespace {

const MacAddress kMac{{2, 0, 0, 0, 0, 1}};
const MacAddress kOther{{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}};

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

TEST(Neighbours, TheSameHopIsAddedOnce) {
    Neighbours neighbours;
    EXPECT_EQ(neighbours.add({address("10.0.0.1"), 0}), 0);
    EXPECT_EQ(neighbours.add({address("10.0.0.1"), 1}), 1);
    EXPECT_EQ(neighbours.add({address("10.0.0.2"), 0}), 2);
    EXPECT_EQ(neighbours.add({address("10.0.0.1"), 1}), 1);
    EXPECT_EQ(neighbours.size(), 3u);
    EXPECT_EQ(neighbours.hop(2).address, address("10.0.0.2"));
}

TEST(Neighbours, AsManyAsThereIsRoomFor) {
    Neighbours neighbours;
    for (std::uint32_t i = 0; i < kMaxNextHops; ++i)
        ASSERT_EQ(neighbours.add({IpAddress::v4(i), 0}), i);
    EXPECT_EQ(neighbours.add({IpAddress::v4(kMaxNextHops), 0}), std::nullopt);
    EXPECT_EQ(neighbours.add({IpAddress::v4(7), 0}), 7);
}

TEST(Neighbours, LearnsOnlyWhatItKnows) {
    Neighbours neighbours;
    neighbours.add({address("10.0.0.1"), 0});
    neighbours.add({address("10.0.0.1"), 1});
    EXPECT_EQ(neighbours.find(0), std::nullopt);
    neighbours.learn(address("10.0.0.9"), 0, kMac, 5);
    EXPECT_EQ(neighbours.find(0), std::nullopt);
    neighbours.learn(address("10.0.0.1"), 0, kMac, 5);
    EXPECT_EQ(neighbours.find(0), kMac);
    EXPECT_EQ(neighbours.find(1), std::nullopt) << "another port, another link";
    neighbours.learn(address("10.0.0.1"), 0, kOther, 6);
    EXPECT_EQ(neighbours.find(0), kOther);
}

TEST(Neighbours, RefreshAfterAnAgeThatMayWrap) {
    Neighbours neighbours;
    neighbours.add({address("10.0.0.1"), 0});
    EXPECT_TRUE(neighbours.wants_refresh(0, 0, 30));
    for (const unsigned learnt : {0u, 100u, 65500u, 65535u}) {
        neighbours.learn(address("10.0.0.1"), 0, kMac, static_cast<std::uint16_t>(learnt));
        EXPECT_FALSE(neighbours.wants_refresh(0, static_cast<std::uint16_t>(learnt), 30));
        EXPECT_FALSE(neighbours.wants_refresh(0, static_cast<std::uint16_t>(learnt + 30), 30));
        EXPECT_TRUE(neighbours.wants_refresh(0, static_cast<std::uint16_t>(learnt + 31), 30));
    }
}

}  // namespace
}  // namespace skerry::net
