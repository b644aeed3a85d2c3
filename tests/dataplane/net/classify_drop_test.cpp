// Every drop reason of dataplane/net, by every way to it.
#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

using Drop = Host;

// Cut at every length, on a buffer that ends there: a name for each, and no read beyond.
TEST_F(Drop, EveryTruncation) {
    frames::Ethernet tagged = link(0x0800);
    tagged.vlan_tci = 5;
    const Bytes whole[] = {
        udp4(counting(20)), udp6(counting(20)),
        frames::ethernet(tagged, frames::ipv4({.from = peer4, .to = ours4},
                                              frames::udp({}, peer4, ours4, counting(20)))),
        on_v4({.from = peer4, .to = ours4, .options = Bytes(40, 1)},
              frames::udp({}, peer4, ours4, counting(20)))};
    for (const Bytes& frame : whole) {
        ASSERT_EQ(fate(frame), "udp");
        for (std::size_t n = 0; n < frame.size(); ++n)
            EXPECT_EQ(fate(Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n))),
                      "drop_runt")
                << n;
    }
}

TEST_F(Drop, AFrameInSeveralBuffers) {
    const BareMbuf mbuf(udp4(counting(20)));
    mbuf->nb_segs = 2;
    EXPECT_EQ(receive(mbuf).reason, Reason::drop_chain);
}

TEST_F(Drop, EtherTypes) {
    for (const std::uint16_t type : {0x0000, 0x0040, 0x0801, 0x88cc, 0x88a8, 0x9100, 0xffff})
        EXPECT_EQ(fate(frames::ethernet(link(type), counting(60))), "drop_ethertype") << type;
    // A second tag is not ours to take off.
    frames::Ethernet twice = link(0x8100);
    twice.vlan_tci = 7;
    EXPECT_EQ(fate(frames::ethernet(twice, counting(60))), "drop_ethertype");
}

TEST_F(Drop, LinkAddresses) {
    Bytes frame = udp4({});
    frame[5] ^= 1;
    EXPECT_EQ(fate(frame), "drop_not_for_us");
    frame = udp4({});
    frame[6] |= 1;
    EXPECT_EQ(fate(frame), "drop_source");
    frame = udp4({});
    std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
    EXPECT_EQ(fate(frame), "drop_not_for_us");
    frame = udp6({});
    std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
    EXPECT_EQ(fate(frame), "drop_not_for_us");
}

TEST_F(Drop, Ipv4Header) {
    const Bytes l4 = frames::udp({}, peer4, ours4, counting(20));
    for (const std::uint8_t version : {0, 5, 6, 15})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .version = version}, l4)),
                  "drop_ip_header");
    for (const std::uint8_t words : {0, 1, 4})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .header_words = words}, l4)),
                  "drop_ip_header");
    for (const std::uint16_t total : {0, 19})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .total_bytes = total}, l4)),
                  "drop_ip_header");
    // The header is longer than the packet is said to be.
    EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .header_words = 15, .total_bytes = 59}, l4)),
              "drop_ip_header");
    for (const std::uint16_t total : {49, 1500, 65535})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .total_bytes = total}, l4)), "drop_runt");
}

TEST_F(Drop, Ipv4Checksum) {
    const Bytes l4 = frames::udp({}, peer4, ours4, counting(20));
    for (const std::uint16_t off : {1, 2, 0x0100, 0x8000})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .checksum_off_by = off}, l4)),
                  "drop_ip_checksum");
}

// Any single bit of header or datagram that a checksum covers: never accepted.
TEST_F(Drop, EveryFlippedBit) {
    for (const Bytes& frame : {udp4(counting(21)), udp6(counting(21))}) {
        for (std::size_t bit = 14 * 8; bit < frame.size() * 8; ++bit) {
            // What no checksum of IPv6 covers: traffic class, flow label, hop limit.
            const std::size_t byte = bit / 8 - 14;
            const bool six = frame[12] == 0x86;
            if (six && ((byte == 0 && bit % 8 < 4) || (byte >= 1 && byte <= 3) || byte == 7))
                continue;
            Bytes flipped = frame;
            flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1 << bit % 8));
            EXPECT_NE(fate(flipped), "udp") << six << ' ' << byte << ' ' << bit % 8;
        }
    }
}

