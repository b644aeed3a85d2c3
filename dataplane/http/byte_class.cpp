#include "dataplane/http/byte_class.hpp"

#include <bit>

#if defined(__AVX2__) || defined(__SSSE3__)
#include <immintrin.h>
#endif

namespace skerry::http {
namespace {

constexpr bool is_control(unsigned char c) {
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

#if defined(__AVX2__)

constexpr std::size_t kStep = 32;
using Wide = __m256i;

Wide load(const char* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}
Wide table(const std::uint8_t* sixteen) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(sixteen)));
}
// Bit i: byte i is not in the class.
std::uint32_t outside(Wide low, Wide high, Wide text) {
    const Wide nibble = _mm256_set1_epi8(15);
    // A shuffle gives 0 where the index has its top bit set: bytes above 0x7f are in no class.
    const Wide rows = _mm256_shuffle_epi8(low, text);
    const Wide row =
        _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(text, 4), nibble));
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(
        _mm256_cmpeq_epi8(_mm256_and_si256(rows, row), _mm256_setzero_si256())));
}
std::uint32_t controls(Wide text) {
    const Wide low = _mm256_cmpeq_epi8(_mm256_min_epu8(text, _mm256_set1_epi8(0x1f)), text);
    const Wide tab = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('\t'));
    const Wide del = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(0x7f));
    return static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_or_si256(_mm256_andnot_si256(tab, low), del)));
}

#elif defined(__SSSE3__)

constexpr std::size_t kStep = 16;
using Wide = __m128i;

Wide load(const char* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
Wide table(const std::uint8_t* sixteen) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(sixteen));
}
// Bit i: byte i is not in the class.
std::uint32_t outside(Wide low, Wide high, Wide text) {
    const Wide nibble = _mm_set1_epi8(15);
    // A shuffle gives 0 where the index has its top bit set: bytes above 0x7f are in no class.
    const Wide rows = _mm_shuffle_epi8(low, text);
    const Wide row = _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(text, 4), nibble));
    return static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(rows, row), _mm_setzero_si128())));
}
std::uint32_t controls(Wide text) {
    const Wide low = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
    const Wide tab = _mm_cmpeq_epi8(text, _mm_set1_epi8('\t'));
    const Wide del = _mm_cmpeq_epi8(text, _mm_set1_epi8(0x7f));
    return static_cast<std::uint32_t>(
        _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del)));
}

#endif

#if defined(__AVX2__) || defined(__SSSE3__)
// Bit H for high nibble H; nothing for 8 and above.
alignas(16) constexpr std::uint8_t kRows[16] = {1, 2, 4, 8, 16, 32, 64, 128};
#endif

}  // namespace

std::size_t leading_plain(const ByteClass& of_class, const char* text, std::size_t bytes) {
    std::size_t at = 0;
    while (at < bytes && of_class.has(static_cast<unsigned char>(text[at]))) ++at;
    return at;
}

std::size_t before_control_plain(const char* text, std::size_t bytes) {
    std::size_t at = 0;
    while (at < bytes && !is_control(static_cast<unsigned char>(text[at]))) ++at;
    return at;
}

std::size_t leading(const ByteClass& of_class, const char* text, std::size_t bytes) {
    std::size_t at = 0;
#if defined(__AVX2__) || defined(__SSSE3__)
    const Wide low = table(of_class.low.data());
    const Wide high = table(kRows);
    for (; bytes - at >= kStep; at += kStep)
        if (const std::uint32_t wrong = outside(low, high, load(text + at)); wrong != 0)
            return at + static_cast<std::size_t>(std::countr_zero(wrong));
#endif
    return at + leading_plain(of_class, text + at, bytes - at);
}

std::size_t before_control(const char* text, std::size_t bytes) {
    std::size_t at = 0;
#if defined(__AVX2__) || defined(__SSSE3__)
    for (; bytes - at >= kStep; at += kStep)
        if (const std::uint32_t found = controls(load(text + at)); found != 0)
            return at + static_cast<std::size_t>(std::countr_zero(found));
#endif
    return at + before_control_plain(text + at, bytes - at);
}

}  // namespace skerry::http
