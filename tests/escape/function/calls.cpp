// Single system calls, each with arguments that would do harm if it were allowed. By number and
// without the C library's wrappers: the fence has to hold for whoever does the same.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

struct Call {
    const char* name;
    long (*run)();
};

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
    {"prctl_securebits", [] { return raw(SYS_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0); }},
    {"personality", [] { return raw(SYS_personality, 0x0400000); }},  // READ_IMPLIES_EXEC
};

constexpr Call kKernel[] = {
    {"bpf", [] { return raw(SYS_bpf, 0, zeros.data(), sizeof zeros); }},
    {"perf_event_open",
     [] {
         perf_event_attr attributes{};
         attributes.size = sizeof attributes;
         return raw(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
     }},
    {"userfaultfd", [] { return raw(SYS_userfaultfd, 1); }},
    {"io_uring_setup", [] { return raw(SYS_io_uring_setup, 4, zeros.data()); }},
    {"io_setup", [] { return raw(SYS_io_setup, 1, zeros.data()); }},
    {"init_module", [] { return raw(SYS_init_module, zeros.data(), sizeof zeros, ""); }},
    {"finit_module", [] { return raw(SYS_finit_module, 0, "", 0); }},
    {"delete_module", [] { return raw(SYS_delete_module, "overlay", O_NONBLOCK); }},
    {"kexec_load", [] { return raw(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"keyctl", [] { return raw(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1); }},
    {"add_key", [] { return raw(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_USER_KEYRING); }},
    {"request_key", [] { return raw(SYS_request_key, "user", "x", nullptr, 0); }},
    {"reboot", [] { return raw(SYS_reboot, 0xfee1dead, 672274793, 0, nullptr); }},
    {"syslog", [] { return raw(SYS_syslog, 3, zeros.data(), sizeof zeros); }},
    {"acct", [] { return raw(SYS_acct, "/tmp/acct"); }},
    {"settimeofday", [] { return raw(SYS_settimeofday, zeros.data(), nullptr); }},
    {"clock_settime", [] { return raw(SYS_clock_settime, 0, zeros.data()); }},
    {"adjtimex", [] { return raw(SYS_adjtimex, zeros.data()); }},
    {"memfd_create", [] { return raw(SYS_memfd_create, "x", 0); }},
    {"memfd_secret", [] { return raw(447, 0); }},
    {"shmget", [] { return raw(SYS_shmget, 0, 4096, 01600); }},
    {"msgget", [] { return raw(SYS_msgget, 0, 01600); }},
    {"semget", [] { return raw(SYS_semget, 0, 1, 01600); }},
    {"mq_open", [] { return raw(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, nullptr); }},
    {"vhangup", [] { return raw(SYS_vhangup); }},
    // Types a character into the terminal that the server may have been started from.
    {"tiocsti", [] { return raw(SYS_ioctl, 0, TIOCSTI, "x"); }},
    {"tiocsti_high_bits", [] { return raw(SYS_ioctl, 0, TIOCSTI | (1ul << 32), "x"); }},
#ifdef __x86_64__
    {"iopl", [] { return raw(SYS_iopl, 3); }},
    {"ioperm", [] { return raw(SYS_ioperm, 0x60, 1, 1); }},
    {"modify_ldt", [] { return raw(SYS_modify_ldt, 0, zeros.data(), sizeof zeros); }},
    // The same calls under other numbers: x32, and the 32-bit entry (getpid).
    {"x32", [] { return raw(0x40000000 | SYS_getpid); }},
    {"int80",
     [] {
         long result = 20;
         __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
         errno = static_cast<int>(-result);
         return result;
     }},
#endif
};

}  // namespace

bool try_call(const std::string& name, Report& report) {
    const std::initializer_list<std::span<const Call>> tables = {kFileSystems, kNamespaces,
                                                                 kProcesses, kKernel};
    for (const auto table : tables)
        for (const Call& call : table)
            if (name == call.name) {
                report.tried(name, call.run());
                return true;
            }
    return false;
}

}  // namespace skerry::escape
