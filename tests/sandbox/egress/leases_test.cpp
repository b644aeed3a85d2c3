#include "sandbox/egress/leases.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/sandbox/egress/prefix.hpp"

namespace skerry::test {
namespace {

egress::Network network(const std::string& subnet4, const std::string& subnet6 = {}) {
    egress::Network made;
    made.name = "internet";
    if (!subnet4.empty()) made.subnet4 = prefix(subnet4);
    if (!subnet6.empty()) made.subnet6 = prefix(subnet6);
    return made;
}

TEST(Leases, CountWhatASubnetHasForWorkers) {
    EXPECT_EQ(address_count(network("10.66.0.0/30")), 2u);
    EXPECT_EQ(address_count(network("10.66.0.0/24")), 254u);
    EXPECT_EQ(address_count(network("10.0.0.0/8")), 65'534u);
    EXPECT_EQ(address_count(network("", "fd66::/126")), 3u);
    EXPECT_EQ(address_count(network("", "fd66::/64")), 65'534u);
    EXPECT_EQ(address_count(network("10.66.0.0/24", "fd66::/126")), 3u) << "the smaller one";
}

TEST(Leases, EachIsGivenOnce) {
    egress::Leases leases(network("10.66.0.0/28"), 1234567);
    std::set<std::uint32_t> given;
    for (int i = 0; i < 14; ++i) {
        const auto number = leases.take();
        ASSERT_TRUE(number);
        EXPECT_TRUE(*number >= 1 && *number <= 14) << *number;
        EXPECT_TRUE(given.insert(*number).second) << *number;
    }
    const auto none = leases.take();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ENOSPC);
    EXPECT_EQ(
        none.error().text,
        "all 14 addresses of 10.66.0.0/28 have workers; give it a larger subnet, or let fewer "
        "workers run");
}

TEST(Leases, WhatWasGivenBackRestsAsLongAsPossible) {
    egress::Leases leases(network("10.66.0.0/29"), 0);
    EXPECT_EQ(*leases.take(), 1u);
    leases.give_back(1);
    for (std::uint32_t expected = 2; expected <= 6; ++expected) {
        EXPECT_EQ(*leases.take(), expected);
        if (expected != 4) leases.give_back(expected);
    }
    EXPECT_EQ(*leases.take(), 1u);
    EXPECT_EQ(*leases.take(), 2u);
    EXPECT_EQ(*leases.take(), 3u);
    EXPECT_EQ(*leases.take(), 5u) << "4 has not been given back";
}

TEST(Leases, ServersBeginSomewhereElse) {
    EXPECT_EQ(*egress::Leases(network("10.66.0.0/29"), 3).take(), 4u);
    EXPECT_EQ(*egress::Leases(network("10.66.0.0/29"), 6).take(), 1u);
}

TEST(Leases, WhatNobodyHasIsNotGivenBack) {
    egress::Leases leases(network("10.66.0.0/30"), 0);
    leases.give_back(0);
    leases.give_back(77);
    EXPECT_EQ(*leases.take(), 1u);
}

}  // namespace
}  // namespace skerry::test
