// Whole frames through the loop: what is answered below UDP, and how tagged frames are.
#include "tests/dataplane/frames.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

using frames::Bytes;
using frames::ip;

class Frames : public LoopTest {
  protected:
    const net::MacAddress ours{{2, 0, 0, 0, 0, 1}};

    frames::Ethernet link(std::uint16_t type) const {
        frames::Ethernet ethernet;
        ethernet.to = ours;
        ethernet.from = client().mac;
        ethernet.type = type;
        return ethernet;
    }
    Bytes datagram(const Peer& from, std::uint64_t id, bool fragment = false) const {
        wire::Header header = request_header(shared, from, id);
        const Bytes payload(reinterpret_cast<std::uint8_t*>(&header),
                            reinterpret_cast<std::uint8_t*>(&header) + sizeof header);
        const Bytes l4 =
            frames::udp({.from = from.udp, .to = 4600}, from.address, ip("10.0.0.1"), payload);
        frames::Ipv4 ipv4{.from = from.address, .to = ip("10.0.0.1"), .protocol = 17};
        if (fragment) ipv4.fragment = 0x2000;
        return frames::ipv4(ipv4, l4);
    }
    Bytes only() {
        EXPECT_EQ(other_sent.size(), 1u);
        return other_sent.empty() ? Bytes(64) : other_sent.front();
    }
};

TEST_F(Frames, ArpIsAnswered) {
    start();
    send_frame(frames::ethernet(link(0x0806), frames::arp({.sender_mac = client().mac,
                                                           .sender = client().address,
                                                           .target = ip("10.0.0.1")})));
    turn();
    EXPECT_EQ(frames::get16(only(), 12), 0x0806);
    EXPECT_EQ(frames::get16(only(), 20), 2) << "a reply";
    EXPECT_EQ(count(Reason::neighbour_replied), 1u);
}

TEST_F(Frames, EchoIsAnsweredOnBothFamilies) {
    start();
    const Bytes rest(12, 7);
    send_frame(frames::ethernet(
        link(0x0800), frames::ipv4({.from = client().address, .to = ip("10.0.0.1"), .protocol = 1},
                                   frames::icmp(8, 0, rest))));
    const net::IpAddress six = client6().address;
    send_frame(frames::ethernet(link(0x86dd),
                                frames::ipv6({.from = six, .to = ip("fd00::1"), .next_header = 58},
                                             frames::icmp6(128, 0, six, ip("fd00::1"), rest))));
    turn();
    EXPECT_EQ(other_sent.size(), 2u);
    EXPECT_EQ(count(Reason::echo_replied), 2u);
}

TEST_F(Frames, AFragmentIsDroppedAndCounted) {
    start();
    send_frame(frames::ethernet(link(0x0800), datagram(client(), 1, true)));
    turn();
    EXPECT_EQ(count(Reason::drop_fragment), 1u);
}

TEST_F(Frames, ATaggedRequestIsAnsweredWithItsTag) {
    start();
    PlayedWorker worker(shared, 0, 1);
    frames::Ethernet tagged = link(0x0800);
    tagged.vlan_tci = 0x2005;
    send_frame(frames::ethernet(tagged, datagram(client(), 1)));
    turn();
    ASSERT_EQ(worker.take(), 1u);
    worker.respond(0, "tagged");
    turn();
    const Message reply = next();
    EXPECT_EQ(reply.payload, "tagged");
    EXPECT_EQ(reply.path.vlan_tci, 0x2005);
}

}  // namespace
}  // namespace skerry::test
