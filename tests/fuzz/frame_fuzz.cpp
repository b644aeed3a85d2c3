// Any bytes as a received frame, in an mbuf that ends where the frame ends. What comes out as a
// datagram is answered, and the answer is given to the peer, who must understand it.
#include <cstdint>
#include <vector>

#include "dataplane/net/frame.hpp"
#include "dataplane/net/neighbours.hpp"
#include "dataplane/net/plain_syn.hpp"
#include "dataplane/net/source.hpp"
#include "sandbox/base/check.hpp"
#include "tests/dataplane/chains.hpp"

namespace {

using namespace skerry;
using namespace skerry::net;
using frames::BareMbuf;
using frames::Bytes;

constexpr std::uint16_t kUdpPort = 4600;

struct Host {
    std::vector<IpPrefix> addresses = {*IpPrefix::parse("10.1.2.3/24"),
                                       *IpPrefix::parse("2001:db8::3/64")};
    Neighbours neighbours;
    Host() {
        neighbours.add({frames::ip("10.1.2.9"), 0});
        neighbours.add({frames::ip("2001:db8::9"), 0});
    }
};

void answer(const Frame& frame, const PortView& port) {
    const Bytes payload(frame.payload, frame.payload + frame.payload_bytes);
    const BareMbuf reply(payload, 0, kMaxHeaderBytes);
    build(reply.get(), frame.path, port);

    const std::vector<IpPrefix> theirs = {{frame.path.peer, 0}};
    PortView peer_port;
    peer_port.mac = frame.path.peer_mac;
    peer_port.addresses = theirs;
    Neighbours none;
    const BareMbuf received(reply.bytes());
    const Frame back = classify(received.get(), 0, peer_port, frame.path.peer_udp, none, 0);
    SKERRY_CHECK(back.kind == FrameKind::udp);
    SKERRY_CHECK((Bytes(back.payload, back.payload + back.payload_bytes) == payload));
    SKERRY_CHECK(back.path.peer == frame.path.local && back.path.local == frame.path.peer);
    SKERRY_CHECK(back.path.vlan_tci == frame.path.vlan_tci);
}

}  // namespace

// The same in several buffers: TCP of a port that puts segments together, or nothing. What is read
// beyond a buffer is AddressSanitizer's to find.
void in_pieces(std::span<const std::uint8_t> bytes, Host& host, PortView port) {
    if (bytes.size() < 2) return;
    const std::size_t first = bytes[0];
    const std::size_t piece = 1u + bytes[1];
    const frames::BareChain chain(bytes.subspan(2), first, piece);
    const bool several = chain->nb_segs != 1;
    chain->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    for (const bool lro : {false, true}) {
        port.lro = lro;
        const Frame frame = classify(chain.get(), 0, port, kUdpPort, host.neighbours, 1);
        if (!several || frame.kind == FrameKind::drop) continue;
        SKERRY_CHECK(frame.kind == FrameKind::tcp && lro);
        const auto* start = rte_pktmbuf_mtod(chain.get(), const std::uint8_t*);
        const std::size_t offset = static_cast<std::size_t>(frame.payload - start);
        SKERRY_CHECK(offset + 20 <= chain->data_len);
        SKERRY_CHECK(offset + (frame.payload[12] >> 4) * 4u <= chain->data_len);
        SKERRY_CHECK(offset + frame.payload_bytes <= chain->pkt_len);
    }
}

// The first byte: what the port has verified, whether it speaks TCP, and whether there is room
// behind the frame; or that it comes in several buffers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 9000) return 0;
    static Host host;
    PortView port;
    port.mac = MacAddress{{2, 0, 0, 0, 0, 1}};
    port.addresses = host.addresses;
    port.rx_ip_checksum = (data[0] & 1) != 0;
    port.rx_udp_checksum = port.rx_tcp_checksum = (data[0] & 2) != 0;
    port.tcp = (data[0] & 8) != 0;

    if ((data[0] & 16) != 0) {
        in_pieces({data + 1, size - 1}, host, port);
        return 0;
    }
    const BareMbuf mbuf(std::span(data + 1, size - 1), (data[0] & 4) != 0 ? 8 : 0);
    // So that a fuzzer need not find checksums: the port says that they are right.
    mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    IpAddress claimed;
    const bool has_source = source_of(mbuf.get(), claimed);
    const bool likely = may_be_syn(mbuf.get());
    PlainSyn syn;
    const bool plain = read_plain_syn(mbuf.get(), 0, port, syn);
    const Frame frame = classify(mbuf.get(), 0, port, kUdpPort, host.neighbours, 1);
    // A plain SYN is told at a glance, and is what classify() says.
    if (plain) {
        SKERRY_CHECK(likely && frame.kind == FrameKind::tcp && frame.path == syn.path);
        SKERRY_CHECK(frame.payload == syn.tcp && frame.payload_bytes == syn.tcp_bytes);
    }
    SKERRY_CHECK(mbuf->data_len == mbuf->pkt_len);
    SKERRY_CHECK(mbuf->data_off + mbuf->data_len <= mbuf->buf_len);
    const bool tcp = frame.kind == FrameKind::tcp || frame.kind == FrameKind::tcp_error;
    if (frame.kind != FrameKind::udp && !tcp) return 0;
    // What it claimed to be before it was looked at is what it is; of an error the path is ours.
    if (frame.kind != FrameKind::tcp_error) SKERRY_CHECK(has_source && claimed == frame.path.peer);
    const auto* start = rte_pktmbuf_mtod(mbuf.get(), const std::uint8_t*);
    SKERRY_CHECK(frame.payload >= start &&
                 frame.payload + frame.payload_bytes <= start + mbuf->data_len);
    if (tcp) {
        SKERRY_CHECK(frame.payload_bytes >= (frame.kind == FrameKind::tcp ? 20 : 8));
        return 0;
    }
    answer(frame, port);
    return 0;
}
