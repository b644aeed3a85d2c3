// A hash of short texts: eight bytes a step, folded multiplications. Not keyed: what is looked up
// by strangers meets tables whose longest run of cells is known (table.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace skerry::classify {

inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t hash_of(std::string_view text) {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ull, kOther = 0xd6e8feb86659fd93ull;
    const auto eight = [](const char* from) {
        std::uint64_t word;
        std::memcpy(&word, from, sizeof word);
        return word;
    };
    const char* at = text.data();
    std::size_t left = text.size();
    std::uint64_t state = left * kOther;
    if (left < 8) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < left; ++i)
            word |= std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
        return fold(word ^ kOdd, state ^ kOther);
    }
    for (; left > 8; left -= 8, at += 8) state = fold(state ^ eight(at), kOdd);
    return fold(state ^ eight(text.data() + text.size() - 8), kOther);
}

// Of a text that belongs to something with a number.
inline std::uint64_t hash_of(std::uint64_t text_hash, std::uint32_t owner) {
    return fold(text_hash ^ owner * 0xa0761d6478bd642full, 0xe7037ed1a0b428dbull);
}

}  // namespace skerry::classify
