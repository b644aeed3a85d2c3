// Starting one worker in its jail. Called by the warden, which holds the privileges this needs
// (root in the initial user namespace) and has one thread.
//
// What a worker gets, in short (README.md has the whole list and the reasons): user, mount, PID,
// network, IPC, UTS and cgroup namespaces of its own; a read-only root with the host's libraries,
// its artifact at /task and a private /tmp; uid 1000 that is `host_uid` outside; no capability, no
// way to gain one; resource limits; a deny-list of system calls; exactly the descriptors of
// sandbox/channel/layout.hpp.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::jail {

inline constexpr uid_t kInsideUid = 1000;  // what the worker sees as its own uid and gid

struct Plan {
    std::string artifact_dir;  // absolute; becomes /task; must be readable by `host_uid`
    std::string function;      // told to the worker in its environment
    std::string version_hex;
    std::uint32_t host_uid = 0;       // also the gid; must belong to nobody else
    std::uint32_t memory_mib = 128;   // address space, on top of the channel's own
    std::uint32_t tmp_mib = 16;       // size of /tmp
    std::uint64_t log_bytes_max = 0;  // largest file the worker can write, its log included
    std::uint64_t channel_bytes = 0;
    int log_fd = -1;
    std::vector<int> channel_fds;  // become 3, 4, 5, …: see layout.hpp
};

// The deny-list as the kernel's program; made once, used for every worker.
using SeccompProgram = std::vector<sock_filter>;
Result<SeccompProgram> make_seccomp_program();

struct Started {
    pid_t pid = -1;       // in the caller's PID namespace: for kill and waitpid
    pid_t host_pid = -1;  // in the PID namespace of /proc: for people
};

// Returns when the worker has executed its bootstrap, or after everything of it is gone again.
// Takes about 2 ms, and never more than kStartTimeoutMs. The worker is a child of the caller, who
// reaps it. Errors carry the failed step and its errno. The caller ignores SIGPIPE.
inline constexpr int kStartTimeoutMs = 5000;
Result<Started> start(const Plan& plan, const SeccompProgram& seccomp);

}  // namespace skerry::jail
