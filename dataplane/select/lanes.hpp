// Arithmetic on lanes that compilers turn into vectors: no branches, integers for what is compared.
// Internal to dataplane/select.
#pragma once

#include <bit>
#include <cstdint>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "dataplane/select/candidates.hpp"

namespace skerry::select {

inline constexpr std::int32_t kNever = 0x7fffffff;     // the score of a lane that can't be chosen
inline constexpr std::int32_t kWorst = 1'000'000'000;  // the worst score of one that can

using Scores = Column<std::int32_t>;

inline std::uint32_t lanes(std::uint32_t count) {
    return (count + kLaneGroup - 1) & ~(kLaneGroup - 1);
}

// Four lanes at once, for loops that the packet path runs for each request: what compilers make of
// the plain loops depends on whether they know how many turns there are. Operators are the
// language's own, lane by lane; a comparison gives all ones or zero. GCC 12 manual, 6.52, "Using
// Vector Instructions through Built-in Functions"; Clang has the same.
using Four = std::int32_t __attribute__((vector_size(16)));
using FourUnsigned = std::uint32_t __attribute__((vector_size(16)));
inline constexpr std::uint32_t kFour = 4;
static_assert(kLaneGroup % kFour == 0);

template <typename Number>
inline Four four(const Number* lanes) {
    Four all;
    static_assert(sizeof(Number) * kFour == sizeof all);
    __builtin_memcpy(&all, lanes, sizeof all);
    return all;
}
inline Four all_four(std::int32_t value) {
    return Four{value, value, value, value};
}
inline void put(std::int32_t* lanes, Four all) {
    __builtin_memcpy(lanes, &all, sizeof all);
}
inline Four min_of(Four a, Four b) {
    return a < b ? a : b;
}
inline Four max_of(Four a, Four b) {
    return a > b ? a : b;
}

inline std::int32_t least_of(Four a) {
    const Four two = min_of(a, __builtin_shufflevector(a, a, 2, 3, 0, 1));
    return min_of(two, __builtin_shufflevector(two, two, 1, 0, 3, 2))[0];
}
// Bit i where lane i is all ones.
inline std::uint64_t bits_of(Four a) {
#if defined(__SSE2__)
    const int bits = _mm_movemask_ps(reinterpret_cast<__m128>(a));
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(bits));
#else
    return (a[0] & 1u) | (a[1] & 2u) | (a[2] & 4u) | (a[3] & 8u);
#endif
}

// Bit r of a mask, each half by itself. A table, as vectors of the baseline can't be shifted by a
// different count in each lane.
inline constexpr Column<std::uint32_t> kBit = [] {
    Column<std::uint32_t> bits{};
    for (std::uint32_t r = 0; r < kMaxCandidates; ++r) bits[r] = 1u << (r & 31u);
    return bits;
}();

// All ones where the lane's bit is set; lanes r … r + 3, r a multiple of four.
inline Four four_of_mask(std::uint64_t mask, std::uint32_t r) {
    const auto half = static_cast<std::int32_t>(mask >> (r & 32u));
    return (all_four(half) & four(&kBit[r])) != 0;
}

// All ones where bit r of `mask` is set, zero elsewhere; whole groups.
inline void spread_mask(std::uint64_t mask, std::uint32_t n, std::int32_t* out) {
    const auto low = static_cast<std::uint32_t>(mask);
    const auto high = static_cast<std::uint32_t>(mask >> 32);
    for (std::uint32_t r = 0; r < (n < 32 ? n : 32); ++r)
        out[r] = -static_cast<std::int32_t>((low & kBit[r]) != 0);
    for (std::uint32_t r = 32; r < n; ++r)
        out[r] = -static_cast<std::int32_t>((high & kBit[r]) != 0);
}

// Four lanes in one write: a vector that is read right afterwards would wait for four of them.
inline void put_four(std::int32_t* to, std::int32_t a, std::int32_t b, std::int32_t c,
                     std::int32_t d) {
#if defined(__SSE2__)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_setr_epi32(a, b, c, d));
#else
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
#endif
}

// The reverse: bit r where lane r is `value`; whole groups.
inline std::uint64_t lanes_that_are(std::int32_t value, const std::int32_t* in, std::uint32_t n) {
    std::uint64_t bits = 0;
    for (std::uint32_t r = 0; r < n; r += kFour)
        bits |= bits_of(four(in + r) == all_four(value)) << r;
    return bits;
}

inline std::uint32_t mix(std::uint32_t x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

inline std::uint32_t fold(std::uint64_t x) {
    return mix(static_cast<std::uint32_t>(x ^ (x >> 32)));
}

// 2^x for x in [-126, 0], relative error below 2e-4; monotone where it is used (whole range).
inline float exp2_negative(float x) {
    x = x < -126.0f ? -126.0f : x;
    const auto whole = static_cast<std::int32_t>(x);  // towards zero: part is in (-1, 0]
    const float part = x - static_cast<float>(whole);
    const float power =
        1.0f +
        part * (0.69314718f + part * (0.24013971f + part * (0.05486285f + part * 0.00787033f)));
    return power * std::bit_cast<float>((whole + 127) << 23);
}

// e^-x for x ≥ 0.
inline float exp_minus(float x) {
    return exp2_negative(x * -1.44269504f);
}

// log2(x) for x > 0, absolute error below 0.01; monotone.
inline float log2_rough(float x) {
    const auto bits = std::bit_cast<std::int32_t>(x);
    const float whole = static_cast<float>((bits >> 23) - 127);
    const float part = std::bit_cast<float>((bits & 0x007fffff) | 0x3f800000) - 1.0f;
    return whole + part * (1.3465553f - 0.3465553f * part);
}

}  // namespace skerry::select
