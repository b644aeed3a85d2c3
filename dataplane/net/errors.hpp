// ICMP errors about TCP segments of ours (RFC 792, RFC 1191; RFC 4443 §3.1, §3.2): what they say,
// and of which segment. Whether that segment was ever sent is for the connection to judge (RFC 5927
// §4). Internal to dataplane/net.
#pragma once

#include "dataplane/net/frame.hpp"

struct rte_ipv4_hdr;
struct rte_ipv6_hdr;

namespace skerry::net {

// Of the types that classify_error_*() reads; anything else goes to answer_icmp*().
bool is_error4(const std::uint8_t* icmp, std::uint16_t bytes);
bool is_error6(const std::uint8_t* icmp, std::uint16_t bytes);

// Premise: the IP header is verified and addressed to us; `bytes` of ICMP follow it, all there.
// Makes `frame` a tcp_error, or a drop.
void classify_error4(const rte_ipv4_hdr* ip, std::uint8_t* icmp, std::uint16_t bytes, Frame& frame);
void classify_error6(const rte_ipv6_hdr* ip, std::uint8_t* icmp, std::uint16_t bytes, Frame& frame);

}  // namespace skerry::net
