// Waiting for requests: a bounded, adaptive spin if skerryd allows one, then sleep on the eventfd.
#pragma once

#include <cstdint>

#include "sandbox/channel/layout.hpp"

namespace skerry::sdk {

// CLOCK_MONOTONIC.
std::uint64_t now_ns();

class Waiter {
  public:
    void start(std::uint32_t spin_us) { spin_max_ns_ = spin_ns_ = std::uint64_t{spin_us} * 1000; }

    // Returns 0 when there may be something in `pending`; EBADF when the wake eventfd is gone.
    // Interruptions by signals are resumed.
    int wait(channel::PendingLine& pending, channel::AsleepLine& asleep);

    // Blocks for a worker that can't take anything, whatever there is. As wait() returns.
    static int block();

  private:
    bool spin(const channel::PendingLine& pending) const;

    std::uint64_t spin_max_ns_ = 0;
    std::uint64_t spin_ns_ = 0;  // what the recent past makes worth while, 0 … spin_max_ns_
};

}  // namespace skerry::sdk
