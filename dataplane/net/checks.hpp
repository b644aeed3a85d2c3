// What is verified of a frame, whichever way it takes. Pure; internal to dataplane/net.
#pragma once

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/frame.hpp"
#include "dataplane/net/merged.hpp"

namespace skerry::net {

inline bool is_multicast(const rte_ether_addr& address) {
    return (address.addr_bytes[0] & 1) != 0;
}

inline bool is_ours(const PortView& port, const IpAddress& address) {
    for (const IpPrefix& own : port.addresses)
        if (own.address == address) return true;
    return false;
}

// Sources that no packet may have: "this network", loopback, multicast, reserved and broadcast
// (RFC 6890), or ourselves.
inline bool bad_source4(std::uint32_t network_order) {
    const std::uint32_t address = rte_be_to_cpu_32(network_order);
    return address >> 24 == 0 || address >> 24 == 127 || address >= 0xe0000000u;
}

inline bool bad_source6(const std::uint8_t* address) {
    static constexpr std::uint8_t kZeros[15] = {};
    const bool unspecified_or_loopback = std::memcmp(address, kZeros, 15) == 0 && address[15] <= 1;
    return address[0] == 0xff || unspecified_or_loopback;
}

enum class Trust : std::uint8_t { good, bad, unknown };

inline Trust offloaded(const rte_mbuf* mbuf, bool able, std::uint64_t mask, std::uint64_t good,
                       std::uint64_t bad) {
    if (!able) return Trust::unknown;
    const std::uint64_t flags = mbuf->ol_flags & mask;
    // All bits (…_CKSUM_NONE): the checksum is not in the packet, and the port answers for the
    // data; so of what never was on a wire (virtio), or was put together.
    return flags == good || flags == mask ? Trust::good
           : flags == bad                 ? Trust::bad
                                          : Trust::unknown;
}

// Of IPv4: the header's checksum.
inline bool ip_sum_ok(const rte_mbuf* mbuf, const PortView& port, const rte_ipv4_hdr* ip,
                      std::uint16_t header_bytes) {
    const Trust trust = offloaded(mbuf, port.rx_ip_checksum, RTE_MBUF_F_RX_IP_CKSUM_MASK,
                                  RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD);
    if (trust != Trust::unknown) return trust == Trust::good;
    return fold(partial_sum(ip, header_bytes)) == 0xffff;
}

// `bytes` of UDP or TCP at `l4`, whose checksum is there.
inline bool l4_sum_ok(const void* ip, bool v4, std::uint8_t protocol, const void* l4,
                      std::uint16_t bytes) {
    std::uint64_t sum = partial_sum(l4, bytes);
    if (v4) {
        const auto* four = static_cast<const rte_ipv4_hdr*>(ip);
        sum = add_carry(sum, pseudo_sum(&four->src_addr, &four->dst_addr, 4, protocol, bytes));
    } else {
        const auto* six = static_cast<const rte_ipv6_hdr*>(ip);
        sum = add_carry(sum, pseudo_sum(six->src_addr, six->dst_addr, 16, protocol, bytes));
    }
    return fold(sum) == 0xffff;
}

inline bool tcp_sum_ok(const rte_mbuf* mbuf, const PortView& port, const void* ip, bool v4,
                       const void* l4, std::uint16_t bytes) {
    const Trust trust = offloaded(mbuf, port.rx_tcp_checksum, RTE_MBUF_F_RX_L4_CKSUM_MASK,
                                  RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD);
    if (trust != Trust::unknown) return trust == Trust::good;
    if (mbuf->nb_segs != 1) [[unlikely]]
        return merged_sum_ok(mbuf, ip, v4, static_cast<const std::uint8_t*>(l4), bytes);
    return l4_sum_ok(ip, v4, IPPROTO_TCP, l4, bytes);
}

}  // namespace skerry::net
