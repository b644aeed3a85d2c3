// What is answered in place, and what is learnt: ARP, neighbour discovery, echo. Answers are read
// as bytes and their checksums summed here.
#include "tests/dataplane/net/host.hpp"

namespace skerry::net {
namespace {

struct Answers : Host {
    // The answer to a frame, with `tailroom` behind it; empty if there is none.
    Bytes answer(const Bytes& frame, std::uint16_t tailroom = 0) {
        const BareMbuf mbuf(frame, tailroom);
        mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
        const Frame result = receive(mbuf);
        if (result.kind != FrameKind::transmit) return {};
        EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
        EXPECT_EQ(mbuf->ol_flags, 0u) << "the port is asked for nothing: sums are complete";
        return mbuf.bytes();
    }
    std::optional<MacAddress> learnt(std::size_t i) const { return neighbours.find(i); }
    static MacAddress mac_at(const Bytes& bytes, std::size_t at) {
        MacAddress mac;
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 6, mac.bytes.begin());
        return mac;
    }
    static std::span<const std::uint8_t> from(const Bytes& bytes, std::size_t at) {
        return std::span(bytes).subspan(at);
    }
};

using ArpAnswers = Answers;

TEST_F(ArpAnswers, ARequestForOurAddress) {
    frames::Ethernet broadcast = link(0x0806);
    broadcast.to = kBroadcastMac;
    const frames::Arp request{.sender_mac = kPeerMac, .sender = peer4, .target = ours4};
    Bytes asked = frames::ethernet(broadcast, frames::arp(request));
    asked.resize(60);  // as it comes from a wire
    const Bytes expected = frames::ethernet({.to = kPeerMac, .from = kOurMac, .type = 0x0806},
                                            frames::arp({.operation = 2,
                                                         .sender_mac = kOurMac,
                                                         .sender = ours4,
                                                         .target_mac = kPeerMac,
                                                         .target = peer4}));
    EXPECT_EQ(answer(asked), expected);
    EXPECT_EQ(learnt(0), kPeerMac) << "a next hop that asks has told where it is";
}

TEST_F(ArpAnswers, KeepTheVlanTag) {
    frames::Ethernet tagged = link(0x0806);
    tagged.vlan_tci = 0x2005;
    const Bytes reply = answer(frames::ethernet(
        tagged, frames::arp({.sender_mac = kPeerMac, .sender = peer4, .target = ours4})));
    ASSERT_EQ(reply.size(), 18u + 28u);
    EXPECT_EQ(frames::get16(reply, 12), 0x8100);
    EXPECT_EQ(frames::get16(reply, 14), 0x2005);
    EXPECT_EQ(frames::get16(reply, 16), 0x0806);
}

TEST_F(ArpAnswers, AReplyIsLearnt) {
    EXPECT_EQ(fate(frames::ethernet(link(0x0806), frames::arp({.operation = 2,
                                                               .sender_mac = kPeerMac,
                                                               .sender = peer4,
                                                               .target_mac = kOurMac,
                                                               .target = ours4}))),
              "taken neighbour_learned");
    EXPECT_EQ(learnt(0), kPeerMac);
    EXPECT_EQ(learnt(1), std::nullopt);
}

TEST_F(ArpAnswers, WhatAnotherVlanSaysOfANextHopIsNotLearnt) {
    frames::Ethernet tagged = link(0x0806);
    tagged.vlan_tci = 0x2005;
    fate(frames::ethernet(tagged, frames::arp({.operation = 2,
                                               .sender_mac = kPeerMac,
                                               .sender = peer4,
                                               .target_mac = kOurMac,
                                               .target = ours4})));
    EXPECT_EQ(learnt(0), std::nullopt);
}

TEST_F(ArpAnswers, ForSomebodyElseNeitherAnsweredNorLearnt) {
    EXPECT_EQ(
        fate(frames::ethernet(
            link(0x0806),
            frames::arp({.sender_mac = kPeerMac, .sender = peer4, .target = ip("10.1.2.4")}))),
        "drop_not_for_us");
    EXPECT_EQ(learnt(0), std::nullopt);
}

TEST_F(ArpAnswers, Malformed) {
    const frames::Arp good{.sender_mac = kPeerMac, .sender = peer4, .target = ours4};
    std::vector<frames::Arp> bad(8, good);
    bad[0].hardware = 6;
    bad[1].protocol = 0x86dd;
    bad[2].hardware_bytes = 8;
    bad[3].protocol_bytes = 16;
    bad[4].operation = 0;
    bad[5].operation = 3;
    bad[6].sender_mac = kBroadcastMac;
    bad[7].sender_mac = MacAddress{};
    for (const frames::Arp& arp : bad)
        EXPECT_EQ(fate(frames::ethernet(link(0x0806), frames::arp(arp))), "drop_neighbour")
            << &arp - bad.data();
}

TEST_F(ArpAnswers, Truncated) {
    const Bytes whole = frames::ethernet(
        link(0x0806), frames::arp({.sender_mac = kPeerMac, .sender = peer4, .target = ours4}));
    for (std::ptrdiff_t n = 14; n < 42; ++n)
        EXPECT_EQ(fate(Bytes(whole.begin(), whole.begin() + n)), "drop_runt");
}

// A next hop that is known is not lost to a message that names no link address.
TEST_F(ArpAnswers, NoLinkAddressIsNotLearnt) {
    neighbours.learn(peer4, kPortIndex, kPeerMac, 1);
    fate(frames::ethernet(
        link(0x0806),
        frames::arp(
            {.operation = 2, .sender_mac = MacAddress{}, .sender = peer4, .target = ours4})));
    EXPECT_EQ(learnt(0), kPeerMac);
}

using Echo = Answers;

TEST_F(Echo, OverIpv4) {
    for (const std::size_t n : {4u, 5u, 56u, 1400u}) {
        const Bytes l4 = frames::icmp(8, 0, counting(n));
        Bytes asked = on_v4({.from = peer4, .to = ours4, .protocol = 1, .ttl = 3}, l4);
        const std::size_t bytes = asked.size();
        if (asked.size() < 60) asked.resize(60, 0xee);
        const Bytes reply = answer(asked);
        ASSERT_EQ(reply.size(), bytes);
        EXPECT_EQ(mac_at(reply, 0), kPeerMac);
        EXPECT_EQ(mac_at(reply, 6), kOurMac);
        EXPECT_EQ(frames::internet_checksum(from(reply, 14).first(20)), 0);
        EXPECT_EQ(reply[14 + 8], 64) << "a fresh time to live";
        EXPECT_EQ(Bytes(reply.begin() + 26, reply.begin() + 30), Bytes({10, 1, 2, 3}));
        EXPECT_EQ(Bytes(reply.begin() + 30, reply.begin() + 34), Bytes({10, 1, 2, 9}));
        EXPECT_EQ(Bytes(reply.begin() + 34, reply.end()), frames::icmp(0, 0, counting(n)));
    }
}

TEST_F(Echo, OverIpv4WithOptions) {
    const Bytes reply =
        answer(on_v4({.from = peer4, .to = ours4, .protocol = 1, .options = Bytes(8, 1)},
                     frames::icmp(8, 0, counting(20))));
    ASSERT_EQ(reply.size(), 14u + 28 + 24);
    EXPECT_EQ(frames::internet_checksum(from(reply, 14).first(28)), 0);
    EXPECT_EQ(frames::internet_checksum(from(reply, 42)), 0);
}

TEST_F(Echo, OverIpv6) {
    for (const std::size_t n : {4u, 5u, 56u, 1400u}) {
        const Bytes reply =
            answer(on_v6({.from = peer6, .to = ours6, .next_header = 58, .hop_limit = 3},
                         frames::icmp6(128, 0, peer6, ours6, counting(n))));
        const Bytes expected =
            frames::ethernet({.to = kPeerMac, .from = kOurMac, .type = 0x86dd},
                             frames::ipv6({.from = ours6, .to = peer6, .next_header = 58},
                                          frames::icmp6(129, 0, ours6, peer6, counting(n))));
        EXPECT_EQ(reply, expected);
    }
}

TEST_F(Echo, NotToAGroup) {
    EXPECT_EQ(fate(on_v6({.from = peer6, .to = ip("ff02::1"), .next_header = 58},
                         frames::icmp6(128, 0, peer6, ip("ff02::1"), counting(8)))),
              "drop_not_for_us");
}

TEST_F(Echo, NotToFragments) {
    EXPECT_EQ(fate(on_v4({.from = peer4, .to = ours4, .protocol = 1, .fragment = 0x2000},
                         frames::icmp(8, 0, counting(8)))),
              "drop_fragment");
}

struct Discovery : Answers {
    IpAddress group = ip("ff02::1:ff00:3");

