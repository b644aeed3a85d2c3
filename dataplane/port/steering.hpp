// RSS, read backwards: which queue of a port a datagram to us will come to, and so which UDP port
// of ours a core must send from for the answer to come back to itself.
//
// The hash is Toeplitz over addresses and ports, its low bits an index into the port's redirection
// table (Microsoft, "RSS hashing functions"; DPDK's rte_thash computes it in software). A port that
// does not hash UDP by its ports, or does not tell its key and table, can't be steered: then
// answers are handed over between cores (docs/decisions/0006, 0007).
//
// Set-up code: the result is a number a region and core, kept in the snapshot. Immutable after
// of_port(); any thread may read it.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/net/address.hpp"
#include "dataplane/net/frame.hpp"

namespace skerry::port {

// A datagram as it will arrive here. UDP ports in host order.
struct Inbound {
    net::IpAddress from;
    net::IpAddress to;
    std::uint16_t from_udp = 0;
    std::uint16_t to_udp = 0;
};

class Steering {
  public:
    // A port that can't be steered, or needs not be.
    Steering() = default;
    // `key` has at least kKeyBytes, or nothing is steered; `table` maps hash to queue.
    Steering(std::vector<std::uint8_t> key, std::vector<std::uint16_t> table, bool udp4, bool udp6,
             bool tcp4 = false, bool tcp6 = false);
    // As the started DPDK port says.
    static Steering of_port(std::uint16_t dpdk_port);

    bool steers(const net::IpAddress& from) const { return from.is_v4() ? udp4_ : udp6_; }
    bool steers_any() const { return udp4_ || udp6_; }
    // The same of segments of TCP, whose hash is no other.
    bool steers_tcp(const net::IpAddress& from) const { return from.is_v4() ? tcp4_ : tcp6_; }
    // steers() or steers_tcp(): precondition
    std::uint32_t hash(const Inbound& datagram) const;
    std::uint16_t queue(const Inbound& datagram) const;

    // The UDP port to send from so that the answer comes to `core`: `datagram.to_udp` if that does,
    // else the first of net::kReturnPorts from `first` that does. 0: none, or nothing is steered.
    std::uint16_t return_port(Inbound datagram, std::uint16_t core, std::uint16_t first) const;

    static constexpr std::size_t kKeyBytes = 40;  // the longest tuple, 36 bytes, takes that much

  private:
    std::vector<std::uint32_t> key_;  // words in memory order, as rte_softrss() takes them
    std::vector<std::uint16_t> table_;
    bool udp4_ = false;
    bool udp6_ = false;
    bool tcp4_ = false;
    bool tcp6_ = false;
};

}  // namespace skerry::port
