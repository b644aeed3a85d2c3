// A function for a worker that stood by: its artifact at /var/task, the size of its /tmp, its
// limits.
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

#include <cerrno>
#include <cstdio>
#include <string>

#include "sandbox/jail/jail.hpp"
#include "sandbox/jail/mounts.hpp"
#include "sandbox/jail/order.hpp"

namespace skerry::jail {
namespace {

Status set_limit(pid_t pid, __rlimit_resource resource, std::uint64_t wanted) {
    const rlimit limit{wanted, wanted};
    if (::prlimit(pid, resource, &limit, nullptr) == 0) return ok();
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

Status furnish(const UniqueFd& artifact, std::uint32_t tmp_mib) {
    if (!attach(artifact.get(), AT_FDCWD, "/var/task"))
        return errno_error("assign a worker: mount its artifact at /var/task");
    return resize_tmp(tmp_mib);
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

Status assign(const Assignment& assignment, pid_t pid, const std::string& group,
              const cgroup::Groups& groups, const Home& home) {
    auto artifact = artifact_mount(assignment.artifacts_dir, assignment.artifact);
    if (!artifact) return artifact.error();
    const cgroup::Limits limits{
        .memory_bytes = std::uint64_t{assignment.memory_mib + assignment.tmp_mib} << 20,
        .cpu_percent = assignment.cpu_percent,
        .cpu_weight = assignment.cpu_weight,
        .pids_max = assignment.pids_max};
    for (const Status& status :
         {groups.set(group, limits), set_limit(pid, RLIMIT_NPROC, assignment.pids_max),
          set_limit(pid, RLIMIT_FSIZE, std::uint64_t{assignment.tmp_mib} << 20)})
        if (!status) return status;
    // The caller's child, so nobody else has its number; it may have ended.
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)));
    if (!process) return errno_error("assign a worker: open its process");
    if (::setns(process.get(), CLONE_NEWNS) != 0)
        return errno_error("assign a worker: enter its mounts");
    const Status done = furnish(*artifact, assignment.tmp_mib);
    home.go_back();
    return done;
}

}  // namespace skerry::jail
