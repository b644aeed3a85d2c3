// Which of a network's addresses belong to a living worker. The warden's; one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "sandbox/egress/network.hpp"

namespace skerry::egress {

// Addresses that a network of these subnets has for workers; the same number in both families.
std::uint32_t address_count(const Network& network);

class Leases {
  public:
    // `seed`: where to begin, so that a server that has just been started does not give its first
    // workers the addresses of those that have just ended.
    Leases(const Network& network, std::uint32_t seed);

    // The number of an address nobody has, from 1: the one that was given back longest ago, or
    // never given. An error when all are taken.
    Result<std::uint32_t> take();
    void give_back(std::uint32_t number);

  private:
    std::string subnets_;
    std::vector<bool> taken_;  // by number - 1
    std::uint32_t next_;
};

}  // namespace skerry::egress
