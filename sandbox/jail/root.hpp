// The root file system of a worker. Internal to sandbox/jail; runs in the child.
#pragma once

#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// Needs the child's own mount and PID namespaces and real root. Afterwards the host's file system
// can't be reached any more, and the working directory is /task.
void enter_root(const Plan& plan, const Reporter& reporter);

}  // namespace skerry::jail