TEST_F(Drop, ForSomebodyElse) {
    for (const char* to : {"10.1.2.4", "10.1.2.255", "255.255.255.255", "224.0.0.1", "127.0.0.1"})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ip(to)}, frames::udp({}, peer4, ip(to), {}))),
                  "drop_not_for_us")
            << to;
    for (const char* to : {"2001:db8::4", "::1", "::", "ff02::1", "ff02::1:ff00:3"})
        EXPECT_EQ(fate(on_v6({.from = peer6, .to = ip(to)}, frames::udp({}, peer6, ip(to), {}))),
                  "drop_not_for_us")
            << to;
}

TEST_F(Drop, SourcesThatNobodyMayHave) {
    for (const char* from : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1",
                             "255.255.255.255", "10.1.2.3"})
        EXPECT_EQ(
            fate(on_v4({.from = ip(from), .to = ours4}, frames::udp({}, ip(from), ours4, {}))),
            "drop_source")
            << from;
    for (const char* from : {"::", "::1", "ff02::1", "ff0e::5", "2001:db8::3", "fe80::3"})
        EXPECT_EQ(
            fate(on_v6({.from = ip(from), .to = ours6}, frames::udp({}, ip(from), ours6, {}))),
            "drop_source")
            << from;
}

// RFC 4291 §2.5.5.2: an address form of programs. From the wire it would be a second name of an
// IPv4 host, and the answer to it would leave as IPv4.
TEST_F(Drop, Ipv4MappedAddressesInIpv6) {
    const IpAddress mapped_peer = peer4, mapped_ours = ours4;
    const auto six = [&](const IpAddress& source, const IpAddress& destination) {
        Bytes l4;
        frames::put16(l4, 40000);
        frames::put16(l4, kUdpPort);
        frames::put16(l4, 8);
        frames::put16(l4, 0);
        Bytes pseudo;
        frames::put(pseudo, source.bytes);
        frames::put(pseudo, destination.bytes);
        for (const std::uint16_t word : {0, 8, 0, 17}) frames::put16(pseudo, word);
        frames::put(pseudo, l4);
        const std::uint16_t sum = frames::internet_checksum(pseudo);
        l4[6] = static_cast<std::uint8_t>(sum >> 8);
        l4[7] = static_cast<std::uint8_t>(sum);
        return on_v6({.from = source, .to = destination}, l4);
    };
    ASSERT_EQ(fate(six(peer6, ours6)), "udp");
    EXPECT_EQ(fate(six(mapped_peer, ours6)), "drop_source");
    EXPECT_EQ(fate(six(peer6, mapped_ours)), "drop_source");
    EXPECT_EQ(fate(six(mapped_peer, mapped_ours)), "drop_source");
}

TEST_F(Drop, Fragments) {
    const Bytes l4 = frames::udp({}, peer4, ours4, counting(20));
    for (const std::uint16_t fragment : {0x0001, 0x1fff, 0x3fff, 0x6001})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .fragment = fragment}, l4)),
                  "drop_fragment");
    EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .fragment = 0}, l4)), "udp");
    // The first one goes on, marked: its sender can be told.
    const Bytes first = on_v4({.from = peer4, .to = ours4, .fragment = 0x2000}, l4);
    EXPECT_TRUE(receive(first).fragment);
    EXPECT_EQ(fate(first), "udp");
    EXPECT_EQ(fate(on_v6({.from = peer6, .to = ours6, .next_header = 44}, counting(40))),
              "drop_fragment");
}

