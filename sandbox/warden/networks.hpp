// The egress networks that workers may be in, and who has which of their addresses. Internal to
// sandbox/warden.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sandbox/egress/leases.hpp"
#include "sandbox/jail/jail.hpp"

namespace skerry::warden {

class Networks {
  public:
    // Looks up the server's own addresses: no worker reaches them through a network.
    explicit Networks(std::vector<egress::Network> networks);

    // An address that a worker has. number 0: none.
    struct Place {
        std::size_t network = 0;
        std::uint32_t number = 0;
    };

    // Puts an address of `network` into the plan, and calls `start`: again with another address
    // when somebody else in that namespace has it, or a worker that has just ended. kNoNetwork
    // (orders.hpp): just calls it. `place` is the worker's until leave().
    using Start = std::function<Result<jail::Started>()>;
    Result<jail::Started> start(jail::Plan& plan, std::size_t network, Place& place,
                                const Start& start);
    void leave(const Place& place);

  private:
    std::vector<egress::Network> networks_;
    std::vector<egress::Leases> leases_;
    std::vector<egress::Prefix> own_;
};

}  // namespace skerry::warden
