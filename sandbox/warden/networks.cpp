#include "sandbox/warden/networks.hpp"

#include <cerrno>
#include <utility>

#include "sandbox/warden/orders.hpp"

namespace skerry::warden {
namespace {

// Each takes a jail. Enough to get past the workers of a few seconds, whose ends the kernel has not
// done with yet.
constexpr std::size_t kAttempts = 8;

}  // namespace

Networks::Networks(std::vector<egress::Network> networks) : networks_(std::move(networks)) {
    if (networks_.empty()) return;
    own_ = egress::host_addresses();
    for (const egress::Network& network : networks_)
        leases_.emplace_back(network, static_cast<std::uint32_t>(jail::monotonic_us() / 1000));
}

Result<jail::Started> Networks::start(jail::Plan& plan, std::size_t index, Place& place,
                                      const Start& start) {
    if (index == kNoNetwork) return start();
    const egress::Network& network = networks_.at(index);
    // Looked up each time: it may have been made anew.
    const auto there = egress::open_namespace(network);
    if (!there)
        return Error{there.error().code,
                     "egress network " + network.name + ": " + there.error().text};
    plan.egress_fd = there->get();
    std::vector<std::uint32_t> in_use;  // by somebody else
    Result<jail::Started> started = Error{EADDRINUSE, {}};
    while (!started && started.error().code == EADDRINUSE && in_use.size() < kAttempts) {
        const auto number = leases_[index].take();
        if (!number) {
            started = number.error();
            break;
        }
        plan.egress = egress::wiring_of(network, *number, own_);
        started = start();
        if (started)
            place = {index, *number};
        else
            in_use.push_back(*number);
    }
    for (const std::uint32_t number : in_use) leases_[index].give_back(number);
    if (!started)
        return Error{started.error().code,
                     "egress network " + network.name + ": " + started.error().text};
    return started;
}

void Networks::leave(const Place& place) {
    if (place.number != 0) leases_[place.network].give_back(place.number);
}

}  // namespace skerry::warden
