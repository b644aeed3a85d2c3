#include "sandbox/egress/wiring.hpp"

#include <gtest/gtest.h>

#include "tests/sandbox/egress/prefix.hpp"

namespace skerry::test {
namespace {

egress::Network network() {
    return {.name = "internet",
            .netns = "/run/netns/internet",
            .subnet4 = prefix("10.66.0.0/20"),
            .subnet6 = prefix("fd66::/64"),
            .resolvers = {prefix("192.0.2.53"), prefix("fd00::53")},
            .to = {prefix("0.0.0.0/0"), prefix("::/0")},
            .except = {prefix("10.0.0.0/8")}};
}

// What happens to packets for an address; nothing: no route leads there.
std::string way_to(const egress::Wiring& wiring, const std::string& address) {
    const egress::Route* best = nullptr;
    for (std::uint32_t i = 0; i < wiring.route_count; ++i) {
        const egress::Route& route = wiring.routes[i];
        if (contains(route.to, prefix(address)) &&
            (best == nullptr || best->to.bits < route.to.bits))
            best = &route;
    }
    return best == nullptr ? "nowhere" : best->refused ? "refused" : "there";
}

TEST(Wiring, AddressesCountFromTheSubnets) {
    const egress::Wiring wiring = wiring_of(network(), 0x0302, {});
    EXPECT_TRUE(wiring.used);
    EXPECT_EQ(addresses_of(wiring), "10.66.3.2 fd66::302");
    EXPECT_STREQ(wiring.peer_name, "sk0a420302");
}

TEST(Wiring, OneFamilyAlone) {
    egress::Network only6 = network();
    only6.subnet4.reset();
    const egress::Wiring wiring = wiring_of(only6, 7, {});
    EXPECT_EQ(addresses_of(wiring), "fd66::7");
    EXPECT_EQ(wiring.address4.bits, 0);
    EXPECT_STREQ(wiring.peer_name, "sk00000007");
}

TEST(Wiring, RoutesAreWhatWasConfiguredAndNothingElse) {
    const egress::Wiring all = wiring_of(network(), 1, {});
    EXPECT_EQ(way_to(all, "198.51.100.1"), "there");
    EXPECT_EQ(way_to(all, "2001:db8::1"), "there");
    EXPECT_EQ(way_to(all, "10.1.2.3"), "refused") << "an exception";
    EXPECT_EQ(way_to(all, "10.66.0.9"), "refused") << "another worker";
    EXPECT_EQ(way_to(all, "fd66::9"), "refused");
    for (const char* never :
         {"169.254.169.254", "224.0.0.251", "255.255.255.255", "fe80::1", "ff02::1"})
        EXPECT_EQ(way_to(all, never), "refused") << never;

    egress::Network some = network();
    some.to = {prefix("198.51.100.0/24")};
    const egress::Wiring few = wiring_of(some, 1, {});
    EXPECT_EQ(way_to(few, "198.51.100.1"), "there");
    EXPECT_EQ(way_to(few, "198.51.101.1"), "nowhere");
    EXPECT_EQ(way_to(few, "2001:db8::1"), "nowhere");
    EXPECT_EQ(way_to(few, "192.0.2.53"), "there") << "a resolver is always reachable";
}

TEST(Wiring, ServersOwnAddressesAreRefusedUnlessTheyResolve) {
    const egress::Wiring wiring =
        wiring_of(network(), 1, {prefix("203.0.113.5"), prefix("192.0.2.53"), prefix("fd00::5")});
    EXPECT_EQ(way_to(wiring, "203.0.113.5"), "refused");
    EXPECT_EQ(way_to(wiring, "fd00::5"), "refused");
    EXPECT_EQ(way_to(wiring, "192.0.2.53"), "there");
}

TEST(Wiring, ExceptionsWinOverTheSameBlock) {
    egress::Network same = network();
    same.except = {prefix("0.0.0.0/0")};
    EXPECT_EQ(way_to(wiring_of(same, 1, {}), "198.51.100.1"), "refused");
}

TEST(Wiring, ResolversAreAFile) {
    EXPECT_STREQ(wiring_of(network(), 1, {}).resolver_text,
                 "nameserver 192.0.2.53\nnameserver fd00::53\n");
    egress::Network none = network();
    none.resolvers.clear();
    EXPECT_STREQ(wiring_of(none, 1, {}).resolver_text, "") << "the image's own is left";
}

TEST(Wiring, HasRoomForAllThereCanBe) {
    egress::Network full = network();
    full.resolvers = {prefix("192.0.2.1"), prefix("192.0.2.2"), prefix("192.0.2.3")};
    full.to.clear();
    full.except.clear();
    std::vector<egress::Prefix> own;
    for (std::size_t i = 0; i < egress::kPrefixesMax; ++i) {
        full.to.push_back(prefix("20." + std::to_string(i) + ".0.0/16"));
        full.except.push_back(prefix("20." + std::to_string(i) + ".1.0/24"));
    }
    for (std::size_t i = 0; i < egress::kHostAddressesMax; ++i)
        own.push_back(prefix("20.0.2." + std::to_string(i)));
    const egress::Wiring wiring = wiring_of(full, 1, own);
    EXPECT_EQ(wiring.route_count, egress::kRoutesMax);
    EXPECT_EQ(way_to(wiring, "20.31.9.9"), "there") << "the last one of them";
}

}  // namespace
}  // namespace skerry::test
