// What is answered, or learnt, below UDP: ARP (RFC 826), neighbour discovery (RFC 4861), and echo
// (RFC 792, RFC 4443). In place: the received frame becomes the answer.
// Internal to dataplane/net; classify() has checked what each function names as its premise.
#pragma once

#include "dataplane/net/frame.hpp"

struct rte_ether_hdr;
struct rte_ipv4_hdr;
struct rte_ipv6_hdr;

namespace skerry::net {

// A frame that classify() is looking at. `l3` is what follows Ethernet and the VLAN tag.
struct Received {
    rte_mbuf* mbuf;
    rte_ether_hdr* ethernet;
    std::uint8_t* l3;
    std::uint32_t l3_bytes;  // to the end of the frame, padding included
    std::uint8_t port_index;
    const PortView& port;
};

Frame answer_arp(const Received& received, Neighbours& neighbours, std::uint16_t now_s);

// Premise: the IP header is verified and addressed to us; `bytes` of ICMP follow it, all there.
Frame answer_icmp(const Received& received, rte_ipv4_hdr* ip, std::uint8_t* icmp,
                  std::uint16_t bytes);
// Premise: the same, or a multicast destination (solicited-node, all-nodes).
Frame answer_icmp6(const Received& received, rte_ipv6_hdr* ip, std::uint8_t* icmp,
                   std::uint16_t bytes, Neighbours& neighbours, std::uint16_t now_s);

}  // namespace skerry::net
