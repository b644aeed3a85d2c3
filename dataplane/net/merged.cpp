#include "dataplane/net/merged.hpp"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <algorithm>

#include "dataplane/net/checksum.hpp"

namespace skerry::net {
namespace {

// Where TCP begins, by a header of which `bytes` are there; 0: not TCP, or not there.
std::uint32_t tcp_offset(const std::uint8_t* at, std::uint32_t bytes) {
    std::uint32_t l3 = sizeof(rte_ether_hdr);
    if (bytes < l3) return 0;
    const auto type_at = [&](std::uint32_t offset) {
        return static_cast<std::uint16_t>(at[offset] << 8 | at[offset + 1]);
    };
    std::uint16_t type = type_at(12);
    if (type == RTE_ETHER_TYPE_VLAN) {
        l3 += sizeof(rte_vlan_hdr);
        if (bytes < l3) return 0;
        type = type_at(16);
    }
    if (type == RTE_ETHER_TYPE_IPV4) {
        if (bytes < l3 + sizeof(rte_ipv4_hdr) || at[l3 + 9] != IPPROTO_TCP) return 0;
        return l3 + (at[l3] & 0xfu) * 4;
    }
    if (type != RTE_ETHER_TYPE_IPV6 || bytes < l3 + sizeof(rte_ipv6_hdr) ||
        at[l3 + 6] != IPPROTO_TCP)
        return 0;
    return l3 + static_cast<std::uint32_t>(sizeof(rte_ipv6_hdr));
}

}  // namespace

bool is_merged(const rte_mbuf* mbuf, const PortView& port) {
    if (!port.lro || !port.tcp) return false;
    const auto* at = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    const std::uint32_t l4 = tcp_offset(at, mbuf->data_len);
    if (l4 == 0 || l4 + sizeof(rte_tcp_hdr) > mbuf->data_len) return false;
    return l4 + (at[l4 + 12] >> 4) * 4u <= mbuf->data_len;
}

// Each buffer's bytes are summed as if they began at an even place; where they do not, its sum is
// the other way round (RFC 1071 §2(B)).
bool merged_sum_ok(const rte_mbuf* mbuf, const void* ip, bool v4, const std::uint8_t* l4,
                   std::uint16_t bytes) {
    std::uint64_t sum = 0;
    if (v4) {
        const auto* four = static_cast<const rte_ipv4_hdr*>(ip);
        sum = pseudo_sum(&four->src_addr, &four->dst_addr, 4, IPPROTO_TCP, bytes);
    } else {
        const auto* six = static_cast<const rte_ipv6_hdr*>(ip);
        sum = pseudo_sum(six->src_addr, six->dst_addr, 16, IPPROTO_TCP, bytes);
    }
    std::uint32_t skip =
        static_cast<std::uint32_t>(l4 - rte_pktmbuf_mtod(mbuf, const std::uint8_t*));
    std::uint32_t done = 0;
    for (; mbuf != nullptr && done < bytes; mbuf = mbuf->next) {
        const std::uint32_t part = std::min<std::uint32_t>(bytes - done, mbuf->data_len - skip);
        const std::uint16_t here =
            fold(partial_sum(rte_pktmbuf_mtod_offset(mbuf, const std::uint8_t*, skip), part));
        sum = add_carry(sum, done % 2 == 0 ? here : __builtin_bswap16(here));
        done += part;
        skip = 0;
    }
    return done == bytes && fold(sum) == 0xffff;
}

}  // namespace skerry::net
