// SipHash (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012) over whole
// 64-bit words, with the padding word of the paper. Pure functions; any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace skerry::net {

struct SipKey {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

namespace detail {

struct Sip {
    std::uint64_t v0, v1, v2, v3;
    explicit Sip(const SipKey& key)
        : v0(key.k0 ^ 0x736f6d6570736575ull),
          v1(key.k1 ^ 0x646f72616e646f6dull),
          v2(key.k0 ^ 0x6c7967656e657261ull),
          v3(key.k1 ^ 0x7465646279746573ull) {}
    void round() {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    template <int kRounds>
    void word(std::uint64_t m) {
        v3 ^= m;
        for (int i = 0; i < kRounds; ++i) round();
        v0 ^= m;
    }
    template <int kRounds>
    std::uint64_t finish() {
        v2 ^= 0xff;
        for (int i = 0; i < kRounds; ++i) round();
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

// Words in their little-endian order; at most 31 of them, so that the length fits its byte.
template <int kRounds, int kLastRounds, typename... Words>
inline std::uint64_t siphash(const SipKey& key, Words... words) {
    static_assert(sizeof...(words) < 32);
    Sip sip(key);
    (sip.word<kRounds>(static_cast<std::uint64_t>(words)), ...);
    sip.word<kRounds>(std::uint64_t{sizeof...(words) * 8} << 56);
    return sip.finish<kLastRounds>();
}

}  // namespace detail

// SipHash-2-4: for what must not be guessed.
template <typename... Words>
inline std::uint64_t siphash(const SipKey& key, Words... words) {
    return detail::siphash<2, 4>(key, words...);
}

// SipHash-2-4 of these words and seven bytes more, which take the place of the padding.
template <typename... Words>
inline std::uint64_t siphash_and_tail(const SipKey& key, std::uint64_t tail, Words... words) {
    static_assert(sizeof...(words) < 31);
    detail::Sip sip(key);
    (sip.word<2>(static_cast<std::uint64_t>(words)), ...);
    sip.word<2>(std::uint64_t{sizeof...(words) * 8 + 7} << 56 | (tail & ~std::uint64_t{0} >> 8));
    return sip.finish<4>();
}

// SipHash-1-3, in half the time: for tables, where nobody sees the hashes and it is enough that
// strangers can't make them meet.
template <typename... Words>
inline std::uint64_t siphash_of_table(const SipKey& key, Words... words) {
    return detail::siphash<1, 3>(key, words...);
}

// The same of a text of any length, as the paper pads it.
inline std::uint64_t siphash_of_text(const SipKey& key, std::string_view text) {
    detail::Sip sip(key);
    const auto bytes = static_cast<std::uint64_t>(text.size());
    while (text.size() >= 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data(), sizeof word);
        sip.word<1>(word);
        text.remove_prefix(8);
    }
    std::uint64_t last = bytes << 56;
    for (std::size_t i = 0; i < text.size(); ++i)
        last |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
    sip.word<1>(last);
    return sip.finish<3>();
}

}  // namespace skerry::net
