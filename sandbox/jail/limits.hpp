// Resource limits of a worker. Internal to sandbox/jail; runs in the child.
#pragma once

#include "sandbox/jail/order.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

inline constexpr std::uint64_t kOpenFilesMax = 256;

void set_limits(const Order& order, const Reporter& reporter);

// The address space comes last of all: the child still has the warden's, which may be larger.
// Each process of the worker may have all of it.
void set_memory_limit(const Order& order, const Reporter& reporter);

}  // namespace skerry::jail
