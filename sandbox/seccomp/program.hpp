// A policy as the kernel's program.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/seccomp/policy.hpp"

namespace skerry::seccomp {

using Program = std::vector<sock_filter>;

// What happens at a call that no line names, or of another architecture than the program's own
// (32-bit, x32).
enum class Otherwise {
    notify,  // the caller stops until the listener's owner has ended it
    kill,    // the process ends by SIGSYS
    // ENOSYS. The kernel lets it yield to any stricter verdict of a filter that a descendant
    // installs, to `notify` too: which is not so for `kill` (README.md).
    skip,
};

// Conditions are checked by the program; lines of calls that this architecture has not are left
// out. Takes some milliseconds. Not thread-safe (libseccomp's own state).
Result<Program> compile(const Policy& policy, Otherwise otherwise);

}  // namespace skerry::seccomp
