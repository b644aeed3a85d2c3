// What a SYN flood is made of, told from everything else at a glance: a SYN in an untagged frame,
// behind an IPv4 header without options or an IPv6 one without extensions. For the short way of a
// core that is being flooded (tcp/flood.cpp). "No" is no verdict: the frame goes to classify(),
// which has a reason for everything.
//
// Pure functions over one mbuf; they write nothing to it, and never read beyond its first segment.
#pragma once

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
