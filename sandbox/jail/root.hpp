// The root file system of a worker. Internal to sandbox/jail; runs in the child.
#pragma once

#include <vector>

#include "sandbox/jail/order.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// Ahead of any order: a root with devices and /proc alone. Needs the child's own mount and PID
// namespaces and real root. Afterwards the host's file system can't be reached any more, and none
// of its mounts is kept busy. The descriptor of the new root.
int enter_root(const Reporter& reporter);

// Adds what the order brings, makes the root read-only; the working directory is /var/task.
// `mounts`: the artifact's, then the entries'.
void furnish_root(int root_fd, const Order& order, const std::vector<UniqueFd>& mounts,
                  const Reporter& reporter);

}  // namespace skerry::jail
