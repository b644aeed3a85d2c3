// Sequence numbers: 32 bits that wrap (RFC 9293 §3.4). `a` is before `b` if it is less than 2^31
// behind it; two numbers exactly 2^31 apart are each before the other's successor and never meet
// here, since no window is larger than 2^30 (RFC 7323 §2.3).
#pragma once

#include <cstdint>

namespace skerry::net::tcp {

inline constexpr std::int32_t distance(std::uint32_t from, std::uint32_t to) {
    return static_cast<std::int32_t>(to - from);
}
inline constexpr bool before(std::uint32_t a, std::uint32_t b) {
    return distance(b, a) < 0;
}
inline constexpr bool at_or_before(std::uint32_t a, std::uint32_t b) {
    return distance(b, a) <= 0;
}
inline constexpr bool after(std::uint32_t a, std::uint32_t b) {
    return before(b, a);
}
inline constexpr bool at_or_after(std::uint32_t a, std::uint32_t b) {
    return at_or_before(b, a);
}
inline constexpr std::uint32_t max_seq(std::uint32_t a, std::uint32_t b) {
    return before(a, b) ? b : a;
}
inline constexpr std::uint32_t min_seq(std::uint32_t a, std::uint32_t b) {
    return before(a, b) ? a : b;
}
// start ≤ seq < start + bytes. An empty window holds nothing.
inline constexpr bool in_window(std::uint32_t seq, std::uint32_t start, std::uint32_t bytes) {
    return seq - start < bytes;
}

}  // namespace skerry::net::tcp
