// Resource limits of a worker. Internal to sandbox/jail; runs in the child.
#pragma once

#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

inline constexpr std::uint64_t kOpenFilesMax = 256;
// Processes and threads. Each process may have the whole address space that the function has.
inline constexpr std::uint64_t kProcessesMax = 64;

void set_limits(const Plan& plan, const Reporter& reporter);

// The address space comes last of all: the child still has the warden's, which may be larger.
void set_memory_limit(const Plan& plan, const Reporter& reporter);

}  // namespace skerry::jail
