#include "control/origin/address.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace skerry::origin {
namespace {

struct Network4 {
    std::uint32_t address;
    unsigned bits;
};
constexpr Network4 kSpecial4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // shared, of carriers; some clouds' metadata
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local; most clouds' metadata
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // IETF protocols
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
};

bool is_public4(std::uint32_t address) {
    return std::none_of(std::begin(kSpecial4), std::end(kSpecial4), [&](const Network4& network) {
        return (address ^ network.address) >> (32 - network.bits) == 0;
    });
}

// Of the only block that is given out as global unicast, but for what is special in it.
bool is_public6(const std::uint8_t* b) {
    if (b[0] >> 5 != 1) return false;                            // 2000::/3
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2) return false;  // 2001::/23
    if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) return false;
    if (b[0] == 0x20 && b[1] == 0x02) return false;                 // 6to4
    if (b[0] == 0x3f && b[1] == 0xff && b[2] < 0x10) return false;  // documentation
    return true;
}

}  // namespace

bool is_public(const sockaddr* address, socklen_t size) {
    if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in v4;
        std::memcpy(&v4, address, sizeof v4);
        return is_public4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 v6;
        std::memcpy(&v6, address, sizeof v6);
        return is_public6(v6.sin6_addr.s6_addr);
    }
    return false;
}

}  // namespace skerry::origin
