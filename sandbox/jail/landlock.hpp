// A second fence around the files of a worker, should its mounts ever let it out: read and execute
// what is in its root, write to /tmp and /dev/null. Internal to sandbox/jail.
#pragma once

#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// The version of Landlock that this kernel has switched on; 0: none (errno says why).
int landlock_version();

// Needs no_new_privs and the finished root. Does nothing where there is no Landlock.
void enter_landlock(const Reporter& reporter);

}  // namespace skerry::jail
