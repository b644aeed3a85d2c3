// From the wire to a datagram or segment and back: Ethernet (one VLAN tag), IPv4 and IPv6, UDP,
// TCP.
//
// Pure functions over one mbuf and plain structs: no tables, no clock, no I/O.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/net/address.hpp"
#include "dataplane/net/return_ports.hpp"
#include "dataplane/reasons.hpp"

namespace skerry::net {

// Where an answer to a frame goes, and how it must look: all that is needed to build one later,
// when the frame itself is gone. From our point of view: local is us.
struct Path {
    IpAddress local;
    IpAddress peer;
    MacAddress peer_mac;
    std::uint16_t local_udp = 0;  // host order; TCP's ports, if it is a segment's path
    std::uint16_t peer_udp = 0;   // host order
    std::uint16_t vlan_tci = 0;   // 0: untagged
    std::uint8_t port = 0;        // index into PortView array
    std::uint8_t reserved = 0;
    bool operator==(const Path&) const = default;
};
static_assert(sizeof(Path) <= 48);

// What the packet path must know of a port. Filled by dataplane/port, constant afterwards.
struct PortView {
    std::uint16_t dpdk_port = 0;
    MacAddress mac;
    std::uint16_t mtu = 1500;
    bool rx_ip_checksum = false;   // the port verifies IPv4 header checksums (ol_flags say)
    bool rx_udp_checksum = false;  // the port verifies UDP checksums
    bool rx_tcp_checksum = false;  // the port verifies TCP checksums
    bool tx_ip_checksum = false;
    bool tx_udp_checksum = false;
    bool tx_tcp_checksum = false;
    // The port cuts segments of up to so many bytes of payload, in several buffers, into those that
    // the path takes (TSO); 0: it can't. Needs TCP's checksum to be the port's.
    std::uint32_t tso_bytes = 0;
    bool lro = false;    // it puts TCP segments together: frames of several buffers come
    bool tcp = false;    // TCP is spoken here; otherwise it is drop_ip_protocol
    bool sticky = true;  // all datagrams of one source come to one queue
    std::uint16_t return_first = 0;  // kReturnPorts UDP ports from here are ours too; 0: none
    std::span<const IpPrefix> addresses;
};

// What classify() made of a frame.
enum class FrameKind : std::uint8_t {
    udp,        // a datagram for our UDP port, or its first fragment; `payload`, `path` are valid
    transmit,   // the mbuf was turned into an answer in place (ARP, NDP, echo): send it
    taken,      // a neighbour was learnt; free the mbuf
    tcp,        // a segment to us, checksum verified; `payload` is its TCP header, all of it in the
                // first buffer; what it carries may go on in further ones
    tcp_error,  // ICMP: a segment from us did not arrive; `payload` is its TCP header, of which 8
                // bytes are sure to be there; `path` is as it was sent from here; `mtu`
    drop,       // free the mbuf
};

struct Frame {
    FrameKind kind = FrameKind::drop;
    bool fragment = false;  // of `udp`: the first fragment of a datagram that came in several; its
                            // checksum can't be known, and what follows its payload never comes
    Reason reason = Reason::drop_runt;  // for everything but udp, tcp and tcp_error
    std::uint8_t* payload = nullptr;    // UDP payload, in the mbuf's first segment
    std::uint16_t payload_bytes = 0;
    std::uint16_t mtu = 0;  // of tcp_error: largest packet that would get through; 0: unreachable
    Path path;
};

// Bytes in front of a UDP payload that build() may need: Ethernet 14 + VLAN 4 + IPv6 40 + UDP 8.
inline constexpr std::uint16_t kMaxHeaderBytes = 66;
// Bytes in front of a TCP header that build_tcp() may need.
inline constexpr std::uint16_t kMaxTcpHeadroom = 58;

class Neighbours;

// Verifies everything that can be verified about one received frame: lengths, addresses, checksums
// (software where the port did not), fragments. Answers ARP, neighbour solicitations and echo
// requests in place. `udp_port` is ours, and so are the port's return ports. A frame in several
// buffers is a TCP segment that a port with `lro` has put together, with all headers in the first
// buffer, or dropped as drop_chain; of all others nothing is read beyond the first buffer.
Frame classify(rte_mbuf* mbuf, std::uint8_t port_index, const PortView& port,
               std::uint16_t udp_port, Neighbours& neighbours, std::uint16_t now_s);

// Puts Ethernet, IP and UDP headers in front of the mbuf's data, which is the UDP payload, and sets
// lengths and checksums (left to the port where it can). The caller guarantees kMaxHeaderBytes of
// headroom and that `peer_mac` is resolved.
void build(rte_mbuf* mbuf, const Path& path, const PortView& port);

// Puts Ethernet and IP headers in front of the mbuf's data, which is a TCP segment, header and all,
// with a checksum of 0, in one piece; sets lengths and checksums (left to the port where it can).
// The caller guarantees kMaxTcpHeadroom of headroom. `header_sum`: the TCP header's partial sum
// (checksum.hpp), as whoever has written it knows it. `cut_bytes` not 0: the payload is for the
// port to cut into pieces of so many bytes; then it may go on in further buffers, and be at most
// port.tso_bytes.
void build_tcp(rte_mbuf* mbuf, const Path& path, const PortView& port, std::uint64_t header_sum,
               std::uint16_t cut_bytes = 0);

// The address we use towards `peer`: of its family, and of its network if we have one there.
// nullptr: none on that port.
const IpAddress* own_address(const PortView& port, const IpAddress& peer);

// The request for a next hop's link address: an ARP request or a neighbour solicitation, as a
// complete frame in an empty mbuf. false: no address of ours on that port of the family.
bool build_neighbour_request(rte_mbuf* mbuf, const IpAddress& next_hop, const PortView& port);

// Largest UDP payload that fits one packet on this port for the path's family.
std::uint16_t max_udp_payload(const Path& path, const PortView& port);

}  // namespace skerry::net
