// A packet filter at the operator's end of a worker's link: what does not come from the worker's
// own address goes no further. Internal to sandbox/egress.
#pragma once

#include <cstdint>

#include "sandbox/egress/netlink.hpp"
#include "sandbox/egress/wiring.hpp"

namespace skerry::egress {

// Of what comes in through the interface: IPv4 and IPv6 from the wiring's addresses, nothing else.
// Goes with the interface. 0, or errno; ENOENT, EOPNOTSUPP: the kernel lacks sch_ingress or
// cls_bpf.
int check_sources(Netlink& there, std::uint32_t index, const Wiring& wiring);

}  // namespace skerry::egress
