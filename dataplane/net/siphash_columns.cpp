#include "dataplane/net/siphash_columns.hpp"

#include <cstring>

namespace skerry::net {
namespace {

// Whoever is built for any CPU asks this one.
const bool kHasAvx512 = __builtin_cpu_supports("avx512f") != 0;

#define SKERRY_AVX512 __attribute__((target("avx512f")))

using Eight = std::uint64_t __attribute__((vector_size(64)));

// detail::Sip of eight messages.
struct EightSips {
    Eight v0, v1, v2, v3;
};

template <int kBits>
SKERRY_AVX512 inline void rotate(Eight& x) {
    x = x << kBits | x >> (64 - kBits);
}

SKERRY_AVX512 inline void round_of(EightSips& s) {
    s.v0 += s.v1;
    rotate<13>(s.v1);
    s.v1 ^= s.v0;
    rotate<32>(s.v0);
    s.v2 += s.v3;
    rotate<16>(s.v3);
    s.v3 ^= s.v2;
    s.v0 += s.v3;
    rotate<21>(s.v3);
    s.v3 ^= s.v0;
    s.v2 += s.v1;
    rotate<17>(s.v1);
    s.v1 ^= s.v2;
    rotate<32>(s.v2);
}

template <int kRounds, int kLastRounds>
SKERRY_AVX512 void by_eights(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes) {
    const detail::Sip start(key);
    const Eight zero{};
    for (std::size_t i = 0; i < hashes.size(); i += kColumnStep) {
        EightSips s{zero + start.v0, zero + start.v1, zero + start.v2, zero + start.v3};
        for (const std::uint64_t* column : columns) {
            Eight m;
            std::memcpy(&m, column + i, sizeof m);
            s.v3 ^= m;
            for (int r = 0; r < kRounds; ++r) round_of(s);
            s.v0 ^= m;
        }
        s.v2 ^= zero + 0xff;
        for (int r = 0; r < kLastRounds; ++r) round_of(s);
        const Eight all = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
        std::memcpy(hashes.data() + i, &all, sizeof all);
    }
}

template <int kRounds, int kLastRounds>
void one_by_one(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes) {
    for (std::size_t i = 0; i < hashes.size(); ++i) {
        detail::Sip sip(key);
        for (const std::uint64_t* column : columns) sip.word<kRounds>(column[i]);
        hashes[i] = sip.finish<kLastRounds>();
    }
}

}  // namespace

void siphash_columns(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes) {
    return kHasAvx512 ? by_eights<2, 4>(key, columns, hashes)
                      : one_by_one<2, 4>(key, columns, hashes);
}

void siphash_columns_of_table(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes) {
    return kHasAvx512 ? by_eights<1, 3>(key, columns, hashes)
                      : one_by_one<1, 3>(key, columns, hashes);
}

void siphash_columns_plain(const SipKey& key, Columns columns, std::span<std::uint64_t> hashes) {
    one_by_one<2, 4>(key, columns, hashes);
}

}  // namespace skerry::net