    Bytes solicit(const IpAddress& source, const IpAddress& destination, const IpAddress& target,
                  const Bytes& options, std::uint8_t hop_limit = 255, std::uint16_t off = 0) const {
        frames::Ethernet e = link(0x86dd);
        e.to = MacAddress{{0x33, 0x33, 0xff, 0, 0, 3}};
        return frames::ethernet(
            e, frames::ipv6(
                   {.from = source, .to = destination, .next_header = 58, .hop_limit = hop_limit},
                   frames::icmp6(135, 0, source, destination,
                                 frames::neighbour_rest(0, target, options), off)));
    }
    Bytes advertise(const IpAddress& target, const Bytes& options,
                    std::uint8_t hop_limit = 255) const {
        return on_v6(
            {.from = peer6, .to = ours6, .next_header = 58, .hop_limit = hop_limit},
            frames::icmp6(136, 0, peer6, ours6, frames::neighbour_rest(0x60, target, options)));
    }
    Bytes expected_advertisement(const IpAddress& to, const MacAddress& to_mac,
                                 std::uint8_t flags) const {
        return frames::ethernet(
            {.to = to_mac, .from = kOurMac, .type = 0x86dd},
            frames::ipv6({.from = ours6, .to = to, .next_header = 58, .hop_limit = 255},
                         frames::icmp6(136, 0, ours6, to,
                                       frames::neighbour_rest(flags, ours6,
                                                              frames::link_option(2, kOurMac)))));
    }
};

TEST_F(Discovery, ASolicitationForOurAddress) {
    const Bytes asked = solicit(peer6, group, ours6, frames::link_option(1, kPeerMac));
    EXPECT_EQ(answer(asked), expected_advertisement(peer6, kPeerMac, 0x60));
    EXPECT_EQ(answer(solicit(peer6, ours6, ours6, {})).size(), 0u) << "no room for the option";
    EXPECT_EQ(answer(solicit(peer6, ours6, ours6, {}), 8),
              expected_advertisement(peer6, kPeerMac, 0x60));
}

TEST_F(Discovery, WhoAsksTellsWhereHeIs) {
    const MacAddress other{{2, 0, 0, 0, 0, 0x55}};
    fate(solicit(peer6, group, ours6, frames::link_option(1, other)));
    EXPECT_EQ(learnt(1), other);
    fate(solicit(peer6, ours6, ours6, {}));
    EXPECT_EQ(learnt(1), other) << "nothing told, nothing learnt";
    fate(solicit(peer6, group, ours6, frames::link_option(1, kBroadcastMac)));
    EXPECT_EQ(learnt(1), other);
}

TEST_F(Discovery, MoreOptionsThanTheAnswerHas) {
    Bytes options(24, 0);  // an unknown option of 24 bytes in front
    options[0] = 14;
    options[1] = 3;
    frames::put(options, frames::link_option(1, kPeerMac));
    EXPECT_EQ(answer(solicit(peer6, group, ours6, options)),
              expected_advertisement(peer6, kPeerMac, 0x60));
}

TEST_F(Discovery, AProbeForDuplicatesIsAnsweredToAll) {
    EXPECT_EQ(answer(solicit(ip("::"), group, ours6, {}), 8),
              expected_advertisement(ip("ff02::1"), MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, 0x20));
}

TEST_F(Discovery, NothingElseMayComeFromNowhere) {
    EXPECT_EQ(fate(on_v6({.from = ip("::"), .to = ours6, .next_header = 58},
                         frames::icmp6(128, 0, ip("::"), ours6, counting(8)))),
              "drop_source");
    EXPECT_EQ(fate(on_v6({.from = ip("::"), .to = ours6, .next_header = 58}, {})), "drop_source");
}

TEST_F(Discovery, ASolicitationForSomebodyElse) {
    EXPECT_EQ(fate(solicit(peer6, group, ip("2001:db8::1:3"), frames::link_option(1, kPeerMac))),
              "drop_not_for_us");
    // Our IPv4 address, in the form it has inside this program.
    EXPECT_EQ(fate(solicit(peer6, group, ours4, frames::link_option(1, kPeerMac))),
              "drop_not_for_us");
}

TEST_F(Discovery, RoutedOrMalformedSolicitations) {
    EXPECT_EQ(fate(solicit(peer6, group, ours6, frames::link_option(1, kPeerMac), 254)),
              "drop_neighbour");
    EXPECT_EQ(fate(solicit(peer6, group, ours6, frames::link_option(1, kPeerMac), 255, 1)),
              "drop_icmp");
    EXPECT_EQ(fate(solicit(peer6, group, ours6, Bytes(8, 0))), "drop_neighbour");
    Bytes too_long = frames::link_option(1, kPeerMac);
    too_long[1] = 2;
    EXPECT_EQ(fate(solicit(peer6, group, ours6, too_long)), "drop_neighbour");
    for (std::size_t n = 8; n < 24; ++n)
        EXPECT_EQ(fate(on_v6({.from = peer6, .to = ours6, .next_header = 58, .hop_limit = 255},
                             frames::icmp6(135, 0, peer6, ours6, Bytes(n - 4, 0)))),
                  "drop_neighbour")
            << n;
}

TEST_F(Discovery, AnAdvertisementIsLearnt) {
    const MacAddress other{{2, 0, 0, 0, 0, 0x55}};
    EXPECT_EQ(fate(advertise(peer6, frames::link_option(2, other))), "taken neighbour_learned");
    EXPECT_EQ(learnt(1), other);
    EXPECT_EQ(learnt(0), std::nullopt);
    EXPECT_EQ(fate(advertise(peer6, {})), "taken neighbour_learned");
    EXPECT_EQ(learnt(1), kPeerMac) << "without the option: where the frame came from";
}

TEST_F(Discovery, AdvertisementsThatAreNotBelieved) {
    EXPECT_EQ(fate(advertise(peer6, {}, 64)), "drop_neighbour");
    EXPECT_EQ(fate(advertise(peer6, frames::link_option(2, kBroadcastMac))), "drop_neighbour");
    EXPECT_EQ(fate(advertise(peer6, frames::link_option(2, MacAddress{}))), "drop_neighbour");
    EXPECT_EQ(fate(advertise(peer6, Bytes(8, 0))), "drop_neighbour");
    EXPECT_EQ(fate(advertise(peer4, {})), "drop_neighbour") << "IPv4's neighbours speak ARP";
    EXPECT_EQ(learnt(0), std::nullopt);
    EXPECT_EQ(learnt(1), std::nullopt);
}

}  // namespace
}  // namespace skerry::net
