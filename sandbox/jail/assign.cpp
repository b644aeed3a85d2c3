// A function for a worker that stood by: its artifact at /var/task, the size of its /tmp, its
// limits; for a blank then its descriptors.
//
// Mounts can be attached only by a process in the namespace that they go to, so the caller enters
// that of the worker for two calls. Nothing of the worker can lead it astray there: its root and
// what is below are read-only mounts that our code made, and no process in it has the capabilities
// to change a mount or to make one; `/var/task` and `/tmp` are folders of that root, not links. The
// worker's own files are below them, and no name of theirs is looked up.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "sandbox/base/records.hpp"
#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/mounts.hpp"
#include "sandbox/jail/order.hpp"

namespace skerry::jail {
namespace {

// A blank has those that the warden has, which may be lower already.
Status set_limit(const Standing& worker, __rlimit_resource resource, std::uint64_t wanted) {
    rlimit now{RLIM_INFINITY, RLIM_INFINITY};
    if (!worker.link || ::prlimit(worker.pid, resource, nullptr, &now) == 0) {
        const rlim_t value = std::min<rlim_t>(wanted, now.rlim_max);
        const rlimit limit{value, value};
        if (::prlimit(worker.pid, resource, &limit, nullptr) == 0) return ok();
    }
    return errno_error("assign a worker: set its limits");
}

// Of the tmpfs that is mounted there.
Status resize_tmp(std::uint32_t tmp_mib) {
    constexpr const char* kDoing = "assign a worker: set the size of its /tmp";
    const UniqueFd tmp(
        ::fspick(AT_FDCWD, "/tmp", FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT));
    if (!tmp) return errno_error(kDoing);
    const std::string size = std::to_string(tmp_mib) + "m";
    if (::fsconfig(tmp.get(), FSCONFIG_SET_STRING, "size", size.c_str(), 0) != 0 ||
        ::fsconfig(tmp.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0)
        return errno_error(kDoing);
    return ok();
}

// `tmp_mib`: 0: as it is.
Status furnish(const UniqueFd& artifact, std::uint32_t tmp_mib) {
    if (!attach(artifact.get(), AT_FDCWD, "/var/task"))
        return errno_error("assign a worker: mount its artifact at /var/task");
    return tmp_mib == 0 ? ok() : resize_tmp(tmp_mib);
}

// What has not changed is left alone: each file of a group costs some microseconds.
Status limit(const Assignment& assignment, const Standing& worker, const cgroup::Groups& groups) {
    const std::uint64_t tmp_bytes = std::uint64_t{assignment.tmp_mib} << 20;
    const cgroup::Limits limits{.memory_bytes = (std::uint64_t{assignment.memory_mib} << 20) +
                                                tmp_bytes + assignment.channel_bytes,
                                .cpu_percent = assignment.cpu_percent,
                                .cpu_weight = assignment.cpu_weight,
                                .pids_max = assignment.pids_max};
    if (limits != worker.limits)
        if (auto status = groups.set(worker.group, limits); !status) return status;
    for (const Status& status : {set_limit(worker, RLIMIT_NPROC, assignment.pids_max),
                                 set_limit(worker, RLIMIT_FSIZE, tmp_bytes)})
        if (!status) return status;
    const std::uint64_t space_bytes = address_space_bytes(
        assignment.kind, assignment.memory_mib, assignment.channel_bytes, groups.limits_memory());
    return space_bytes == 0 ? ok() : set_limit(worker, RLIMIT_AS, space_bytes);
}

Status let_go_on(const Assignment& assignment, const Standing& worker) {
    const auto count = static_cast<std::uint32_t>(assignment.fds.size());
    const int error =
        send_record(worker.link.get(), &count, sizeof count, assignment.fds, MSG_DONTWAIT);
    return error == 0 ? ok() : errno_error("assign a worker: give it its snapshot", error);
}

}  // namespace

Result<Home> Home::make() {
    UniqueFd mounts(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!mounts || !root) return errno_error("remember this process's own mounts");
    return Home(std::move(mounts), std::move(root));
}

void Home::go_back() const {
    // The namespace brings its own root along, which is not that of a skerryd in a chroot.
    if (::setns(mounts_.get(), CLONE_NEWNS) == 0 && ::fchdir(root_.get()) == 0 &&
        ::chroot(".") == 0)
        return;
    std::perror("skerry warden: leave a worker's mounts");
    ::_exit(1);
}

Status assign(const Assignment& assignment, Standing worker, const cgroup::Groups& groups,
              const Home& home) {
    auto artifact = artifact_mount(assignment.artifacts_dir, assignment.artifact);
    if (!artifact) return artifact.error();
    if (auto status = limit(assignment, worker, groups); !status) return status;
    // The caller's child, so nobody else has its number; it may have ended.
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, worker.pid, 0u)));
    if (!process) return errno_error("assign a worker: open its process");
    if (::setns(process.get(), CLONE_NEWNS) != 0)
        return errno_error("assign a worker: enter its mounts");
    const bool same_tmp = assignment.tmp_mib == worker.tmp_mib;
    const Status done = furnish(*artifact, same_tmp ? 0 : assignment.tmp_mib);
    home.go_back();
    if (!done || !worker.link) return done;
    return let_go_on(assignment, worker);
}

}  // namespace skerry::jail
