// The receiving side of these tests: a port with an address of each family, its gateways as known
// next hops, and a peer. Every test has its own.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/net/frame.hpp"
#include "dataplane/net/neighbours.hpp"
#include "tests/dataplane/frames.hpp"

namespace skerry::net {

using frames::BareMbuf;
using frames::Bytes;
using frames::ip;

inline const MacAddress kOurMac{{2, 0, 0, 0, 0, 1}};
inline const MacAddress kPeerMac{{2, 0, 0, 0, 0, 0x99}};
inline const MacAddress kBroadcastMac{{255, 255, 255, 255, 255, 255}};
inline constexpr std::uint16_t kUdpPort = 4600;
inline constexpr std::uint8_t kPortIndex = 3;

struct Host : testing::Test {
    IpAddress ours4 = ip("10.1.2.3"), peer4 = ip("10.1.2.9");
    IpAddress ours6 = ip("2001:db8::3"), peer6 = ip("2001:db8::9");
    std::vector<IpPrefix> addresses = {*IpPrefix::parse("10.1.2.3/24"),
                                       *IpPrefix::parse("2001:db8::3/64"),
                                       *IpPrefix::parse("fe80::3/64")};
    PortView port;
    Neighbours neighbours;

    Host() {
        port.mac = kOurMac;
        port.addresses = addresses;
        neighbours.add({peer4, kPortIndex});
        neighbours.add({peer6, kPortIndex});
    }

    Frame receive(const BareMbuf& mbuf) {
        return classify(mbuf.get(), kPortIndex, port, kUdpPort, neighbours, 1000);
    }
    // On an mbuf that ends where the frame ends.
    Frame receive(const Bytes& frame) {
        const BareMbuf mbuf(frame);
        Frame result = receive(mbuf);
        result.payload = nullptr;
        return result;
    }
    // The name of the drop, or of what else became of it.
    std::string fate(const Bytes& frame) {
        const Frame result = receive(frame);
        switch (result.kind) {
            case FrameKind::udp:
                return "udp";
            case FrameKind::tcp:
                return "tcp";
            case FrameKind::tcp_error:
                return "tcp_error";
            case FrameKind::transmit:
                return "transmit " + std::string(info(result.reason).name);
            case FrameKind::taken:
                return "taken " + std::string(info(result.reason).name);
            case FrameKind::drop:
                break;
        }
        return std::string(info(result.reason).name);
    }

    frames::Ethernet link(std::uint16_t type) const {
        return {.to = kOurMac, .from = kPeerMac, .type = type};
    }
    Bytes on_v4(const frames::Ipv4& h, const Bytes& l4) const {
        return frames::ethernet(link(0x0800), frames::ipv4(h, l4));
    }
    Bytes on_v6(const frames::Ipv6& h, const Bytes& l4) const {
        return frames::ethernet(link(0x86dd), frames::ipv6(h, l4));
    }
    Bytes udp4(const Bytes& payload, const frames::Udp& h = {}) const {
        return on_v4({.from = peer4, .to = ours4}, frames::udp(h, peer4, ours4, payload));
    }
    Bytes udp6(const Bytes& payload, const frames::Udp& h = {}) const {
        return on_v6({.from = peer6, .to = ours6}, frames::udp(h, peer6, ours6, payload));
    }
};

inline Bytes counting(std::size_t n) {
    Bytes bytes(n);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 1);
    return bytes;
}

}  // namespace skerry::net
