// The Internet checksum (RFC 1071), eight bytes at a time. Sums are kept as they lie in memory: the
// one's complement sum does not care for byte order, as long as both sides are read alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace skerry::net {

inline std::uint64_t add_carry(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t sum = a + b;
    return sum + (sum < b);
}

template <typename T>
inline std::uint64_t load(const std::uint8_t* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// Partial sum of `bytes` bytes, to be folded. Several accumulators: additions of one chain wait for
// each other's carry. Four pay for what it costs to put them together when there is much to add.
inline std::uint64_t partial_sum(const void* data, std::size_t bytes) {
    const auto* at = static_cast<const std::uint8_t*>(data);
    std::uint64_t even = 0;
    std::uint64_t odd = 0;
    if (bytes >= 256) {
        std::uint64_t third = 0;
        std::uint64_t fourth = 0;
        for (; bytes >= 32; bytes -= 32, at += 32) {
            even = add_carry(even, load<std::uint64_t>(at));
            odd = add_carry(odd, load<std::uint64_t>(at + 8));
            third = add_carry(third, load<std::uint64_t>(at + 16));
            fourth = add_carry(fourth, load<std::uint64_t>(at + 24));
        }
        even = add_carry(even, third);
        odd = add_carry(odd, fourth);
    }
    for (; bytes >= 16; bytes -= 16, at += 16) {
        even = add_carry(even, load<std::uint64_t>(at));
        odd = add_carry(odd, load<std::uint64_t>(at + 8));
    }
    even = add_carry(even, odd);
    if (bytes & 8) {
        even = add_carry(even, load<std::uint64_t>(at));
        at += 8;
    }
    if (bytes & 4) {
        even = add_carry(even, load<std::uint32_t>(at));
        at += 4;
    }
    if (bytes & 2) {
        even = add_carry(even, load<std::uint16_t>(at));
        at += 2;
    }
    if (bytes & 1) even = add_carry(even, *at);
    return even;
}

inline std::uint16_t fold(std::uint64_t sum) {
    sum = (sum >> 32) + (sum & 0xffffffffu);
    sum = (sum >> 32) + (sum & 0xffffffffu);
    sum = (sum >> 16) + (sum & 0xffffu);
    sum = (sum >> 16) + (sum & 0xffffu);
    return static_cast<std::uint16_t>(sum);
}

// What the checksum of UDP or ICMPv6 covers beside its own bytes: addresses, protocol, length.
// `source` and `destination` point into the IP header; 4 or 16 bytes each.
inline std::uint64_t pseudo_sum(const void* source, const void* destination,
                                std::size_t address_bytes, std::uint8_t protocol,
                                std::uint16_t l4_bytes) {
    std::uint64_t sum = partial_sum(source, address_bytes);
    sum = add_carry(sum, partial_sum(destination, address_bytes));
    sum = add_carry(sum, static_cast<std::uint64_t>(protocol) << 8);
    return add_carry(sum, __builtin_bswap16(l4_bytes));
}

}  // namespace skerry::net
