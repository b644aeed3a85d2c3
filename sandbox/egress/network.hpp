// An egress network: what an operator made of a network namespace, and what of it workers get.
// docs/decisions/0016-egress.md has the picture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::egress {

inline constexpr std::size_t kNetworksMax = 16;   // of one server
inline constexpr std::size_t kNameBytesMax = 15;  // [a-z0-9-]
inline constexpr std::size_t kResolversMax = 3;   // what C libraries read of a resolv.conf
inline constexpr std::size_t kPrefixesMax = 32;   // in `to`, and in `except`
inline constexpr std::size_t kHostAddressesMax = 64;
inline constexpr std::size_t kTcpPortsMax = 16;

// An address, or a block of them; host bits are zero in a block.
struct Prefix {
    std::array<std::uint8_t, 16> bytes{};  // in network order; IPv4: the first four
    std::uint8_t bits = 0;                 // 0 … 32, 0 … 128
    std::uint8_t family = 4;               // 4 or 6
    friend bool operator==(const Prefix&, const Prefix&) = default;
};

constexpr std::size_t address_bytes(const Prefix& prefix) {
    return prefix.family == 4 ? 4 : 16;
}
constexpr bool is_host(const Prefix& prefix) {
    return prefix.bits == 8 * address_bytes(prefix);
}
bool contains(const Prefix& block, const Prefix& inner);
std::string to_string(const Prefix& prefix);  // "10.0.0.0/8"; an address without its bits
// "10.0.0.0/8", "fd00::/8", or an address alone; nullopt: it is neither, or a host bit is set.
std::optional<Prefix> parse_prefix(const std::string& text);

// As configured; nothing here is told by an order.
struct Network {
    std::string name = {};
    std::string netns = {};  // absolute path of a network namespace: "/run/netns/internet"
    // Workers' addresses, and nobody else's; at least one of the two: 8 … 30 bits, 48 … 126 bits.
    std::optional<Prefix> subnet4 = {};
    std::optional<Prefix> subnet6 = {};
    std::uint32_t mtu = 1500;            // 1280 … 65535
    std::vector<Prefix> resolvers = {};  // addresses outside of the subnets
    std::vector<Prefix> to = {};         // what workers may speak to …
    std::vector<Prefix> except = {};     // … without this; the longest match decides
    // That workers may connect to, at any address, their own loopback included; none: all.
    std::vector<std::uint16_t> tcp_ports = {};
};

// Opens the network's namespace. An error says what is there instead, and the command that mends
// it: also when it is the caller's own namespace, in which workers would be beside the server.
Result<UniqueFd> open_namespace(const Network& network);

// Addresses of the interfaces of the caller's network namespace, without loopback's; at most
// kHostAddressesMax.
std::vector<Prefix> host_addresses();

}  // namespace skerry::egress
