// Whom a frame claims to be from, before anything of it has been verified: for those who drop by
// that alone. Pure; reads nothing beyond the mbuf's first segment.
#pragma once

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/net/address.hpp"

namespace skerry::net {

// False: it is no IP, or too short. One VLAN tag is read past, as classify() does.
inline bool source_of(const rte_mbuf* mbuf, IpAddress& source) {
    const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    const std::size_t bytes = mbuf->data_len;
    std::size_t at = RTE_ETHER_HDR_LEN;
    if (bytes < at + sizeof(rte_ipv4_hdr)) return false;
    std::uint16_t type;
    std::memcpy(&type, data + at - sizeof type, sizeof type);
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN)) {
        at += RTE_VLAN_HLEN;
        std::memcpy(&type, data + at - sizeof type, sizeof type);
    }
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) {
        if (bytes < at + sizeof(rte_ipv4_hdr)) return false;
        std::uint32_t address;
        std::memcpy(&address, data + at + offsetof(rte_ipv4_hdr, src_addr), sizeof address);
        source = IpAddress::v4(address);
        return true;
    }
    if (type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) || bytes < at + sizeof(rte_ipv6_hdr))
        return false;
    source = IpAddress::v6(data + at + offsetof(rte_ipv6_hdr, src_addr));
    return true;
}

}  // namespace skerry::net
