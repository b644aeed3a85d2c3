// Token buckets by key, for keys that strangers choose (addresses, fields of requests): of fixed
// size, owned by one core, O(1), nothing allocated after the constructor.
//
// A key is a keyed hash of 64 bits (key_of()): nobody outside can make two meet, or say where one
// will lie. It has two sets of eight places (two choices, as a cuckoo table's, but nothing moves).
//
// WHEN BOTH SETS ARE TAKEN
//   1. A place whose buckets are full again, and that nobody holds, says nothing that an empty one
//      does not: it is reused, and nothing is lost.
//   2. Else, of those that nobody holds, the one that would be full first goes. Its key gets a
//   fresh
//      bucket when it comes again: it gains what it owed, which was the least of all sixteen, and
//      is never refused for it. Who owes most, which is whoever floods, stays longest.
//   3. All sixteen held: the key shares one overflow bucket with all others like it, until one lets
//      go. kSharers keys' worth of rate: not unlimited, and nobody is refused outright.
// To reach 2 at all somebody must keep all places in debt: with E places and a rate of r a second
// that takes E × r requests a second which are within their limits. To reach 3, more holders than
// there are places in two sets: give the table four times as many places as there can be holders,
// and it does not happen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/limits/token_bucket.hpp"
#include "dataplane/net/siphash.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::limits {

class BucketTable {
  public:
    using Place = std::uint32_t;
    static constexpr Place kNone = ~0u;
    static constexpr std::uint32_t kWays = 8;
    static constexpr std::uint32_t kSharers = 16;  // of the overflow bucket

    // At least `places` of them; a power of two. 32 bytes each.
    BucketTable(std::uint32_t places, const net::SipKey& key) : key_(key) {
        std::uint32_t sets = 2;
        while (sets * kWays < places) sets *= 2;
        sets_ = std::make_unique<Set[]>(sets + 1);  // the last one: overflow
        mask_ = sets - 1;
    }

    template <typename... Words>
    std::uint64_t key_of(Words... words) const {
        return net::siphash_of_table(key_, words...) | 1;  // 0 is an empty place
    }

    Place find(std::uint64_t key) const {
        for (const std::uint32_t set : {first(key), second(key)})
            for (std::uint32_t way = 0; way < kWays; ++way)
                if (sets_[set].keys[way] == key) return set * kWays + way;
        return kNone;
    }
    // Never kNone; perhaps overflow().
    Place find_or_make(std::uint64_t key, std::uint64_t now) {
        const Place found = find(key);
        return found != kNone ? found : make(key, now);
    }

    // Two buckets a place: of what is asked, and (if somebody wants it) of how often it was
    // refused.
    TokenBucket& asked(Place place) { return set_of(place).asked[place % kWays]; }
    TokenBucket& refused(Place place) { return set_of(place).refused[place % kWays]; }
    // As many hold it, and it stays where it is until they let go.
    std::uint32_t holders(Place place) const { return sets_[place / kWays].holders[place % kWays]; }
    void hold(Place place) { ++set_of(place).holders[place % kWays]; }
    void let_go(Place place) {
        SKERRY_CHECK(holders(place) != 0);
        --set_of(place).holders[place % kWays];
    }

    Place overflow() const { return (mask_ + 1) * kWays; }
    // The rate that a place's buckets are to be held against.
    Rate rate_of(Place place, const Rate& rate) const {
        return place == overflow() ? rate.shared_by(kSharers) : rate;
    }
    std::uint32_t places() const { return (mask_ + 1) * kWays; }

    std::uint64_t forgotten() const { return forgotten_; }  // in debt: case 2
    std::uint64_t overflowed() const { return overflowed_; }

  private:
    // Keys in one line, what they owe in the next: a lookup is two lines, three if it goes to the
    // second set.
    struct alignas(64) Set {
        std::array<std::uint64_t, kWays> keys{};
        std::array<TokenBucket, kWays> asked{};
        std::array<TokenBucket, kWays> refused{};
        std::array<std::uint32_t, kWays> holders{};
        std::array<std::uint32_t, kWays> spare{};
    };
    static_assert(sizeof(Set) == 256);

    std::uint32_t first(std::uint64_t key) const {
        return static_cast<std::uint32_t>(key >> 32) & mask_;
    }
    // Another one than the first: they differ in a bit at least.
    std::uint32_t second(std::uint64_t key) const {
        return (static_cast<std::uint32_t>(key >> 32) ^ (static_cast<std::uint32_t>(key) | 1)) &
               mask_;
    }
    Set& set_of(Place place) { return sets_[place / kWays]; }

    // Not inline: once for each newcomer.
    Place make(std::uint64_t key, std::uint64_t now) {
        Place least = kNone;
        std::uint64_t least_at = ~std::uint64_t{0};
        for (const std::uint32_t set : {first(key), second(key)}) {
            for (std::uint32_t way = 0; way < kWays; ++way) {
                Set& s = sets_[set];
                if (s.holders[way] != 0) continue;
                const std::uint64_t at = std::max(s.asked[way].full_at(), s.refused[way].full_at());
                if (at >= least_at) continue;
                least_at = at;
                least = set * kWays + way;
            }
        }
        if (least == kNone) {
            ++overflowed_;
            return overflow();
        }
        if (least_at > now << kTickBits) ++forgotten_;
        Set& s = set_of(least);
        s.keys[least % kWays] = key;
        s.asked[least % kWays] = {};
        s.refused[least % kWays] = {};
        return least;
    }

    const net::SipKey key_;
    std::unique_ptr<Set[]> sets_;
    std::uint32_t mask_ = 0;
    std::uint64_t forgotten_ = 0;
    std::uint64_t overflowed_ = 0;
};

}  // namespace skerry::limits
