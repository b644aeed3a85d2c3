"""Single system calls. Most are no function's business; a few are what ordinary programs try, and get an errno for."""
from row import EVERYWHERE, NATIVE, NOT_NATIVE, Killed, Refused, Row

FILTER = "filter of system calls"


# An attempt's name is the call's but for these.
CALLS = {"tiocsti": "ioctl", "tiocsti_high_bits": "ioctl", "interface_flags": "ioctl", "prlimit_of_other": "prlimit64",
         "buffer_force": "setsockopt", "watch_folder": "fcntl", "seal_channel": "fcntl", "seal_doorbells": "fcntl",
         "lease": "fcntl", "file_signal": "fcntl", "page_out": "madvise", "take_pages_away": "madvise",
         "x32": "x32:getpid", "int80": "i386:getpid",
         "unknown": "other", "unknown_high": "other"}  # their numbers are the worker's choice


def call_of(name):
    for prefix in ("unshare", "clone", "ptrace", "mknodat", "mknod", "prctl", "socket"):
        if name.startswith(prefix + "_"):
            return prefix
    return CALLS.get(name, name)


def forbidden(*names, what="", kinds=EVERYWHERE):
    """No policy names them."""
    return [Row(f"call {name}", what or f"system call {name}", Killed(call_of(name)), FILTER, kinds=kinds) for name in names]


def refused(errors, *names, fence=FILTER, kinds=EVERYWHERE):
    return [Row(f"call {name}", f"system call {name}", Refused(*errors.split()), fence, kinds=kinds) for name in names]


MOUNTS = forbidden("mount", "umount2", "pivot_root", "chroot", "fsopen", "open_tree", "move_mount", "mount_setattr")
FILES = forbidden("name_to_handle_at", "open_by_handle_at", "mknod_memory", "mknod_disk", "mknodat_fuse", "fanotify_init",
                  "swapon", "quotactl")
NAMESPACES = (forbidden("unshare_user", "unshare_mount", "unshare_net", "setns", "clone_user", "clone_pid", "clone_net",
                        "sethostname")
              + refused("ENOSYS", "clone3"))
PROCESSES = (forbidden("ptrace_traceme", "ptrace_attach", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
                       "personality", "prctl_core_cookie", "prctl_securebits", "prlimit_of_other")
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
          + forbidden("x32", what="the same calls by their x32 numbers")
          + forbidden("int80", what="the same calls by the 32-bit entry")
          + refused("ENOSYS", "io_uring_setup")
          + refused("EPERM", "memfd_create")
          + refused("ENOSYS", "mq_open"))
OBSERVERS = (refused("ENOSYS", "inotify_init1")
             + forbidden("watch_folder", what="inotify's older twin, on folders that all tenants share"))
SOCKETS = (forbidden("socket_packet", "socket_vsock", "socket_alg", "socket_xdp", "socket_bluetooth", "socket_can",
                     "socket_tipc", "socket_smc", "socket_key", "interface_flags", "buffer_force")
           + forbidden("socket_raw", "socket_raw6", "socket_mptcp", "socket_sctp", kinds=NOT_NATIVE)
           + refused("EAFNOSUPPORT", "socket_raw", "socket_raw6", "socket_mptcp", "socket_sctp", kinds=NATIVE)
           + refused("EAFNOSUPPORT", "netlink_uevent", "netlink_audit", "netlink_netfilter")
           + refused("EAFNOSUPPORT", "netlink_route", kinds=NATIVE)
           + refused("ENOPROTOOPT", "socket_filter"))
SHARED = (forbidden("seal_channel", "seal_doorbells", "lease", "file_signal", kinds=NATIVE)
          + forbidden("page_out", what="the channel's pages to disk", kinds=NATIVE)
          + forbidden("take_pages_away", what="the channel's pages freed", kinds=NATIVE)
          + refused("EPERM", "sync"))
ROWS = MOUNTS + FILES + NAMESPACES + PROCESSES + KERNEL + OBSERVERS + SOCKETS + SHARED
