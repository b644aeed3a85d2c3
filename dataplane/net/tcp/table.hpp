// From the four numbers of a connection to its index: buckets of one cache line, two choices for
// each key (A. Broder, M. Mitzenmacher, "Using multiple hash functions to improve IP lookups",
// INFOCOM 2001). Lookup and removal look at two lines, whatever the load.
//
// The hash is keyed by the caller, so that nobody outside can aim at a bucket. Half of the places
// stay empty when as many are in as were asked for: both buckets full is a matter of 1 in 10^9.
#pragma once

#include <emmintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <memory>

#include "dataplane/net/tcp/list.hpp"

namespace skerry::net::tcp {

class Table {
  public:
    explicit Table(std::uint32_t entries)
        : mask_(std::bit_ceil(std::max(entries / 4, 2u)) - 1),
          buckets_(std::make_unique<Bucket[]>(mask_ + 1ul)) {}

    // Both lines that find() will look at, on their way into the cache.
    void prefetch(std::uint32_t hash) const {
        __builtin_prefetch(&buckets_[first(hash)]);
        __builtin_prefetch(&buckets_[second(hash)]);
    }
    // The index whose hash is `hash` and that `matches`; kNone: there is none.
    template <typename Matches>
    std::uint32_t find(std::uint32_t hash, const Matches& matches) const {
        for (const std::uint32_t at : {first(hash), second(hash)}) {
            const Bucket& bucket = buckets_[at];
            for (unsigned found = among(bucket.hashes, hash); found != 0; found &= found - 1) {
                const std::uint32_t index = bucket.indexes[std::countr_zero(found)];
                if (index != kNone && matches(index)) return index;
            }
        }
        return kNone;
    }
    // Into the emptier of the two. false: both are full.
    bool insert(std::uint32_t hash, std::uint32_t index) {
        Bucket& a = buckets_[first(hash)];
        Bucket& b = buckets_[second(hash)];
        const unsigned free_of_a = among(a.indexes, kNone), free_of_b = among(b.indexes, kNone);
        const bool into_b = std::popcount(free_of_b) > std::popcount(free_of_a);
        const unsigned free = into_b ? free_of_b : free_of_a;
        if (free == 0) return false;
        Bucket& to = into_b ? b : a;
        to.hashes[std::countr_zero(free)] = hash;
        to.indexes[std::countr_zero(free)] = index;
        ++changes_;
        return true;
    }
    void remove(std::uint32_t hash, std::uint32_t index) {
        for (const std::uint32_t at : {first(hash), second(hash)}) {
            const unsigned found = among(buckets_[at].indexes, index);
            if (found == 0) continue;
            buckets_[at].indexes[std::countr_zero(found)] = kNone;
            ++changes_;
            return;
        }
    }
    // Grows with each change: what was not found before is not there now, if this is the same.
    std::uint64_t changes() const { return changes_; }

  private:
    static constexpr unsigned kPlaces = 8;
    struct alignas(64) Bucket {
        std::array<std::uint32_t, kPlaces> hashes;
        std::array<std::uint32_t, kPlaces> indexes;  // kNone: nothing is there, whatever its hash
        Bucket() {
            hashes.fill(0);
            indexes.fill(kNone);
        }
    };
    static_assert(sizeof(Bucket) == 64);

    std::uint32_t first(std::uint32_t hash) const { return hash & mask_; }
    std::uint32_t second(std::uint32_t hash) const {
        return (std::rotl(hash, 16) * 0x9e3779b1u >> 7) & mask_;
    }
    // A bit for each of them that is `wanted`. SSE2 is in every x86-64.
    static unsigned among(const std::array<std::uint32_t, kPlaces>& all, std::uint32_t wanted) {
        const __m128i each = _mm_set1_epi32(static_cast<int>(wanted));
        const auto* four = reinterpret_cast<const __m128i*>(all.data());
        const __m128i low = _mm_cmpeq_epi32(_mm_load_si128(four), each);
        const __m128i high = _mm_cmpeq_epi32(_mm_load_si128(four + 1), each);
        const __m128i both = _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128());
        return static_cast<unsigned>(_mm_movemask_epi8(both));
    }

    std::uint32_t mask_;
    std::unique_ptr<Bucket[]> buckets_;
    std::uint64_t changes_ = 0;
};

}  // namespace skerry::net::tcp
