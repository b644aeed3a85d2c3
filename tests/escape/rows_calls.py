"""Single system calls. Most are no function's business; a few are what ordinary programs try, and get an errno for."""
from row import DIES, Refused, Row

FILTER = "filter of system calls"


def forbidden(*names):
    """No policy names them."""
    return [Row(f"call {name}", f"system call {name}", Refused("EPERM"), FILTER) for name in names]


def refused(error, *names, fence=FILTER):
    return [Row(f"call {name}", f"system call {name}", Refused(error), fence) for name in names]


MOUNTS = forbidden("mount", "umount2", "pivot_root", "chroot", "fsopen", "open_tree", "move_mount", "mount_setattr")
HANDLES = forbidden("name_to_handle_at", "open_by_handle_at", "fanotify_init", "swapon", "quotactl")
NAMESPACES = (forbidden("unshare_user", "unshare_mount", "unshare_net", "setns", "clone_user", "clone_pid", "clone_net",
                        "sethostname")
              + refused("ENOSYS", "clone3"))
PROCESSES = (forbidden("ptrace_traceme", "ptrace_attach", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
                       "sched_setscheduler", "sched_setaffinity", "personality")
             + refused("EACCES", "setpriority", fence="RLIMIT_NICE")
             + refused("EPERM", "prlimit64", fence="hard limits")
             + refused("EINVAL", "setuid", "setresgid", fence="user namespace with one id")
             + refused("EPERM", "setgroups", fence="user namespace with setgroups denied")
             + refused("EPERM", "capset", "prctl_ambient", "prctl_securebits", fence="no capabilities, locked securebits")
             + refused("EINVAL", "prctl_new_privs", fence="no_new_privs can't be taken back"))
KERNEL = (forbidden("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_setup", "init_module", "finit_module",
                    "delete_module", "kexec_load", "keyctl", "add_key", "request_key", "reboot", "syslog", "acct",
                    "settimeofday", "clock_settime", "adjtimex", "memfd_create", "memfd_secret", "shmget", "msgget", "semget",
                    "vhangup", "tiocsti", "tiocsti_high_bits", "iopl", "ioperm", "modify_ldt")
          + refused("EMFILE", "mq_open", fence="RLIMIT_MSGQUEUE")
          + [Row("call inotify_init1", "watching files that all tenants share", Refused("EPERM", "ENOSYS", "EMFILE"), FILTER,
                 waits_for="the allow-list"),
             Row("call x32", "the same calls by their x32 numbers", DIES, "filter of system calls: other architectures"),
             Row("call int80", "the same calls by the 32-bit entry", DIES, "filter of system calls: other architectures")])
ROWS = MOUNTS + HANDLES + NAMESPACES + PROCESSES + KERNEL
