#include "dataplane/wire/reply_cache.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "sandbox/base/check.hpp"

namespace skerry::wire {
namespace {

// The folded 64×64→128 multiplication that wyhash is built on: one multiply mixes two words. The
// seed is secret, so nobody can aim at a bucket.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

ReplyCache::ReplyCache(std::uint32_t entries, std::uint32_t ring_bytes, std::uint32_t window_ms,
                       std::uint64_t seed)
    : mask_(std::bit_ceil(std::max(entries, kWays)) - 1),
      window_ms_(window_ms),
      seed_{seed | 1, (seed * 0x9e3779b97f4a7c15ull) | 1},
      tags_(std::make_unique<std::uint64_t[]>(mask_ + 1)),
      cells_(std::make_unique<Cell[]>(mask_ + 1)),
      spilled_(std::make_unique<std::uint16_t[]>((mask_ + 1) / kWays)),
      ring_mask_(std::bit_ceil(std::max(ring_bytes, 65536u)) - 1),
      ring_(std::make_unique<std::byte[]>(ring_mask_ + 1)) {}

std::uint64_t ReplyCache::tag(const net::Path& path, const RequestId& id) const {
    const std::uint64_t source = fold(path.peer.high() ^ seed_[0], path.peer.low() ^ seed_[1]);
    const std::uint64_t request = fold(id.hi ^ seed_[1], id.lo ^ seed_[0]);
    // The port joins the hash of the address, not the address: a host chooses both, and one must
    // not cancel the other.
    const std::uint64_t tag =
        fold(source ^ path.peer_udp ^ seed_[1], request ^ 0xa0761d6478bd642full);
    return tag == 0 ? 1 : tag;
}

std::uint32_t ReplyCache::find_in(std::uint32_t bucket, std::uint64_t tag) const {
    for (std::uint32_t entry = bucket; entry < bucket + kWays; ++entry)
        if (tags_[entry] == tag && cells_[entry].state != State::empty) return entry;
    return kNoCell;
}

std::uint32_t ReplyCache::reusable_in(std::uint32_t bucket, std::uint32_t now_ms) const {
    for (std::uint32_t entry = bucket; entry < bucket + kWays; ++entry) {
        const Cell& cell = cells_[entry];
        if (tags_[entry] == 0 ||
            (cell.state == State::answered && now_ms - cell.answered_ms >= window_ms_))
            return entry;
    }
    return kNoCell;
}

// The id in `entry` is about to go; its own bucket may have one less elsewhere.
void ReplyCache::unspill(std::uint32_t entry) {
    if (tags_[entry] == 0) return;
    const std::uint32_t home = bucket(tags_[entry]);
    if (home != (entry & ~(kWays - 1))) --spilled_[home / kWays];
}

ReplyCache::Found ReplyCache::found(std::uint32_t entry, std::uint64_t function_key) const {
    const Cell& cell = cells_[entry];
    if (cell.function_key != function_key) return {.seen = Seen::reused};
    if (cell.state == State::in_flight)
        return {.seen = Seen::in_flight,
                .entry = entry,
                .invocation = static_cast<std::uint32_t>(cell.where)};
    if (ring_head_ - cell.where > ring_mask_ + 1) return {.seen = Seen::gone};
    return {.seen = Seen::answered,
            .entry = entry,
            .reply = &ring_[cell.where & ring_mask_],
            .reply_bytes = cell.bytes};
}

std::uint32_t ReplyCache::find(std::uint64_t tag) const {
    const std::uint32_t home = bucket(tag);
    const std::uint32_t entry = find_in(home, tag);
    if (entry == kNoCell && spilled_[home / kWays] != 0) [[unlikely]]
        return find_in(second_bucket(tag), tag);
    return entry;
}

std::uint32_t ReplyCache::invocation_of(std::uint64_t tag, std::uint64_t function_key) const {
    const std::uint32_t entry = find(tag);
    if (entry == kNoCell) return kNoInvocation;
    const Found it = found(entry, function_key);
    return it.seen == Seen::in_flight ? it.invocation : kNoInvocation;
}

ReplyCache::Found ReplyCache::find_or_reserve(std::uint64_t tag, std::uint64_t function_key,
                                              std::uint32_t now_ms) {
    const std::uint32_t home = bucket(tag);
    const std::uint32_t second = second_bucket(tag);
    std::uint32_t entry = find(tag);
    if (entry != kNoCell) return found(entry, function_key);

    entry = reusable_in(home, now_ms);
    if (entry == kNoCell) {
        entry = second == home ? kNoCell : reusable_in(second, now_ms);
        if (entry == kNoCell) return {.seen = Seen::full};
        ++spilled_[home / kWays];
    }
    unspill(entry);
    tags_[entry] = tag;
    cells_[entry] = {.where = kNoInvocation,
                     .function_key = function_key,
                     .bytes = 0,
                     .answered_ms = 0,
                     .state = State::in_flight};
    return {.seen = Seen::fresh, .entry = entry};
}

void ReplyCache::forget(std::uint32_t entry) {
    unspill(entry);
    tags_[entry] = 0;
    cells_[entry].state = State::empty;
}

void ReplyCache::put(std::uint64_t position, const void* data, std::uint32_t bytes) {
    if (bytes != 0) std::memcpy(&ring_[position & ring_mask_], data, bytes);
}

void ReplyCache::answer(std::uint32_t entry, const void* header, std::uint32_t header_bytes,
                        const void* payload, std::uint32_t payload_bytes, std::uint32_t now_ms) {
    const std::uint32_t bytes = header_bytes + payload_bytes;
    SKERRY_CHECK(bytes <= ring_mask_ + 1);
    Cell& cell = cells_[entry];
    SKERRY_CHECK(cell.state == State::in_flight);
    // A reply lies in one piece: if it does not fit before the ring's end, it starts at the front.
    const std::uint64_t room = ring_mask_ + 1 - (ring_head_ & ring_mask_);
    if (bytes > room) ring_head_ += room;
    cell.where = ring_head_;
    cell.bytes = bytes;
    cell.answered_ms = now_ms;
    cell.state = State::answered;
    put(ring_head_, header, header_bytes);
    put(ring_head_ + header_bytes, payload, payload_bytes);
    ring_head_ += (bytes + 7u) & ~7u;
}

}  // namespace skerry::wire
