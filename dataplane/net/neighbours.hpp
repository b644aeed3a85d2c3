// Next hops: the link addresses of gateways and on-link regions.
//
// The set of next hops is fixed at start (from the configuration); what changes is whether, and to
// which link address, each is resolved. One atomic word an entry: any core may learn, any core may
// read, nobody waits. Clients need no entry: they are answered to the link address they came from.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "dataplane/net/address.hpp"

namespace skerry::net {

inline constexpr std::size_t kMaxNextHops = 128;

class Neighbours {
  public:
    struct NextHop {
        IpAddress address;
        std::uint8_t port = 0;  // port index it is reached through
    };

    // Set-up, before cores run. Returns the index; the same (address, port) gets the same index.
    std::optional<std::uint16_t> add(const NextHop& hop);
    std::size_t size() const { return size_; }
    const NextHop& hop(std::size_t i) const { return hops_[i]; }

    // Any core. `now_s` is any coarse clock that all cores share.
    void learn(const IpAddress& address, std::uint8_t port, const MacAddress& mac,
               std::uint16_t now_s);
    std::optional<MacAddress> find(std::size_t i) const;
    // Unresolved, or learnt more than `max_age_s` ago: should be asked for (again).
    bool wants_refresh(std::size_t i, std::uint16_t now_s, std::uint16_t max_age_s) const;

  private:
    std::array<NextHop, kMaxNextHops> hops_{};
    // MAC in the upper 48 bits, the second it was learnt in the lower 16; 0: unresolved.
    std::array<std::atomic<std::uint64_t>, kMaxNextHops> words_{};
    std::size_t size_ = 0;
};

}  // namespace skerry::net
