// The warden's side of a start: makes the process, maps its ids when it asks, and waits until it is
// a worker or is gone. What the child does meanwhile: child.cpp.
#include "sandbox/jail/jail.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/channel/layout.hpp"
#include "sandbox/jail/child.hpp"
#include "sandbox/jail/identity.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {
namespace {

using Clock = std::chrono::steady_clock;

// The user namespace is not among them: the child builds its root with the privileges of the real
// root, and enters it afterwards (identity.cpp). That way the worker's user namespace owns none of
// the other namespaces, and even a worker that gained all capabilities in it could not change them.
constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

// A deny-list of some hundred instructions; the kernel's own limit is BPF_MAXINSNS.
constexpr std::size_t kSeccompInstructionsMax = 4096;

Status check(const Plan& plan, const SeccompProgram& seccomp) {
    const auto bad = [](const std::string& what) {
        return Error{EINVAL, "start a worker: " + what};
    };
    if (plan.artifact_dir.empty() || plan.artifact_dir[0] != '/')
        return bad("the artifact folder must be an absolute path, and is '" + plan.artifact_dir +
                   "'");
    if (plan.host_uid == 0 || plan.host_uid == ~0u) return bad("the user must not be root");
    if (plan.memory_mib == 0 || plan.tmp_mib == 0)
        return bad("memory_mib and tmp_mib must be at least 1");
    if (plan.log_fd < 0) return bad("there is no log");
    constexpr std::size_t kFdsMax =
        channel::kFirstDoneFd - channel::kChannelFd + channel::kMaxCores;
    if (plan.channel_fds.size() > kFdsMax ||
        std::any_of(plan.channel_fds.begin(), plan.channel_fds.end(),
                    [](int fd) { return fd < 0; }))
        return bad("the channel's descriptors are not what a worker gets");
    if (seccomp.empty() || seccomp.size() > kSeccompInstructionsMax)
        return bad("there is no deny-list of system calls");
    return ok();
}

struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

Result<Pipe> make_pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return errno_error("start a worker: pipe");
    return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// The warden may live in a PID namespace of its own, while /proc is the host's. The kernel tells
// the number that fits /proc; -1: it does not (no /proc, or the process is gone).
pid_t pid_for_proc(int pidfd) {
    const std::string path = "/proc/self/fdinfo/" + std::to_string(pidfd);
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) return -1;
    char line[128];
    int pid = -1;
    while (std::fgets(line, sizeof line, file) != nullptr)
        if (std::sscanf(line, "Pid: %d", &pid) == 1) break;
    std::fclose(file);
    return pid > 0 ? pid : -1;
}

class Child {
  public:
    Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    // Unless released: everything of it is gone when this returns. It is the first process of its
    // PID namespace, so its end is the end of all of them, and waitpid waits for that.
    ~Child() {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    pid_t pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }
    void release() { pid_ = -1; }

  private:
    pid_t pid_;
    UniqueFd pidfd_;
};

// One report, or the end of the pipe (`end`), or an error when neither comes in time.
struct Heard {
    bool end = false;
    Report report{};
};

Result<Heard> hear(int report_fd, Clock::time_point deadline) {
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd waiting{report_fd, POLLIN, 0};
        const int timeout_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
        const int ready = ::poll(&waiting, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return errno_error("start a worker: poll");
        if (ready == 0)
            return Error{ETIMEDOUT, "start a worker: its jail was not ready after " +
                                        std::to_string(kStartTimeoutMs) + " ms"};
        Heard heard;
        const ssize_t got = ::read(report_fd, &heard.report, sizeof heard.report);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("start a worker: read its report");
        heard.end = got == 0;
        // A pipe delivers a record this small in one piece.
        if (got != 0 && got != static_cast<ssize_t>(sizeof heard.report))
            return Error{EPROTO, "start a worker: half a report"};
        return heard;
    }
}

Status map_ids(pid_t proc_pid, std::uint32_t host_uid, int go_fd) {
    if (proc_pid < 0)
        return Error{ESRCH, "start a worker: its process can't be found in /proc (is it mounted?)"};
    if (const int error = write_id_maps(proc_pid, host_uid); error != 0)
        return errno_error("start a worker: map its user to " + std::to_string(host_uid), error);
    const char go = 1;
    if (::write(go_fd, &go, 1) != 1) return errno_error("start a worker: let it go on");
    return ok();
}

Status accompany(const Plan& plan, pid_t proc_pid, int report_fd, int go_fd) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(kStartTimeoutMs);
    bool mapped = false;
    while (true) {
        auto heard = hear(report_fd, deadline);
        if (!heard) return heard.error();
        if (heard->end) {
            if (mapped) return ok();
            return Error{ECHILD, "start a worker: its process ended before it had a jail"};
        }
        const Report& report = heard->report;
        if (report.kind == ReportKind::failed)
            return errno_error(std::string("start a worker: ") + step_text(report.step),
                               report.error);
        if (report.kind != ReportKind::needs_id_map || mapped)
            return Error{EPROTO, "start a worker: a report that makes no sense"};
        if (auto status = map_ids(proc_pid, plan.host_uid, go_fd); !status) return status;
        mapped = true;
    }
}

}  // namespace

Result<Started> start(const Plan& plan, const SeccompProgram& seccomp) {
    if (auto status = check(plan, seccomp); !status) return status.error();
    auto report = make_pipe();
    if (!report) return report.error();
    auto go = make_pipe();
    if (!go) return go.error();

    // The system call itself, not fork(): it makes the namespaces at once. The caller has one
    // thread, so there is no lock that the child could find taken.
    int pidfd_number = -1;
    clone_args arguments{};
    arguments.flags = kNamespaces | CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd_number);
    arguments.exit_signal = SIGCHLD;
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid < 0)
        return errno_error("start a worker: new namespaces (needs root, and Linux 5.12 or newer)");
    if (pid == 0)
        become_worker(plan, seccomp, ChildPipes{report->write_end.get(), go->read_end.get()});

    Child child(pid, UniqueFd(pidfd_number));
    report->write_end.reset();
    go->read_end.reset();
    const pid_t proc_pid = pid_for_proc(child.pidfd());
    if (auto status = accompany(plan, proc_pid, report->read_end.get(), go->write_end.get());
        !status)
        return status.error();
    child.release();
    return Started{pid, proc_pid};
}

}  // namespace skerry::jail
