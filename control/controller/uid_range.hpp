// The host uids of a server's workers, kept from other servers of this machine: two workers of one
// uid share what the kernel counts by user, and whoever looks for one's processes finds both.
//
// The lock is the file's bytes first_uid … first_uid + count - 1 (fcntl, of the open file), so two
// ranges may not overlap, and others need not know of each other. The kernel gives it back however
// the process ends; nothing is written, and the file stays.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::control {

inline constexpr const char* kUidFolder = "/run/skerry";

// Held as long as the descriptor. `folder` is made if it is not there; it must be root's alone.
// EBUSY: another open file has some of them; the text names which, and what mends it.
Result<UniqueFd> lock_uids(const std::string& folder, std::uint32_t first_uid, std::uint32_t count);

}  // namespace skerry::control
