// The deny-list. Everything else is the kernel's ordinary rules for a user without capabilities:
// what is listed here is refused even though those rules might let it through, now or after the
// next kernel bug. A refused call returns EPERM, so that programs which only try carry on.
#include <linux/audit.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/jail/jail.hpp"

namespace skerry::jail {
namespace {

constexpr const char* kDenied[] = {
    // mounts and roots
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "swapon",
    "swapoff",
    "quotactl",
    "quotactl_fd",
    "fanotify_init",
    "open_by_handle_at",
    "name_to_handle_at",
    // namespaces
    "unshare",
    "setns",
    "sethostname",
    "setdomainname",
    // other processes, and this one's memory from outside
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    "userfaultfd",
    "perf_event_open",
    "move_pages",
    "migrate_pages",
    // programs and rings in the kernel
    "bpf",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    // memory and kernel objects that no limit of the jail counts: RLIMIT_AS sees mappings only, and
    // a memfd or a segment needs none to be full
    "memfd_create",
    "memfd_secret",
    "shmget",
    "shmat",
    "shmctl",
    "shmdt",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "semget",
    "semop",
    "semtimedop",
    "semctl",
    "ipc",
    "io_setup",
    // which processors it may use, and before whom
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_setparam",
    "sched_setattr",
    // keys
    "keyctl",
    "add_key",
    "request_key",
    // the machine
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "query_module",
    "get_kernel_syms",
    "reboot",
    "syslog",
    "acct",
    "vhangup",
    "iopl",
    "ioperm",
    "modify_ldt",
    "settimeofday",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "stime",
    "lookup_dcookie",
    "nfsservctl",
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
    "personality",
    "vm86",
    "vm86old",
};

constexpr std::uint64_t kNamespaceFlags[] = {CLONE_NEWUSER,  CLONE_NEWNS,  CLONE_NEWPID,
                                             CLONE_NEWNET,   CLONE_NEWIPC, CLONE_NEWUTS,
                                             CLONE_NEWCGROUP};

struct Release {
    void operator()(scmp_filter_ctx context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

// All of these return 0 or a negative errno.
int deny_by_name(scmp_filter_ctx context) {
    for (const char* name : kDenied) {
        const int number = ::seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR || number < 0) continue;  // does not exist on this machine
        if (const int rc = ::seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), number, 0); rc != 0)
            return rc;
    }
    return 0;
}

int deny_new_namespaces(scmp_filter_ctx context) {
    for (const std::uint64_t flag : kNamespaceFlags)
        if (const int rc = ::seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                              SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
            rc != 0)
            return rc;
    // A filter can't look behind clone3's pointer. ENOSYS makes libraries fall back to clone.
    return ::seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

// Sockets: Unix, IPv4, IPv6 and netlink. The rest is either not confined by a network namespace
// (vsock reaches the hypervisor) or a large piece of kernel that a function has no use for.
int deny_socket_families(scmp_filter_ctx context) {
    const auto deny = [context](scmp_arg_cmp family) {
        return ::seccomp_rule_add(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                  family);
    };
    if (const int rc = deny({0, SCMP_CMP_GT, AF_NETLINK, 0}); rc != 0) return rc;
    for (unsigned family = 1; family < AF_NETLINK; ++family) {
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6) continue;
        if (const int rc = deny({0, SCMP_CMP_EQ, family, 0}); rc != 0) return rc;
    }
    return 0;
}

// Pushing characters into a terminal's input.
int deny_terminal_input(scmp_filter_ctx context) {
    for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}})
        if (const int rc = ::seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, request));
            rc != 0)
            return rc;
    return 0;
}

Result<SeccompProgram> export_program(scmp_filter_ctx context) {
    UniqueFd file(::memfd_create("skerry-seccomp", MFD_CLOEXEC));
    if (!file) return errno_error("memfd_create");
    if (const int rc = ::seccomp_export_bpf(context, file.get()); rc != 0)
        return errno_error("seccomp_export_bpf", -rc);
    struct stat found;
    if (::fstat(file.get(), &found) != 0) return errno_error("fstat the seccomp program");
    const auto bytes = static_cast<std::size_t>(found.st_size);
    SeccompProgram program(bytes / sizeof(sock_filter));
    if (::pread(file.get(), program.data(), bytes, 0) != static_cast<ssize_t>(bytes))
        return errno_error("read the seccomp program");
    return program;
}

}  // namespace

Result<SeccompProgram> make_seccomp_program() {
    const Context context(::seccomp_init(SCMP_ACT_ALLOW));
    if (!context) return Error{ENOMEM, "seccomp_init failed"};
    // Calls of another architecture (32-bit, x32) are no way around the list.
    int rc = ::seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0) rc = deny_by_name(context.get());
    if (rc == 0) rc = deny_new_namespaces(context.get());
    if (rc == 0) rc = deny_socket_families(context.get());
    if (rc == 0) rc = deny_terminal_input(context.get());
    if (rc != 0) return errno_error("seccomp: add a rule", -rc);
    return export_program(context.get());
}

}  // namespace skerry::jail
