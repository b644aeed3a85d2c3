// What a SYN flood is made of, told from everything else at a glance: a SYN in an untagged frame,
// behind an IPv4 header without options or an IPv6 one without extensions. For the short way of a
// core that is being flooded (tcp/flood.cpp). "No" is no verdict: the frame goes to classify(),
// which has a reason for everything.
//
// Pure functions over one mbuf; they write nothing to it, and never read beyond its first segment.
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/net/checksum.hpp"
#include "dataplane/net/frame.hpp"

namespace skerry::net {

inline bool is_bare_syn(std::uint8_t tcp_flags) {
    constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
    return (tcp_flags & (kFin | kSyn | kRst | kAck)) == kSyn;
}

// The flags are those of a SYN where a plain one has them. For telling many frames apart: it costs
// a handful of instructions, and no branch that data and SYNs in turns would make guess wrong.
inline bool may_be_syn(const rte_mbuf* mbuf) {
    constexpr std::uint32_t kTypeAt = 12, kFlagsAt4 = 14 + 20 + 13, kFlagsAt6 = 14 + 40 + 13;
    if (mbuf->data_len <= kFlagsAt4) [[unlikely]]
        return false;
    const auto* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    const bool v6 = load<std::uint16_t>(frame + kTypeAt) == 0xdd86;  // as it lies in memory
    const bool long_enough = mbuf->data_len > kFlagsAt6;
    return is_bare_syn(frame[(v6 & long_enough) ? kFlagsAt6 : kFlagsAt4]);
}

// Who asks whom, as it lies in the frame: enough to know a SYN by that comes again.
struct SynTuple {
    std::uint64_t peer = 0;   // IPv6: both halves in one
    std::uint64_t ports = 0;  // the peer's, and ours behind it
    std::uint16_t local_port() const {
        return rte_be_to_cpu_16(static_cast<std::uint16_t>(ports >> 16));
    }
};

inline std::uint64_t folded(std::uint64_t high, std::uint64_t low) {
    return (high << 23 | high >> 41) ^ low;
}

// Of one that may_be_syn(). false: read_plain_syn() says so, too. Checks nothing but what kind of
// frame it is.
inline bool read_syn_tuple(const rte_mbuf* mbuf, SynTuple& syn) {
    constexpr std::uint32_t kIp = 14, kTcp4 = kIp + 20, kTcp6 = kIp + 40;
    const auto* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    if (load<std::uint16_t>(frame + 12) == 0xdd86) {
        if (mbuf->data_len < kTcp6 + 20 || frame[kIp + 6] != IPPROTO_TCP) return false;
        syn.peer =
            folded(load<std::uint64_t>(frame + kIp + 8), load<std::uint64_t>(frame + kIp + 16));
        syn.ports = load<std::uint32_t>(frame + kTcp6);
        return true;
    }
    constexpr std::uint16_t kFragment = 0xff3f;  // more to come, or not the first; as it lies
    if (load<std::uint16_t>(frame + 12) != 0x0008 || mbuf->data_len < kTcp4 + 20 ||
        frame[kIp] != RTE_IPV4_VHL_DEF || frame[kIp + 9] != IPPROTO_TCP ||
        (load<std::uint16_t>(frame + kIp + 6) & kFragment) != 0)
        return false;
    syn.peer = load<std::uint32_t>(frame + kIp + 12);
    syn.ports = load<std::uint32_t>(frame + kTcp4);
    return true;
}

// The same of a path.
inline SynTuple syn_tuple(const Path& path) {
    const std::uint32_t ports =
        std::uint32_t{rte_cpu_to_be_16(path.local_udp)} << 16 | rte_cpu_to_be_16(path.peer_udp);
    if (path.peer.is_v4()) return {path.peer.v4_network_order(), ports};
    return {folded(path.peer.high(), path.peer.low()), ports};
}

struct PlainSyn {
    Path path;
    const std::uint8_t* tcp = nullptr;  // as Frame::payload
    std::uint16_t tcp_bytes = 0;
};

// Only if classify() would say FrameKind::tcp, and the same of it as is written to `syn` here; and
// it is a SYN, without ACK, RST and FIN. Otherwise `syn` is half filled.
bool read_plain_syn(const rte_mbuf* mbuf, std::uint8_t port_index, const PortView& port,
                    PlainSyn& syn);

}  // namespace skerry::net
