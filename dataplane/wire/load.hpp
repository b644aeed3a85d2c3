// A server's load, as it lies in eight bytes of a reply (docs/protocol.md, "Load").
//
// Pure; any eight bytes are a load: what comes from the network is bounded by its shape, not
// checked. Counts above 65535 are told as that. A service time has 11 bits and a power of two:
// it is at most a 1024th too small, and at most some 36 minutes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace skerry::wire {

struct Load {
    std::uint16_t executing = 0;   // invocations that have a slot
    std::uint16_t waiting = 0;     // and those that have none yet
    std::uint16_t slots = 0;       // it could execute so many at once; 0: not known
    std::uint32_t service_us = 0;  // what an execution takes of late; 0: not known
    bool operator==(const Load&) const = default;
};

inline constexpr std::uint32_t kServiceBits = 11;
inline constexpr std::uint32_t kServiceShiftMax = 20;

constexpr std::uint16_t pack_service(std::uint32_t us) {
    constexpr std::uint32_t kMost = ((1u << kServiceBits) - 1) << kServiceShiftMax;
    us = std::min(us, kMost);
    const auto width = static_cast<std::uint32_t>(std::bit_width(us));
    const std::uint32_t shift = width > kServiceBits ? width - kServiceBits : 0;
    return static_cast<std::uint16_t>(shift << kServiceBits | us >> shift);
}

constexpr std::uint32_t unpack_service(std::uint16_t packed) {
    const std::uint32_t shift = std::min<std::uint32_t>(packed >> kServiceBits, kServiceShiftMax);
    return (packed & ((1u << kServiceBits) - 1)) << shift;
}

// Most significant first: executing, waiting, slots, service time.
constexpr std::uint64_t pack(const Load& load) {
    return std::uint64_t{load.executing} << 48 | std::uint64_t{load.waiting} << 32 |
           std::uint64_t{load.slots} << 16 | pack_service(load.service_us);
}

constexpr Load unpack_load(std::uint64_t word) {
    return {.executing = static_cast<std::uint16_t>(word >> 48),
            .waiting = static_cast<std::uint16_t>(word >> 32),
            .slots = static_cast<std::uint16_t>(word >> 16),
            .service_us = unpack_service(static_cast<std::uint16_t>(word))};
}

constexpr std::uint16_t saturated(std::uint64_t count) {
    return static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xffff));
}

}  // namespace skerry::wire
