#include "dataplane/net/neighbours.hpp"

namespace skerry::net {
namespace {

std::uint64_t pack(const MacAddress& mac, std::uint16_t now_s) {
    std::uint64_t word = 0;
    for (const std::uint8_t byte : mac.bytes) word = word << 8 | byte;
    return word << 16 | now_s;
}

}  // namespace

std::optional<std::uint16_t> Neighbours::add(const NextHop& hop) {
    for (std::size_t i = 0; i < size_; ++i)
        if (hops_[i].address == hop.address && hops_[i].port == hop.port)
            return static_cast<std::uint16_t>(i);
    if (size_ == kMaxNextHops) return std::nullopt;
    hops_[size_] = hop;
    return static_cast<std::uint16_t>(size_++);
}

void Neighbours::learn(const IpAddress& address, std::uint8_t port, const MacAddress& mac,
                       std::uint16_t now_s) {
    for (std::size_t i = 0; i < size_; ++i)
        if (hops_[i].address == address && hops_[i].port == port)
            words_[i].store(pack(mac, now_s), std::memory_order_relaxed);
}

std::optional<MacAddress> Neighbours::find(std::size_t i) const {
    const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
    if (word >> 16 == 0) return std::nullopt;
    MacAddress mac;
    for (std::size_t b = 0; b < 6; ++b)
        mac.bytes[b] = static_cast<std::uint8_t>(word >> (56 - 8 * b));
    return mac;
}

bool Neighbours::wants_refresh(std::size_t i, std::uint16_t now_s, std::uint16_t max_age_s) const {
    const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
    if (word >> 16 == 0) return true;
    return static_cast<std::uint16_t>(now_s - static_cast<std::uint16_t>(word)) > max_age_s;
}

}  // namespace skerry::net
