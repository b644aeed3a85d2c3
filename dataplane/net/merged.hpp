// Frames of several buffers: TCP segments that a port has put together on the way in (LRO). Pure;
// internal to dataplane/net.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/net/frame.hpp"

namespace skerry::net {

// Is a frame of several buffers what a port makes that was asked to put segments together: TCP over
// IPv4 or IPv6 (without extensions), of which everything up to the end of TCP's header lies in the
// first buffer? So that classify() may read that far, and nothing but TCP gets further.
bool is_merged(const rte_mbuf* mbuf, const PortView& port);

// The checksum of such a segment, where the port did not say that it is good. `l4` is in the first
// buffer; `bytes` of TCP from there on.
bool merged_sum_ok(const rte_mbuf* mbuf, const void* ip, bool v4, const std::uint8_t* l4,
                   std::uint16_t bytes);

}  // namespace skerry::net
