// What skerryd may ask of the warden, checked. Internal to sandbox/warden.
//
// The warden is the process that holds privileges: a skerryd that was taken over must not be able
// to do more through it than start ordinary workers. So nothing of a message is used before it went
// through here.
#pragma once

#include <string>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/jail/jail.hpp"
#include "sandbox/warden/protocol.hpp"

namespace skerry::warden {

// Where the folders lie that an order may name. Told by skerryd when it forks the warden, from its
// configuration: no order can change it.
struct Fence {
    std::string artifacts_dir;  // absolute
    std::string runtimes_dir;   // absolute; has a folder for each kind; empty: no images
    std::string server_name;
    int restorer_fd = -1;  // the program of copies; the warden's own
    std::vector<egress::Network> networks = {};
};

inline constexpr std::uint32_t kMemoryMibMax = 1u << 20;
inline constexpr std::uint32_t kTmpMibMax = 64u << 10;
inline constexpr std::uint32_t kLowestHostUid = 1000;  // below are the system's own users

inline constexpr std::uint32_t kCpuPercentMax = 6400;
inline constexpr std::uint32_t kCpuWeightMax = 10'000;
inline constexpr std::uint32_t kPidsMax = 1024;

// The index in `fence.networks` of what the order names; kNoNetwork: it names none.
inline constexpr std::size_t kNoNetwork = ~std::size_t{0};
Result<std::size_t> network_of(const Message& message, const Fence& fence);

// Without egress, which takes an address: see Warden. The plan borrows the descriptors of `fds`. An
// Error says which field is wrong, and how.
Result<jail::Plan> plan_of(const Message& message, const std::vector<UniqueFd>& fds,
                           const Fence& fence);

// Of an order to assign; borrows the descriptors of `fds`.
Result<jail::Assignment> assignment_of(const Message& message, const std::vector<UniqueFd>& fds,
                                       const Fence& fence);

}  // namespace skerry::warden
