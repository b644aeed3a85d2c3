// What a run sends through: kernel sockets (sockets.hpp) or a DPDK port (dpdk_port.hpp). One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace skerry::load {

inline constexpr std::size_t kBatch = 64;

class Transport {
  public:
    virtual ~Transport() = default;

    // Source ports; the first argument of the calls below is one of them.
    virtual std::size_t count() const = 0;

    // Up to kBatch datagrams from one source port. Returns how many were taken; fewer: try the rest
    // later. -1: errno says why not even the first one.
    virtual int send(std::size_t socket, std::span<const std::span<std::byte>> datagrams) = 0;

    // Up to kBatch datagrams that have arrived; each is valid until the next call. ECONNREFUSED
    // from the host counts into `refused`.
    virtual std::size_t receive(std::size_t socket, std::span<const std::byte> (&datagrams)[kBatch],
                                std::uint64_t& refused) = 0;

    // Sleeps until something arrives or the time is over; may return early. 0: only looks.
    virtual void wait(std::uint64_t nanoseconds) = 0;
};

}  // namespace skerry::load
