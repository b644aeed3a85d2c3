// The warden itself: what runs in the forked process. Internal to sandbox/warden.
#pragma once

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/warden/client.hpp"

namespace skerry::warden {

// Serves orders from `socket` until its other end closes. Never returns; the process is the first
// one of its PID namespace, so that its end, however it comes, is the end of every worker.
[[noreturn]] void run(UniqueFd socket, const Options& options, cgroup::Groups groups);

}  // namespace skerry::warden
