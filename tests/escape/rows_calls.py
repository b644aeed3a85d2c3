"""Single system calls. Most are no function's business; a few are what ordinary programs try, and get an errno for."""
from row import DIES, EVERYWHERE, NATIVE, Either, Refused, Row, Silent

FILTER = "filter of system calls"


def forbidden(*names, kinds=EVERYWHERE):
    """No policy names them: the worker is killed (a filter that only refuses answers with an errno)."""
    expect = Either(DIES, Refused("EPERM", "EAFNOSUPPORT", "ENOSYS", "ESRCH"))
    return [Row(f"call {name}", f"system call {name}", expect, FILTER, kinds=kinds) for name in names]


def refused(errors, *names, fence=FILTER, kinds=EVERYWHERE):
    return [Row(f"call {name}", f"system call {name}", Refused(*errors.split()), fence, kinds=kinds) for name in names]


MOUNTS = forbidden("mount", "umount2", "pivot_root", "chroot", "fsopen", "open_tree", "move_mount", "mount_setattr")
FILES = forbidden("name_to_handle_at", "open_by_handle_at", "mknod_memory", "mknod_disk", "mknodat_fuse", "fanotify_init",
                  "swapon", "quotactl")
NAMESPACES = (forbidden("unshare_user", "unshare_mount", "unshare_net", "setns", "clone_user", "clone_pid", "clone_net",
                        "sethostname")
              + refused("ENOSYS", "clone3"))
PROCESSES = (forbidden("ptrace_traceme", "ptrace_attach", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
                       "personality", "prctl_securebits", "prlimit_of_other")
             + refused("EPERM", "sched_setscheduler", "sched_setaffinity", "ioprio_set")
             + refused("EACCES EPERM", "setpriority", fence="RLIMIT_NICE")
             + refused("EPERM", "prlimit64", fence="hard limits")
             + refused("EPERM EINVAL", "setuid", "setresgid", "setgroups", fence="user namespace with one id")
             + refused("EPERM EINVAL", "capset", "prctl_ambient", fence="no capability")
             + refused("EINVAL", "prctl_new_privs", fence="no_new_privs can't be taken back")
             + [Row("call seccomp", "a listener for its own calls", Refused("EINVAL", "EFAULT"), FILTER, kinds=EVERYWHERE)])
KERNEL = (forbidden("bpf", "perf_event_open", "userfaultfd", "io_setup", "init_module", "finit_module", "delete_module",
                    "kexec_load", "keyctl", "add_key", "request_key", "reboot", "syslog", "acct", "settimeofday",
                    "clock_settime", "adjtimex", "memfd_secret", "shmget", "msgget", "semget", "vhangup", "tiocsti",
                    "tiocsti_high_bits", "iopl", "ioperm", "modify_ldt", "unknown", "unknown_high")
          + refused("EPERM ENOSYS", "io_uring_setup")
          + refused("EPERM", "memfd_create")
          + refused("EMFILE ENOSYS", "mq_open", fence="RLIMIT_MSGQUEUE")
          + [Row("call x32", "the same calls by their x32 numbers", Either(DIES, Silent()), FILTER + ": other architectures", kinds=EVERYWHERE),
             Row("call int80", "the same calls by the 32-bit entry", Either(DIES, Silent()), FILTER + ": other architectures", kinds=EVERYWHERE)])
SOCKETS = forbidden("socket_packet", "socket_vsock", "socket_alg", "socket_xdp", "socket_bluetooth", "socket_can",
                    "socket_tipc", "socket_smc", "socket_key", "socket_raw", "socket_raw6", "interface_flags", "buffer_force")
LATER = "the allow-list"



def row(name, what, expect, fence=FILTER, kinds=EVERYWHERE, waits_for=LATER):
    return Row(f"call {name}", what, expect, fence, kinds=kinds, waits_for=waits_for)


OPEN = [
    row("inotify_init1", "watching files that all tenants share", Refused("ENOSYS")),
    row("watch_folder", "the same with fcntl", DIES),
    row("socket_mptcp", "a protocol that loads a module", Either(DIES, Refused("EAFNOSUPPORT"))),
    row("socket_sctp", "a protocol that loads a module", Either(DIES, Refused("EAFNOSUPPORT", "EPROTONOSUPPORT")), waits_for=""),
    row("socket_filter", "a program for packets in the kernel", Refused("ENOPROTOOPT")),
    row("sync", "writing the host's disks", Refused("EPERM")),
    *[row(name, "a socket to the kernel", Refused("EAFNOSUPPORT")) for name in ("netlink_uevent", "netlink_audit",
                                                                                "netlink_netfilter")],
    row("netlink_route", "a socket to the kernel for interfaces", Refused("EAFNOSUPPORT"), kinds=NATIVE),
    row("page_out", "the channel's pages to disk", DIES, kinds=NATIVE),
    row("take_pages_away", "the channel's pages freed", DIES, kinds=NATIVE),
    row("seal_channel", "a seal on the channel", Either(DIES, Refused("EPERM")), "sealed seals", NATIVE, ""),
    row("seal_doorbells", "a seal on the doorbells", Either(DIES, Refused("EPERM")), "sealed seals", NATIVE, ""),
    row("lease", "a lease on the doorbells", Either(DIES, Refused("EACCES")), "not its file", NATIVE, ""),
    row("file_signal", "a signal of its choice from an open file", DIES, kinds=NATIVE),
]
ROWS = MOUNTS + FILES + NAMESPACES + PROCESSES + KERNEL + SOCKETS + OPEN
