// Which core a connection belongs to, on ports that do not keep a flow on one queue. A pure
// function of its addresses and ports, so that every core, and whoever chooses a port to connect
// from, says the same.
#pragma once

#include <cstdint>

#include "dataplane/net/frame.hpp"

namespace skerry::net {

inline std::uint32_t owner_of_flow(const Path& path, std::uint32_t cores) {
    const std::uint64_t ports = std::uint64_t{path.local_udp} << 16 | path.peer_udp;
    const std::uint64_t hash = (path.peer.high() ^ path.peer.low() ^ ports) * 0x9e3779b97f4a7c15ull;
    return static_cast<std::uint32_t>((hash >> 32) % cores);
}

}  // namespace skerry::net
