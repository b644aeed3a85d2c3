#include "dataplane/dedup/store.hpp"

#include <bit>

#include "sandbox/base/check.hpp"

namespace skerry::dedup {

Store::Store(std::uint32_t cores, std::uint32_t entries, const net::SipKey& secret)
    : per_core_(entries),
      bucket_count_(std::bit_ceil(cores * entries * kSpread)),
      secret_(secret),
      entries_(std::make_unique<Entry[]>(std::size_t{cores} * entries)),
      buckets_(std::make_unique<Atomic<std::uint64_t>[]>(bucket_count_)) {
    SKERRY_CHECK(cores >= 1 && cores <= kCoresMax && entries >= 1 &&
                 cores * entries <= kEntriesMax);
}

}  // namespace skerry::dedup
