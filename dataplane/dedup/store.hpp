// The table's memory, and what else cores share of it. Made before the cores run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/dedup/table.hpp"
#include "dataplane/net/siphash.hpp"

namespace skerry::dedup {

static_assert(sizeof(Entry) == 64);

class Store {
  public:
    // Buckets for each entry: a bucket with its three places taken is rare then (1 in 400 when all
    // entries are in use).
    static constexpr std::uint32_t kSpread = 4;

    // `entries` of each core; cores * entries ≤ kEntriesMax. `secret`: nobody can aim at a bucket
    // without it.
    Store(std::uint32_t cores, std::uint32_t entries, const net::SipKey& secret);

    TableView table() const { return {entries_.get(), buckets_.get(), bucket_count_}; }
    std::uint32_t entries_of_a_core() const { return per_core_; }
    std::uint64_t hash(const Key& key) const {
        return net::siphash_of_table(secret_, key.hi, key.lo);
    }

    // news[c] is counted up, with release, after an answer that core c waits for was published.
    struct alignas(64) News {
        Atomic<std::uint32_t> count{0};
    };
    std::array<News, kCoresMax> news;

  private:
    std::uint32_t per_core_;
    std::uint32_t bucket_count_;
    net::SipKey secret_;
    std::unique_ptr<Entry[]> entries_;
    std::unique_ptr<Atomic<std::uint64_t>[]> buckets_;
};

}  // namespace skerry::dedup
