// Link and IP addresses as values. IPv4 is kept as an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2),
// so that one code path, one table key and one comparison serve both families.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace skerry::net {

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    bool operator==(const MacAddress&) const = default;
};

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    bool operator==(const IpAddress& other) const {
        return high() == other.high() && low() == other.low();
    }

    // Written as two words: the packet path reads it as words right afterwards.
    static IpAddress v4(std::uint32_t network_order) {
        static_assert(std::endian::native == std::endian::little);
        IpAddress a;
        const std::uint64_t low = std::uint64_t{network_order} << 32 | 0xffff0000u;
        std::memcpy(&a.bytes[8], &low, 8);
        return a;
    }
    static IpAddress v6(const void* sixteen_bytes) {
        IpAddress a;
        std::memcpy(a.bytes.data(), sixteen_bytes, 16);
        return a;
    }
    bool is_v4() const {
        static constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        return std::memcmp(bytes.data(), prefix, 12) == 0;
    }
    std::uint32_t v4_network_order() const {
        std::uint32_t v;
        std::memcpy(&v, &bytes[12], 4);
        return v;
    }
    std::uint64_t high() const {
        std::uint64_t v;
        std::memcpy(&v, &bytes[0], 8);
        return v;
    }
    std::uint64_t low() const {
        std::uint64_t v;
        std::memcpy(&v, &bytes[8], 8);
        return v;
    }

    // Textual forms of both families (inet_pton). Set-up code only.
    static std::optional<IpAddress> parse(const std::string& text);
    std::string to_string() const;
};

// An address with the length of its network: "10.0.0.2/24". prefix_bits counts in the family's own
// bits (0…32 or 0…128).
struct IpPrefix {
    IpAddress address;
    std::uint8_t prefix_bits = 0;
    bool contains(const IpAddress& other) const;
    static std::optional<IpPrefix> parse(const std::string& text);
};

}  // namespace skerry::net
