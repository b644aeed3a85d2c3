// Starting one worker in its jail. Called by the warden, which holds the privileges this needs
// (root in the initial user namespace) and has one thread.
//
// What a worker gets, in short (README.md has the whole list and the reasons): user, mount, PID,
// network, IPC, UTS and cgroup namespaces of its own; a read-only root made of its runtime's image,
// its artifact at /var/task and a private /tmp; uid 1000 that is `host_uid` outside; no capability,
// no way to gain one; resource limits; a filter of system calls; exactly the descriptors of
// sandbox/channel/layout.hpp, or of 0 to 2 when it speaks the Runtime API.
//
// Two steps, so that the first can be done ahead of need: prepare() makes a process in its
// namespaces that runs our code only and waits; start() tells it what to become.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "sandbox/cgroup/groups.hpp"
#include "sandbox/egress/wiring.hpp"
#include "sandbox/runtime/kind.hpp"
#include "sandbox/seccomp/filters.hpp"

namespace skerry::jail {

inline constexpr uid_t kInsideUid = 1000;  // what the worker sees as its own uid and gid

// Bounds of the texts below, without their end. A plan that breaks one is refused.
inline constexpr std::size_t kNameBytesMax = 63;
inline constexpr std::size_t kVersionBytesMax = 71;
inline constexpr std::size_t kHandlerBytesMax = 127;
inline constexpr std::size_t kEnvironmentBytesMax = 4096;

// What the worker's process is to become (sandbox/template).
enum class Start : std::uint32_t {
    fresh = 0,        // the function's own program
    template_of = 1,  // the same, which then writes itself into `snapshot_fd`, and ends
    copy = 2,         // the restorer, which becomes what `snapshot_fd` has
    standby = 3,      // the runtime's program, without a function yet: assign() gives it one
    blank = 4,        // the restorer, without a snapshot yet: so does assign()
};
constexpr bool stands_by(Start start) {
    return start == Start::standby || start == Start::blank;
}

struct Plan {
    runtime::Kind kind = runtime::Kind::native;
    std::string artifacts_dir;  // absolute
    // The name of a folder in it, readable by `host_uid`: /var/task. Empty: it stands by.
    std::string artifact;
    std::string image_dir;  // absolute; empty: the host's own libraries (native only)
    std::string function;   // this and the next four are told to the worker
    std::string version_hex;
    std::string handler;         // "file.function" of the kinds that have one
    std::string server_name;     // as AWS_REGION
    std::string environment;     // the function's own: NAME=value, each with a zero at its end
    std::uint32_t host_uid = 0;  // also the gid; must belong to nobody else
    // Of all its processes together, in a control group, with what is in /tmp on top; for native
    // functions, and where there is no such group, also the address space of each process.
    std::uint32_t memory_mib = 128;
    std::uint32_t tmp_mib = 16;        // size of /tmp
    std::uint32_t cpu_percent = 0;     // of one CPU; 0: no quota
    std::uint32_t cpu_weight = 100;    // 1 … 10000
    std::uint32_t pids_max = 64;       // processes and threads
    std::uint64_t file_bytes_max = 0;  // largest file the worker can write
    std::uint64_t channel_bytes = 0;
    int log_fd = -1;
    std::vector<int> channel_fds;  // become 3, 4, 5, …: see layout.hpp; none for the Runtime API
    Start start = Start::fresh;
    int snapshot_fd = -1;   // of a template and a copy; becomes snapshot::kSnapshotFd
    int restorer_fd = -1;   // of a copy and a blank
    egress::Wiring egress;  // of a function that has been granted a network
    int egress_fd = -1;     // then: the namespace it leads to
};

std::uint64_t monotonic_us();  // CLOCK_MONOTONIC

// How long each part of a start took, in the order in which they come. A part that was done ahead
// of need counts as 0.
struct Phases {
    std::uint32_t namespaces_us = 0;  // from the clone until the child could take its order
    std::uint32_t mounts_us = 0;      // its image, artifact and /tmp; its descriptors
    std::uint32_t identity_us = 0;    // user namespace, ids, capabilities
    std::uint32_t exec_us = 0;        // limits, filter, exec
};

// A process in namespaces of its own that waits for its order. Unless start() makes it a worker,
// its end is the end of this object: everything of it is gone then.
class Embryo {
  public:
    Embryo(pid_t pid, pid_t host_pid, UniqueFd socket, std::string group)
        : pid_(pid), host_pid_(host_pid), socket_(std::move(socket)), group_(std::move(group)) {}
    Embryo(Embryo&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)),
          host_pid_(other.host_pid_),
          socket_(std::move(other.socket_)),
          group_(std::move(other.group_)) {}
    Embryo& operator=(Embryo&& other) noexcept {
        std::swap(pid_, other.pid_);  // whose end is that of what this one had
        std::swap(host_pid_, other.host_pid_);
        std::swap(socket_, other.socket_);
        std::swap(group_, other.group_);
        return *this;
    }
    ~Embryo();

