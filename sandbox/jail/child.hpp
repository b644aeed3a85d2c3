// The child's way from a copy of the warden to the worker. Internal to sandbox/jail.
#pragma once

#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {

// Descriptors of the child alone: ends of pipes to the warden. Both are close-on-exec, so the
// warden reads the end of the report pipe when the bootstrap has been executed.
struct ChildPipes {
    int report_fd = -1;
    int go_fd = -1;
};

// Runs in the new process, which is single-threaded. Never returns.
[[noreturn]] void become_worker(const Plan& plan, const SeccompProgram& seccomp, ChildPipes pipes);

}  // namespace skerry::jail
