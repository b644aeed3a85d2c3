// From the four numbers of a connection to its index: buckets of one cache line, two choices for
// each key (A. Broder, M. Mitzenmacher, "Using multiple hash functions to improve IP lookups",
// INFOCOM 2001). Lookup and removal look at two lines, whatever the load.
//
// The hash is keyed by the caller, so that nobody outside can aim at a bucket. Half of the places
// stay empty when as many are in as were asked for: both buckets full is a matter of 1 in 10^9.
#pragma once

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
        for (const std::uint32_t at : {first(hash), second(hash)})
            for (const Place& place : buckets_[at].places)
                if (place.index != kNone && place.hash == hash && matches(place.index))
                    return place.index;
        return kNone;
    }
    // Into the emptier of the two. false: both are full.
    bool insert(std::uint32_t hash, std::uint32_t index) {
        Bucket& a = buckets_[first(hash)];
        Bucket& b = buckets_[second(hash)];
        Bucket& to = used(b) < used(a) ? b : a;
        for (Place& place : to.places)
            if (place.index == kNone) {
                place = {hash, index};
                return true;
            }
        return false;
    }
    void remove(std::uint32_t hash, std::uint32_t index) {
        for (const std::uint32_t at : {first(hash), second(hash)})
            for (Place& place : buckets_[at].places)
                if (place.index == index) {
                    place = {};
                    return;
                }
    }

  private:
    struct Place {
        std::uint32_t hash = 0;
        std::uint32_t index = kNone;
    };
    struct alignas(64) Bucket {
        std::array<Place, 8> places;
    };
    static_assert(sizeof(Bucket) == 64);

    std::uint32_t first(std::uint32_t hash) const { return hash & mask_; }
    std::uint32_t second(std::uint32_t hash) const {
        return (std::rotl(hash, 16) * 0x9e3779b1u >> 7) & mask_;
    }
    static unsigned used(const Bucket& bucket) {
        unsigned count = 0;
        for (const Place& place : bucket.places) count += place.index != kNone;
        return count;
    }

    std::uint32_t mask_;
    std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace skerry::net::tcp
