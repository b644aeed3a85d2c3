// The warden's side of a start: makes the process, gives it its order, maps its ids when it asks,
// and waits until it is a worker or is gone. What the child does meanwhile: child.cpp.
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
#include "sandbox/jail/child.hpp"
#include "sandbox/jail/identity.hpp"
#include "sandbox/jail/link.hpp"
#include "sandbox/jail/order.hpp"
#include "sandbox/jail/report.hpp"

namespace skerry::jail {
namespace {

using Clock = std::chrono::steady_clock;

// The cgroup namespace comes when its group is joined (child.cpp): its root is the group then.
// The user namespace is not among them: the child builds its root with the privileges of the real
// root, and enters it afterwards (identity.cpp). That way the worker's user namespace owns none of
// the other namespaces, and even a worker that gained all capabilities in it could not change them.
constexpr std::uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

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

// One report, or the end of the socket (`end`), or an error when neither comes in time.
struct Heard {
    bool end = false;
    Report report{};
    UniqueFd fd;
};

Result<Heard> hear(int socket, Clock::time_point deadline) {
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd waiting{socket, POLLIN, 0};
        const int timeout_ms = static_cast<int>(std::max<std::int64_t>(0, left.count()));
        const int ready = ::poll(&waiting, 1, timeout_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return errno_error("start a worker: poll");
        if (ready == 0)
            return Error{ETIMEDOUT, "start a worker: its jail was not ready after " +
                                        std::to_string(kStartTimeoutMs) + " ms"};
        Heard heard;
        std::vector<UniqueFd> fds;
        const ssize_t got = receive_record(socket, &heard.report, sizeof heard.report, fds);
        if (got < 0) return errno_error("start a worker: read its report");
        heard.end = got == 0;
        if (got != 0 && got != static_cast<ssize_t>(sizeof heard.report))
            return Error{EPROTO, "start a worker: half a report"};
        if (!fds.empty()) heard.fd = std::move(fds.front());
        return heard;
    }
}

Status map_ids(const Embryo& embryo, std::uint32_t host_uid) {
    if (embryo.host_pid() < 0)
        return Error{ESRCH, "start a worker: its process can't be found in /proc (is it mounted?)"};
    if (const int error = write_id_maps(embryo.host_pid(), host_uid); error != 0)
        return errno_error("start a worker: map its user to " + std::to_string(host_uid), error);
    const char go = 1;
    if (const int error = send_record(embryo.socket(), &go, sizeof go, {}); error != 0)
        return errno_error("start a worker: let it go on", error);
    return ok();
}

// A group counts the pages of /tmp and of the channel, too; and a template's memory a second time,
// in its snapshot.
cgroup::Limits limits_of(const Plan& plan) {
    const std::uint64_t times = plan.start == Start::template_of ? 2 : 1;
    return {.memory_bytes = ((times * plan.memory_mib + plan.tmp_mib) << 20) + plan.channel_bytes,
            .cpu_percent = plan.cpu_percent,
            .cpu_weight = plan.cpu_weight,
            .pids_max = plan.pids_max};
}

// `snapshot_fd`: the plan's, or a blank's end of its link.
Status send_order(const Plan& plan, const Orders& orders, int snapshot_fd, const Embryo& embryo) {
    std::vector<int> fds = {plan.log_fd};
    fds.insert(fds.end(), plan.channel_fds.begin(), plan.channel_fds.end());
    if (snapshot_fds(plan.start) > 0) fds.push_back(snapshot_fd);
    if (snapshot_fds(plan.start) > 1) fds.push_back(plan.restorer_fd);
    if (plan.egress.used) fds.push_back(plan.egress_fd);
    for (const UniqueFd& mount : orders.mounts) fds.push_back(mount.get());
    const int error = send_record(embryo.socket(), &orders.order, sizeof orders.order, fds);
    // What the child had to say before it ended is told by hear().
    if (error == 0 || error == EPIPE) return ok();
    return errno_error("start a worker: give it its order", error);
}

// From the order to the exec. The child speaks in this order: prepared,
// needs_id_map, filtered (not everywhere: seccomp::install), end.
Status accompany(const Plan& plan, const Embryo& embryo, const cgroup::Groups& groups,
                 std::uint64_t since_us, Started& started) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(kStartTimeoutMs);
    const auto lap = [&since_us](std::uint64_t until_us) {
        const std::uint64_t took_us = until_us - std::min(until_us, since_us);
        since_us += took_us;
        return static_cast<std::uint32_t>(took_us);
    };
    ReportKind expected = ReportKind::prepared;
    while (true) {
        auto heard = hear(embryo.socket(), deadline);
        if (!heard) return heard.error();
        if (heard->end) {
            started.phases.exec_us = lap(monotonic_us());
            if (expected == ReportKind::filtered) return ok();
            return Error{ECHILD, "start a worker: its process ended before it had a jail"};
        }
        const Report& report = heard->report;
        if (report.kind == ReportKind::failed)
            return errno_error(std::string("start a worker: ") + step_text(report.step),
                               report.error);
        if (report.kind != expected)
            return Error{EPROTO, "start a worker: a report that makes no sense"};
        if (report.kind == ReportKind::filtered) {
            if (started.denials || !heard->fd)
                return Error{EPROTO, "start a worker: its filter came twice, or without listener"};
            started.denials = std::move(heard->fd);
            continue;
        }
        if (report.kind == ReportKind::prepared) {
            started.phases.namespaces_us = lap(report.at_us);
            if (runtime::speaks_runtime_api(plan.kind)) started.listener = std::move(heard->fd);
            // Before any of the worker's code runs: it waits for its id maps.
            if (auto status = groups.set(embryo.group(), limits_of(plan)); !status) return status;
            expected = ReportKind::needs_id_map;
            continue;
        }
        started.phases.mounts_us = lap(report.at_us);
        if (auto status = map_ids(embryo, plan.host_uid); !status) return status;
        started.phases.identity_us = lap(monotonic_us());
        expected = ReportKind::filtered;
    }
}

}  // namespace

// It is the first process of its PID namespace, so its end is the end of all of them, and waitpid
// waits for that.
Embryo::~Embryo() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<Embryo> prepare(const seccomp::Filters& filters, const cgroup::Groups& groups,
                       const std::string& group, bool own_cookie) {
    auto link = make_link();
    if (!link) return link.error();
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
    if (pid == 0) {
        link->warden_end.reset();
        become_worker(filters, groups, group, own_cookie, link->child_end.get());
    }
    const UniqueFd pidfd(pidfd_number);
    return Embryo(pid, pid_for_proc(pidfd.get()), std::move(link->warden_end), group);
}

Result<Started> start(const Plan& plan, Embryo embryo, const cgroup::Groups& groups,
                      std::uint64_t since_us) {
    auto orders = order_of(plan, groups.limits_memory());
    if (!orders) return orders.error();
    Started started;
    started.pid = embryo.pid();
    started.host_pid = embryo.host_pid();
    started.limits = limits_of(plan);
    UniqueFd its_end;
    if (plan.start == Start::blank) {
        auto link = make_link();
        if (!link) return link.error();
        started.link = std::move(link->warden_end);
        its_end = std::move(link->child_end);
    }
    const int snapshot_fd = its_end ? its_end.get() : plan.snapshot_fd;
    if (auto status = send_order(plan, *orders, snapshot_fd, embryo); !status)
        return status.error();
    if (auto status = accompany(plan, embryo, groups, since_us, started); !status)
        return status.error();
    embryo.release();
    return started;
}

}  // namespace skerry::jail
