// Where a server listens: an IPv4 or IPv6 address and a UDP port. Names are not looked up: a POP is
// an address, and a resolver would be one more thing that can fail between a client and it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/base/result.hpp"

namespace skerry::client {

inline constexpr std::uint16_t kDefaultPort = 4600;

struct Endpoint {
    sockaddr_storage address{};
    socklen_t bytes = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
    std::string to_string() const;  // "10.0.0.2:4600", "[fd00::2]:4600"
};

// "10.0.0.2", "10.0.0.2:4600", "fd00::2", "[fd00::2]:4600".
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port = kDefaultPort);

}  // namespace skerry::client