TEST_F(Drop, ProtocolsOverIp) {
    for (const std::uint8_t protocol : {0, 2, 6, 58, 132, 255})
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .protocol = protocol}, counting(30))),
                  "drop_ip_protocol");
    for (const std::uint8_t protocol : {0, 1, 6, 43, 50, 60, 59, 255})
        EXPECT_EQ(fate(on_v6({.from = peer6, .to = ours6, .next_header = protocol}, counting(30))),
                  "drop_ip_protocol");
}

TEST_F(Drop, Ipv6Header) {
    const Bytes l4 = frames::udp({}, peer6, ours6, counting(20));
    for (const std::uint8_t version : {0, 4, 5, 7, 15})
        EXPECT_EQ(fate(on_v6({.from = peer6, .to = ours6, .version = version}, l4)),
                  "drop_ip_header");
    for (const std::uint16_t bytes : {29, 1500, 65535})
        EXPECT_EQ(fate(on_v6({.from = peer6, .to = ours6, .payload_bytes = bytes}, l4)),
                  "drop_runt");
}

TEST_F(Drop, UdpHeader) {
    for (const std::uint16_t bytes : {0, 7, 8, 27, 29, 65535}) {
        EXPECT_EQ(fate(udp4(counting(20), {.bytes = bytes})), "drop_udp_header") << bytes;
        EXPECT_EQ(fate(udp6(counting(20), {.bytes = bytes})), "drop_udp_header") << bytes;
    }
    EXPECT_EQ(fate(udp4({}, {.from = 0})), "drop_udp_header");
    for (std::size_t n = 0; n < 8; ++n) {
        EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4}, Bytes(n, 1))), "drop_udp_header");
        EXPECT_EQ(fate(on_v6({.from = peer6, .to = ours6}, Bytes(n, 1))), "drop_udp_header");
    }
}

TEST_F(Drop, UdpPort) {
    for (const std::uint16_t to : {0, 53, 4599, 4601, 65535}) {
        EXPECT_EQ(fate(udp4({}, {.to = to})), "drop_udp_port");
        EXPECT_EQ(fate(udp6({}, {.to = to})), "drop_udp_port");
    }
}

TEST_F(Drop, UdpChecksum) {
    for (const std::uint16_t off : {1, 0x0100, 0x7fff}) {
        EXPECT_EQ(fate(udp4(counting(9), {.checksum_off_by = off})), "drop_udp_checksum");
        EXPECT_EQ(fate(udp6(counting(9), {.checksum_off_by = off})), "drop_udp_checksum");
    }
    EXPECT_EQ(fate(udp6(counting(9), {.without_checksum = true})), "drop_udp_checksum");
}

TEST_F(Drop, Icmp) {
    const auto four = [&](const Bytes& l4) {
        return fate(on_v4({.from = peer4, .to = ours4, .protocol = 1}, l4));
    };
    for (const std::uint8_t type : {0, 3, 5, 11, 13, 255})
        EXPECT_EQ(four(frames::icmp(type, 0, counting(8))), "drop_icmp");
    EXPECT_EQ(four(frames::icmp(8, 1, counting(8))), "drop_icmp");
    EXPECT_EQ(four(frames::icmp(8, 0, counting(8), 1)), "drop_icmp");
    for (std::size_t n = 0; n < 8; ++n) EXPECT_EQ(four(Bytes(n, 8)), "drop_icmp");
    const auto six = [&](const Bytes& l4) {
        return fate(on_v6({.from = peer6, .to = ours6, .next_header = 58}, l4));
    };
    for (const std::uint8_t type : {1, 2, 3, 129, 133, 134, 137, 255})
        EXPECT_EQ(six(frames::icmp6(type, 0, peer6, ours6, counting(40))), "drop_icmp");
    EXPECT_EQ(six(frames::icmp6(128, 1, peer6, ours6, counting(8))), "drop_icmp");
    EXPECT_EQ(six(frames::icmp6(128, 0, peer6, ours6, counting(8), 1)), "drop_icmp");
    for (std::size_t n = 0; n < 8; ++n) EXPECT_EQ(six(Bytes(n, 0)), "drop_icmp") << n;
}

}  // namespace
}  // namespace skerry::net