    pid_t pid() const { return pid_; }            // in the caller's PID namespace
    pid_t host_pid() const { return host_pid_; }  // in the PID namespace of /proc
    int socket() const { return socket_.get(); }
    const std::string& group() const { return group_; }
    void release() { pid_ = -1; }  // it has become a worker, or was reaped

  private:
    pid_t pid_;
    pid_t host_pid_;
    UniqueFd socket_;
    std::string group_;
};

struct Started {
    pid_t pid = -1;       // in the caller's PID namespace: for kill and waitpid
    pid_t host_pid = -1;  // in the PID namespace of /proc: for people
    // Listens on 127.0.0.1:kRuntimeApiPort in the worker's network namespace; non-blocking. Made
    // before the worker's code ran, and not among its descriptors. None for native.
    UniqueFd listener;
    // The listener of its filter of system calls, for seccomp::Listeners; none where the kernel
    // ends it by itself (sandbox/seccomp).
    UniqueFd denials;
    // Of a blank: where it waits for what it is to become.
    UniqueFd link;
    cgroup::Limits limits;  // of its group
    Phases phases;
};

// Takes about a millisecond in the caller; the child goes on by itself, and makes and joins `group`
// of `groups`, which the caller removes when everything of the child is gone. It has copies of
// `filters` and `groups`. It is a child of the caller, who reaps it. `own_cookie`: what becomes of
// it never runs beside anybody else on one core (sandbox/base/core_scheduling.hpp); where the
// kernel can't do that, it ends, and start() says so.
Result<Embryo> prepare(const seccomp::Filters& filters, const cgroup::Groups& groups,
                       const std::string& group, bool own_cookie);

// Returns when the worker has executed its bootstrap, or after everything of it is gone again;
// never takes more than kStartTimeoutMs. Errors carry the failed step and its errno. `since_us`:
// when the start began, for Phases. The caller ignores SIGPIPE.
inline constexpr int kStartTimeoutMs = 5000;
Result<Started> start(const Plan& plan, Embryo embryo, const cgroup::Groups& groups,
                      std::uint64_t since_us);

// What a worker that stood by gets with its function: as in Plan, whose limits it had until now.
struct Assignment {
    runtime::Kind kind = runtime::Kind::nodejs;
    Start start = Start::fresh;  // copy: of a blank
    std::string artifacts_dir;
    std::string artifact;
    std::uint32_t memory_mib = 128;
    std::uint32_t tmp_mib = 16;
    std::uint32_t cpu_percent = 0;
    std::uint32_t cpu_weight = 100;
    std::uint32_t pids_max = 64;
    std::uint64_t channel_bytes = 0;
    // Of a blank: the channel's, which become 3, 4, 5, …, then the snapshot.
    std::vector<int> fds = {};
};

// A worker that stands by.
struct Standing {
    pid_t pid = -1;  // the caller's child
    std::string group;
    cgroup::Limits limits;  // that it has now
    std::uint32_t tmp_mib = 0;
    UniqueFd link;  // of a blank
};

// The caller's own view of the host's files: the way back from a worker's.
class Home {
  public:
    static Result<Home> make();
    // Ends this process if there is no way back: it must not do anything anywhere else.
    void go_back() const;

  private:
    Home(UniqueFd mounts, UniqueFd root) : mounts_(std::move(mounts)), root_(std::move(root)) {}
    UniqueFd mounts_;  // namespace
    UniqueFd root_;
};

// Gives a worker that was started as Start::standby or Start::blank its artifact and its limits,
// and a blank its descriptors, with which it goes on at once; the other is told by others. Some 100
// us. Once for a worker: the link is closed. After an error it is to be ended. The caller has one
// thread; where it was in the file system is `/` afterwards.
Status assign(const Assignment& assignment, Standing worker, const cgroup::Groups& groups,
              const Home& home);

}  // namespace skerry::jail
