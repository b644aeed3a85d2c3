// Which addresses belong to the Internet, and not to this machine, its network or its cloud.
#pragma once

#include <sys/socket.h>

namespace skerry::origin {

// False for everything that IANA's special-purpose registries keep from global use (RFC 6890),
// multicast, and IPv6 that has an IPv4 address inside (6to4, Teredo, NAT64, mapped); and for
// families other than IPv4 and IPv6.
bool is_public(const sockaddr* address, socklen_t size);

}  // namespace skerry::origin
