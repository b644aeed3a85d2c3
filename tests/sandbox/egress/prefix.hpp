// "10.66.0.0/20" as a Prefix.
#pragma once

#include <arpa/inet.h>

#include <cstdlib>
#include <string>

#include "sandbox/egress/network.hpp"

namespace skerry::test {

inline egress::Prefix prefix(const std::string& text) {
    egress::Prefix made;
    const auto slash = text.find('/');
    const std::string address = text.substr(0, slash);
    made.family = address.find(':') == std::string::npos ? 4 : 6;
    if (::inet_pton(made.family == 4 ? AF_INET : AF_INET6, address.c_str(), made.bytes.data()) != 1)
        std::abort();
    made.bits = static_cast<std::uint8_t>(
        slash == std::string::npos ? 8 * address_bytes(made) : std::stoul(text.substr(slash + 1)));
    return made;
}

}  // namespace skerry::test
