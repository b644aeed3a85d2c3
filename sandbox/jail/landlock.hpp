// A second fence around the files of a worker, should its mounts ever let it out: read and execute
// what is in its root, write to /tmp and /dev/null. Internal to sandbox/jail.
#pragma once

#include <cstdint>
#include <span>

#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// The version of Landlock that this kernel has switched on; 0: none (errno says why).
int landlock_version();

// Needs no_new_privs and the finished root. Does nothing where there is no Landlock.
// `tcp_ports`: the only ones that may be connected to, beside the Runtime API's; none: all may.
// Some where Landlock has no rules about ports (before its version 4): the worker's start fails.
void enter_landlock(std::span<const std::uint16_t> tcp_ports, const Reporter& reporter);

}  // namespace skerry::jail
