#include "sandbox/egress/leases.hpp"

#include <algorithm>

namespace skerry::egress {
namespace {

// Far more than workers there can be: an address rests for as long as possible.
constexpr std::uint32_t kAddressesMax = 65'534;

// Without the block's first address, and in IPv4 its last.
std::uint32_t count_of(const Prefix& subnet) {
    const std::size_t host_bits = 8 * address_bytes(subnet) - subnet.bits;
    if (host_bits >= 16) return kAddressesMax;
    return (1u << host_bits) - (subnet.family == 4 ? 2 : 1);
}

}  // namespace

std::uint32_t address_count(const Network& network) {
    std::uint32_t count = kAddressesMax;
    if (network.subnet4) count = std::min(count, count_of(*network.subnet4));
    if (network.subnet6) count = std::min(count, count_of(*network.subnet6));
    return count;
}

Leases::Leases(const Network& network, std::uint32_t seed)
    : taken_(address_count(network)), next_(0) {
    if (!taken_.empty()) next_ = seed % static_cast<std::uint32_t>(taken_.size());
    if (network.subnet4) subnets_ = to_string(*network.subnet4);
    if (network.subnet6)
        subnets_ += (subnets_.empty() ? "" : " and ") + to_string(*network.subnet6);
}

// Round and round: whoever speaks to the address of a worker that has ended is not to find another
// in its place. So the longest unused is the next one that is free.
Result<std::uint32_t> Leases::take() {
    const auto count = static_cast<std::uint32_t>(taken_.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t at = (next_ + i) % count;
        if (taken_[at]) continue;
        taken_[at] = true;
        next_ = (at + 1) % count;
        return at + 1;
    }
    return Error{ENOSPC, "all " + std::to_string(count) + " addresses of " + subnets_ +
                             " have workers; give it a larger subnet, or let fewer workers run"};
}

void Leases::give_back(std::uint32_t number) {
    if (number >= 1 && number <= taken_.size()) taken_[number - 1] = false;
}

}  // namespace skerry::egress
