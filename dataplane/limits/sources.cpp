#include "dataplane/limits/sources.hpp"

#include <algorithm>
#include <utility>

#include "dataplane/net/source.hpp"

namespace skerry::limits {
namespace {

// The first `bits` of a word of eight bytes that lies in network order.
std::uint64_t mask_of(unsigned bits) {
    return bits == 0 ? 0 : __builtin_bswap64(~std::uint64_t{0} << (64 - std::min(bits, 64u)));
}

// Without a limit of requests there is one of refused connections all the same.
constexpr std::uint32_t kRefusedConnections = 100;

}  // namespace

Sources::Sources(const SourceLimits& limits, std::uint64_t tsc_hz, std::uint32_t connections,
                 const net::SipKey& key)
    : limits_(limits),
      rate_(Rate::of(limits.per_second, limits.burst, tsc_hz)),
      refusals_(limits.per_second != 0
                    ? rate_
                    : Rate::of(kRefusedConnections, kRefusedConnections, tsc_hz)),
      shed_ticks_(tsc_hz / 1000 * limits.shed_ms),
      v4_mask_(static_cast<std::uint32_t>(mask_of(limits.v4_bits))),
      v6_mask_high_(mask_of(limits.v6_bits)),
      v6_mask_low_(limits.v6_bits <= 64 ? 0 : mask_of(limits.v6_bits - 64u)),
      table_(limits.places, key),
      held_(std::make_unique<Held[]>(connections)) {}

// One word for IPv4 and two for IPv6: their count is in the hash.
std::uint64_t Sources::key_of(const net::IpAddress& address) const {
    if (address.is_v4()) return table_.key_of(std::uint64_t{address.v4_network_order() & v4_mask_});
    return table_.key_of(address.high() & v6_mask_high_, address.low() & v6_mask_low_);
}

bool Sources::exempt(const net::IpAddress& address) const {
    for (const net::IpPrefix& prefix : limits_.exempt)
        if (prefix.contains(address)) return true;
    return false;
}

bool Sources::take(BucketTable::Place place, std::uint64_t key, std::uint64_t now) {
    if (table_.asked(place).take(table_.rate_of(place, rate_), now)) [[likely]]
        return true;
    refuse(place, key, now);
    return false;
}

void Sources::refuse(BucketTable::Place place, std::uint64_t key, std::uint64_t now) {
    if (limits_.shed_ms == 0 || table_.refused(place).take(table_.rate_of(place, refusals_), now))
        return;
    shed_until_ = now + shed_ticks_;
    cell_of(key) = {key, shed_until_};
}

bool Sources::connected(std::uint32_t connection, const net::IpAddress& peer, std::uint64_t now) {
    Held& held = held_[connection];
    held = {};
    if (exempt(peer)) return true;
    const std::uint64_t key = key_of(peer);
    const BucketTable::Place place = table_.find_or_make(key, now);
    // Those who share the overflow place have that of all of them in common, and no count.
    if (limits_.connections != 0 && place != table_.overflow() &&
        table_.holders(place) >= limits_.connections) {
        refuse(place, key, now);
        return false;
    }
    if (!take(place, key, now)) return false;
    table_.hold(place);
    held = {key, place};
    return true;
}

void Sources::gone(std::uint32_t connection) {
    const Held held = std::exchange(held_[connection], {});
    if (held.place != BucketTable::kNone) table_.let_go(held.place);
}

bool Sources::request(std::uint32_t connection, std::uint64_t now) {
    const Held& held = held_[connection];
    return held.place == BucketTable::kNone || take(held.place, held.key, now);
}

bool Sources::datagram(const net::IpAddress& peer, std::uint64_t now) {
    if (!rate_.limited() || exempt(peer)) return true;
    const std::uint64_t key = key_of(peer);
    return take(table_.find_or_make(key, now), key, now);
}

bool Sources::sheds(const rte_mbuf* frame, std::uint64_t now) const {
    net::IpAddress source;
    if (!net::source_of(frame, source)) return false;
    const std::uint64_t key = key_of(source);
    const Cell& cell = cell_of(key);
    return cell.key == key && now < cell.until;
}

}  // namespace skerry::limits
