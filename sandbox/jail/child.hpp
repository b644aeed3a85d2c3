// The child's way from a copy of the warden to the worker. Internal to sandbox/jail.
#pragma once

#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// Runs in the new process, which is single-threaded: prepares its namespaces, waits for an Order on
// `link_fd`, and becomes what it says. The socket is close-on-exec, so the warden sees its end when
// the bootstrap has been executed. Never returns.
[[noreturn]] void become_worker(const seccomp::Filters& filters, const cgroup::Groups& groups,
                                const std::string& group, bool own_cookie, int link_fd);

}  // namespace skerry::jail
