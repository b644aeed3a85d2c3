#include "dataplane/port/steering.hpp"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "dataplane/port/ports.hpp"
#include "tests/dataplane/loop/environment.hpp"

namespace skerry::port {
namespace {

[[maybe_unused]] const auto* environment = test::add_eal();

net::IpAddress ip(const char* text) {
    return *net::IpAddress::parse(text);
}

// The key and the tuples by which Microsoft's RSS specification defines the hash.
const std::vector<std::uint8_t> kKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                        0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                        0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

std::vector<std::uint16_t> round_robin(std::size_t size, std::uint16_t queues) {
    std::vector<std::uint16_t> table(size);
    for (std::size_t i = 0; i < size; ++i) table[i] = static_cast<std::uint16_t>(i % queues);
    return table;
}

TEST(Steering, HashesAsTheSpecificationOfRssSays) {
    const Steering steering(kKey, round_robin(128, 2), true, true);
    EXPECT_EQ(steering.hash({ip("66.9.149.187"), ip("161.142.100.80"), 2794, 1766}), 0x51ccc178u);
    EXPECT_EQ(steering.hash({ip("199.92.111.2"), ip("65.69.140.83"), 14230, 4739}), 0xc626b0eau);
    EXPECT_EQ(steering.hash({ip("3ffe:2501:200:1fff::7"), ip("3ffe:2501:200:3::1"), 2794, 1766}),
              0x40207d3du);
}

TEST(Steering, FindsAReturnPortForEveryCore) {
    const Steering steering(kKey, round_robin(128, 16), true, true);
    for (const char* region : {"10.0.0.7", "10.0.0.8", "192.0.2.77", "fd00::7", "2001:db8::1"}) {
        const net::IpAddress from = ip(region);
        Inbound answer{from, from.is_v4() ? ip("10.0.0.2") : ip("fd00::2"), 4600, 4600};
        for (std::uint16_t core = 0; core < 16; ++core) {
            const std::uint16_t port = steering.return_port(answer, core, 61440);
            ASSERT_NE(port, 0) << region << " core " << core;
            Inbound there = answer;
            there.to_udp = port;
            EXPECT_EQ(steering.queue(there), core);
            EXPECT_TRUE(port == 4600 || (port >= 61440 && port - 61440 < net::kReturnPorts));
        }
    }
}

TEST(Steering, SaysSoWhereItCannot) {
    const Inbound answer{ip("10.0.0.7"), ip("10.0.0.2"), 4600, 4600};
    EXPECT_EQ(Steering().return_port(answer, 0, 61440), 0);
    const Steering only6(kKey, round_robin(128, 2), false, true);
    EXPECT_EQ(only6.return_port(answer, 0, 61440), 0);
    EXPECT_FALSE(Steering({1, 2, 3}, round_robin(128, 2), true, true).steers_any()) << "short key";
    EXPECT_FALSE(Steering(kKey, {}, true, true).steers_any()) << "no table";
    EXPECT_FALSE(Steering(kKey, round_robin(100, 2), true, true).steers_any()) << "no power of two";
    const Steering one_queue(kKey, round_robin(128, 1), true, true);
    EXPECT_EQ(one_queue.return_port(answer, 1, 61440), 0) << "nothing ever comes to queue 1";
}

TEST(Steering, WithoutReturnPortsTheOwnOneServesWhereItFits) {
    const Steering steering(kKey, round_robin(128, 2), true, true);
    const Inbound answer{ip("10.0.0.7"), ip("10.0.0.2"), 4600, 4600};
    const std::uint16_t home = steering.queue(answer);
    EXPECT_EQ(steering.return_port(answer, home, 0), 4600);
    EXPECT_EQ(steering.return_port(answer, home ^ 1u, 0), 0);
}

TEST(Steering, SegmentsOfTcpAreHashedAsDatagramsAre) {
    const Steering udp_only(kKey, round_robin(128, 4), true, true);
    EXPECT_FALSE(udp_only.steers_tcp(ip("10.0.0.7")) || udp_only.steers_tcp(ip("fd00::7")));
    const Steering tcp4(kKey, round_robin(128, 4), false, false, true, false);
    EXPECT_TRUE(tcp4.steers_tcp(ip("10.0.0.7")));
    EXPECT_FALSE(tcp4.steers_tcp(ip("fd00::7")));
    const Inbound segment{ip("66.9.149.187"), ip("161.142.100.80"), 2794, 1766};
    EXPECT_EQ(tcp4.hash(segment), 0x51ccc178u);
    EXPECT_EQ(tcp4.queue(segment), 0x51ccc178u % 128 % 4);
}

// net_null hashes nothing, but takes and tells key and table as a NIC does.
TEST(Steering, IsReadFromAnOpenPort) {
    const PortSpec spec{"net_null_steer", {*net::IpPrefix::parse("10.0.0.2/24")}, 1500};
    auto ports = Ports::open({&spec, 1}, {.cores = 2, .mbufs = 1024, .return_first = 61440});
    ASSERT_TRUE(ports) << ports.error().text;
    const Steering& steering = (*ports)->steering(0);
    ASSERT_TRUE(steering.steers_any());
    EXPECT_TRUE(steering.steers_tcp(ip("10.0.0.7")));
    EXPECT_EQ((*ports)->views()[0].return_first, 61440);
    const Inbound answer{ip("10.0.0.7"), ip("10.0.0.2"), 4600, 4600};
    for (std::uint16_t core = 0; core < 2; ++core)
        EXPECT_NE(steering.return_port(answer, core, 61440), 0);
}

TEST(Steering, OneCoreNeedsNone) {
    const PortSpec spec{"net_null_one", {*net::IpPrefix::parse("10.0.0.2/24")}, 1500};
    auto ports = Ports::open({&spec, 1}, {.cores = 1, .mbufs = 1024, .return_first = 61440});
    ASSERT_TRUE(ports) << ports.error().text;
    EXPECT_FALSE((*ports)->steering(0).steers_any());
    EXPECT_EQ((*ports)->views()[0].return_first, 0);
}

}  // namespace
}  // namespace skerry::port
