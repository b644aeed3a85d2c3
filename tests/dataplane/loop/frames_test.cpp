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
    // A request that says to be that long.
    Bytes message(std::uint64_t id, std::size_t payload_bytes) const {
        wire::Header header = request_header(shared, client(), id);
        header.payload_bytes.set(static_cast<std::uint32_t>(payload_bytes));
        Bytes bytes(sizeof header + payload_bytes);
        std::memcpy(bytes.data(), &header, sizeof header);
        return bytes;
    }
    // The fragment that `fragment` (flags and offset in words of 8 bytes) says.
    Bytes datagram(const Peer& from, std::uint64_t id, std::uint16_t fragment,
                   std::size_t payload_bytes) const {
        const Bytes l4 = frames::udp({.from = from.udp, .to = 4600}, from.address, ip("10.0.0.1"),
                                     message(id, payload_bytes));
        const auto start = l4.begin() + (fragment & 0x1fff) * 8;
        const Bytes piece(start, start + std::min<std::ptrdiff_t>(1480, l4.end() - start));
        return frames::ipv4(
            {.from = from.address, .to = ip("10.0.0.1"), .protocol = 17, .fragment = fragment},
            piece);
    }
    Bytes datagram(const Peer& from, std::uint64_t id) const {
        wire::Header header = request_header(shared, from, id);
        const Bytes payload(reinterpret_cast<std::uint8_t*>(&header),
                            reinterpret_cast<std::uint8_t*>(&header) + sizeof header);
        const Bytes l4 =
            frames::udp({.from = from.udp, .to = 4600}, from.address, ip("10.0.0.1"), payload);
        return frames::ipv4({.from = from.address, .to = ip("10.0.0.1"), .protocol = 17}, l4);
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

TEST_F(Frames, ARequestInFragmentsIsToldThatItIsTooLarge) {
    start();
    Bytes first = datagram(client(), 1, 0x2000, 3000);
    send_frame(frames::ethernet(link(0x0800), first));
    send_frame(frames::ethernet(link(0x0800), datagram(client(), 1, 0x2000 | 185, 3000)));
    turn();
    const Message told = next();
    EXPECT_EQ(told.status(), ReplyStatus::too_large);
    EXPECT_EQ(told.header.request_id_lo.get(), 1u);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_fragment), 1u) << "the second one";
}

TEST_F(Frames, OverIPv6Too) {
    start();
    const net::IpAddress to = ip("fd00::1");
    Bytes fragment = {17, 0, 0, 1, 0, 0, 0, 7};  // UDP, offset 0, more to come
    const Bytes l4 =
        frames::udp({.from = client6().udp, .to = 4600}, client6().address, to, message(2, 3000));
    fragment.insert(fragment.end(), l4.begin(), l4.begin() + 1024);
    const frames::Ipv6 six{.from = client6().address, .to = to, .next_header = 44};
    send_frame(frames::ethernet(link(0x86dd), frames::ipv6(six, fragment)));
    fragment[2] = 1;  // not the first any more
    send_frame(frames::ethernet(link(0x86dd), frames::ipv6(six, fragment)));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::too_large);
    EXPECT_EQ(count(Reason::drop_fragment), 1u);
}

TEST_F(Frames, FragmentsOfSomethingElseAreDroppedAndCounted) {
    start();
    const Bytes l4 =
        frames::udp({.from = 5, .to = 4600}, client().address, ip("10.0.0.1"), Bytes(1000, 'x'));
    frames::Ipv4 four{.from = client().address, .to = ip("10.0.0.1"), .fragment = 0x2000};
    send_frame(frames::ethernet(link(0x0800), frames::ipv4(four, l4)));
    send_frame(frames::ethernet(link(0x0800), frames::ipv4(four, Bytes(3, 0))));
    four.protocol = 1;
    send_frame(frames::ethernet(link(0x0800), frames::ipv4(four, l4)));
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_fragment), 3u);
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
