// Single system calls, each with arguments that would do harm if it were allowed. By number and
// without the C library's wrappers: the fence has to hold for whoever does the same.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

std::array<std::uint64_t, 64> zeros;  // where the kernel wants to read or write something

template <typename... Arguments>
long raw(long number, Arguments... arguments) {
    return ::syscall(number, arguments...);
}

long clone_with(unsigned long flags) {
    const long pid = raw(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) ::_exit(0);
    return pid;
}

constexpr Call kFileSystems[] = {
    {"mount", [] { return raw(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr); }},
    {"umount2", [] { return raw(SYS_umount2, "/proc", MNT_DETACH); }},
    {"pivot_root", [] { return raw(SYS_pivot_root, "/tmp", "/tmp"); }},
    {"chroot", [] { return raw(SYS_chroot, "/tmp"); }},
    {"fsopen", [] { return raw(SYS_fsopen, "tmpfs", 0); }},
    {"open_tree", [] { return raw(SYS_open_tree, AT_FDCWD, "/task", OPEN_TREE_CLONE); }},
    {"move_mount", [] { return raw(SYS_move_mount, AT_FDCWD, "/task", AT_FDCWD, "/tmp", 0); }},
    {"mount_setattr",
     [] {
         mount_attr writable{};
         writable.attr_clr = MOUNT_ATTR_RDONLY;
         return raw(SYS_mount_setattr, AT_FDCWD, "/task", 0, &writable, sizeof writable);
     }},
    {"name_to_handle_at",
     [] {
         alignas(file_handle) char space[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
         reinterpret_cast<file_handle*>(space)->handle_bytes = MAX_HANDLE_SZ;
         int mount_id = 0;
         return raw(SYS_name_to_handle_at, AT_FDCWD, "/task/bootstrap", space, &mount_id, 0);
     }},
    // The number of a file system's root is no secret: this is how containers were left.
    {"open_by_handle_at",
     [] {
         struct {
             unsigned bytes = 8;
             int type = 1;
             unsigned char inode[8] = {2};
         } root;
         return raw(SYS_open_by_handle_at, AT_FDCWD, &root, O_RDONLY);
     }},
    {"mknod_memory", [] { return raw(SYS_mknod, "/tmp/memory", S_IFCHR | 0666, makedev(1, 1)); }},
    {"mknod_disk", [] { return raw(SYS_mknod, "/tmp/disk", S_IFBLK | 0666, makedev(8, 0)); }},
    {"mknodat_fuse",
     [] { return raw(SYS_mknodat, AT_FDCWD, "/tmp/fuse", S_IFCHR | 0666, makedev(10, 229)); }},
    {"fanotify_init", [] { return raw(SYS_fanotify_init, FAN_CLASS_NOTIF, O_RDONLY); }},
    // Watching a library that all tenants share tells when they start.
    {"inotify_init1", [] { return raw(SYS_inotify_init1, 0); }},
    {"swapon", [] { return raw(SYS_swapon, "/task/bootstrap", 0); }},
    {"quotactl", [] { return raw(SYS_quotactl, 0, "/tmp", 0, zeros.data()); }},
};

constexpr Call kNamespaces[] = {
    {"unshare_user", [] { return raw(SYS_unshare, CLONE_NEWUSER); }},
    {"unshare_mount", [] { return raw(SYS_unshare, CLONE_NEWNS | CLONE_NEWUSER); }},
    {"unshare_net", [] { return raw(SYS_unshare, CLONE_NEWNET); }},
    {"setns", [] { return raw(SYS_setns, ::open("/proc/self/ns/user", O_RDONLY), 0); }},
    {"clone_user", [] { return clone_with(CLONE_NEWUSER); }},
    {"clone_pid", [] { return clone_with(CLONE_NEWPID); }},
    {"clone_net", [] { return clone_with(CLONE_NEWNET); }},
    // The filter can't see its flags, so libraries are sent back to clone.
    {"clone3",
     [] {
         clone_args arguments{};
         arguments.flags = CLONE_NEWUSER;
         arguments.exit_signal = SIGCHLD;
         const long pid = raw(SYS_clone3, &arguments, sizeof arguments);
         if (pid == 0) ::_exit(0);
         return pid;
     }},
    {"sethostname", [] { return raw(SYS_sethostname, "host", 4); }},
};

constexpr Call kProcesses[] = {
    {"ptrace_traceme", [] { return raw(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
    {"ptrace_attach", [] { return raw(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0); }},
    {"process_vm_readv",
     [] {
         iovec here{zeros.data(), 8};
         return raw(SYS_process_vm_readv, 1, &here, 1, &here, 1, 0);
     }},
    {"process_vm_writev",
     [] {
         iovec here{zeros.data(), 8};
         return raw(SYS_process_vm_writev, 1, &here, 1, &here, 1, 0);
     }},
    {"pidfd_getfd", [] { return raw(SYS_pidfd_getfd, raw(SYS_pidfd_open, 1, 0), 0, 0); }},
    {"kcmp", [] { return raw(SYS_kcmp, 1, 1, 0, 0, 0); }},
    {"sched_setscheduler",
     [] {
         sched_param priority{50};
         return raw(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority);
     }},
    {"sched_setaffinity", [] { return raw(SYS_sched_setaffinity, 0, 512, zeros.data()); }},
    {"setpriority", [] { return raw(SYS_setpriority, PRIO_PROCESS, 0, -20); }},
    // Above the hard limit.
    {"prlimit64",
     [] {
         const rlimit more{1 << 20, 1 << 20};
         return raw(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, nullptr);
     }},
    {"prlimit_of_other", [] { return raw(SYS_prlimit64, 9999, RLIMIT_NOFILE, nullptr, nullptr); }},
    {"ioprio_set", [] { return raw(SYS_ioprio_set, 1, 0, 1 << 13); }},  // real-time class
    {"seccomp", [] { return raw(SYS_seccomp, 1, 8, zeros.data()); }},   // a listener of its own
    {"setuid", [] { return raw(SYS_setuid, 0); }},
    {"setresgid", [] { return raw(SYS_setresgid, 0, 0, 0); }},
    {"setgroups", [] { return raw(SYS_setgroups, 1, zeros.data()); }},
    {"capset",
     [] {
         __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
         __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
         return raw(SYS_capset, &header, all);
     }},
    {"prctl_ambient",
     [] { return raw(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0); }},
    {"prctl_new_privs", [] { return raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }},
    {"prctl_core_cookie",  // that of its parent: to run beside it on one core
     [] { return raw(SYS_prctl, PR_SCHED_CORE, PR_SCHED_CORE_SHARE_FROM, ::getppid(), 0, 0); }},
    {"prctl_securebits", [] { return raw(SYS_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0); }},
    {"personality", [] { return raw(SYS_personality, 0x0400000); }},  // READ_IMPLIES_EXEC
};

}  // namespace

bool try_call(const std::string& name, Report& report) {
    const auto find = [&](std::span<const Call> table) {
        for (const Call& call : table)
            if (name == call.name) {
                report.tried(name, call.run());
                return true;
            }
        return false;
    };
    if (find(kFileSystems) || find(kNamespaces) || find(kProcesses)) return true;
    for (const auto table : kernel_calls())
        if (find(table)) return true;
    return false;
}

}  // namespace skerry::escape
