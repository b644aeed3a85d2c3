// A macro is listed once, by its own name, so that its value is that of the kernel's header.
#include "sandbox/seccomp/constants.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace skerry::seccomp {
namespace {

struct Entry {
    std::string_view name;
    std::uint32_t value;
};

// The kernel's own view of a number: the low 32 bits of whatever type the header gave it.
template <typename T>
constexpr std::uint32_t low(T value) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value));
}

#define NAMED(name)      \
    Entry {              \
#name, low(name) \
    }

constexpr Entry kConstants[] = {
    // clone: whatever makes a namespace
    {"NEW_NAMESPACES", low(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                           CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)},
    NAMED(CLONE_NEWNET),
    NAMED(CLONE_NEWNS),
    // limits
    NAMED(RLIMIT_FSIZE),
    NAMED(RLIMIT_NPROC),
    NAMED(RLIMIT_AS),
    // threads, priorities, files
    {"FUTEX_COMMAND_MASK", low(FUTEX_CMD_MASK)},
    NAMED(FUTEX_WAIT),
    NAMED(FUTEX_WAKE),
    NAMED(FUTEX_REQUEUE),
    NAMED(FUTEX_CMP_REQUEUE),
    NAMED(FUTEX_WAIT_BITSET),
    NAMED(FUTEX_WAKE_BITSET),
    NAMED(FUTEX_LOCK_PI),
    NAMED(FUTEX_UNLOCK_PI),
    {"FUTEX_LOCK_PI2", 13},
    NAMED(PRIO_PROCESS),
    NAMED(S_IFMT),
    NAMED(S_IFIFO),
    // madvise
    NAMED(MADV_NORMAL),
    NAMED(MADV_RANDOM),
    NAMED(MADV_SEQUENTIAL),
    NAMED(MADV_WILLNEED),
    NAMED(MADV_DONTNEED),
    NAMED(MADV_FREE),
    NAMED(MADV_DONTFORK),
    NAMED(MADV_DOFORK),
    NAMED(MADV_MERGEABLE),
    NAMED(MADV_HUGEPAGE),
    NAMED(MADV_NOHUGEPAGE),
    NAMED(MADV_DONTDUMP),
    NAMED(MADV_DODUMP),
    NAMED(MADV_WIPEONFORK),
    {"MADV_POPULATE_WRITE", 23},
    {"MADV_COLLAPSE", 25},
    // sockets
    {"SOCK_TYPE_MASK", 0xf},
    NAMED(AF_UNIX),
    NAMED(AF_INET),
    NAMED(AF_INET6),
    NAMED(AF_NETLINK),
    NAMED(SOCK_STREAM),
    NAMED(SOCK_DGRAM),
    NAMED(SOCK_RAW),
    NAMED(NETLINK_ROUTE),
    NAMED(IPPROTO_IP),
    NAMED(IPPROTO_IPV6),
    NAMED(IPPROTO_TCP),
    NAMED(IPPROTO_UDP),
    // setsockopt
    NAMED(SOL_SOCKET),
    NAMED(SO_SNDBUF),
    NAMED(SO_RCVBUF),
    NAMED(SO_SNDTIMEO),
    NAMED(SO_RCVTIMEO),
    NAMED(SO_PASSCRED),
    NAMED(SO_REUSEADDR),
    NAMED(SO_REUSEPORT),
    NAMED(SO_KEEPALIVE),
    NAMED(SO_BROADCAST),
    NAMED(SO_LINGER),
    NAMED(SO_ATTACH_FILTER),
    NAMED(TCP_NODELAY),
    NAMED(TCP_CORK),
    NAMED(TCP_QUICKACK),
    NAMED(TCP_KEEPIDLE),
    NAMED(TCP_KEEPINTVL),
    NAMED(TCP_KEEPCNT),
    NAMED(TCP_USER_TIMEOUT),
    NAMED(TCP_DEFER_ACCEPT),
    NAMED(TCP_ULP),
    NAMED(TCP_FASTOPEN),
    NAMED(TCP_FASTOPEN_CONNECT),
    NAMED(TCP_CONGESTION),
    NAMED(IP_TOS),
    NAMED(IP_TTL),
    NAMED(IP_RECVERR),
    NAMED(IP_ADD_MEMBERSHIP),
    NAMED(IPV6_V6ONLY),
    NAMED(IPV6_RECVERR),
    NAMED(IPV6_UNICAST_HOPS),
    NAMED(IPV6_TCLASS),
    NAMED(IPV6_ADD_MEMBERSHIP),
    // fcntl: numbers of the kernel where the C library hides them
    NAMED(F_DUPFD),
    NAMED(F_DUPFD_CLOEXEC),
    NAMED(F_GETFD),
    NAMED(F_SETFD),
    NAMED(F_GETFL),
    NAMED(F_SETFL),
    NAMED(F_GETLK),
    NAMED(F_SETLK),
    NAMED(F_SETLKW),
    NAMED(F_SETOWN),
    {"F_OFD_SETLK", 37},
    {"F_OFD_SETLKW", 38},
    {"F_SETPIPE_SZ", 1031},
    {"F_GETPIPE_SZ", 1032},
    {"F_GET_SEALS", 1034},
    // ioctl
    NAMED(TCGETS),
    NAMED(TCSETS),
    NAMED(TCSETSW),
    NAMED(TCSETSF),
    NAMED(TIOCGWINSZ),
    NAMED(TIOCGPGRP),
    NAMED(TIOCSPGRP),
    NAMED(TIOCNOTTY),
    NAMED(TIOCSCTTY),
    NAMED(FIONREAD),
    NAMED(FIONBIO),
    NAMED(FIOCLEX),
    NAMED(FIONCLEX),
    NAMED(FICLONE),
    NAMED(FS_IOC_GETFLAGS),
    NAMED(SIOCGIFINDEX),
    NAMED(SIOCGIFNAME),
    NAMED(SIOCGIFFLAGS),
    NAMED(SIOCSIFFLAGS),
    NAMED(SECCOMP_IOCTL_NOTIF_RECV),
    // prctl
    NAMED(PR_SET_NAME),
    NAMED(PR_GET_NAME),
    NAMED(PR_SET_PDEATHSIG),
    NAMED(PR_GET_DUMPABLE),
    NAMED(PR_SET_DUMPABLE),
    NAMED(PR_SET_NO_NEW_PRIVS),
    NAMED(PR_GET_NO_NEW_PRIVS),
    NAMED(PR_CAPBSET_READ),
    NAMED(PR_GET_TID_ADDRESS),
    NAMED(PR_SCHED_CORE),
    NAMED(PR_SCHED_CORE_CREATE),
    NAMED(PR_SET_MM),
    NAMED(PR_SET_MM_MAP),
    NAMED(PR_SET_MM_MAP_SIZE),
    NAMED(PR_CAPBSET_DROP),
    NAMED(PR_SET_SECUREBITS),
    NAMED(KEYCTL_JOIN_SESSION_KEYRING),
    NAMED(PR_CAP_AMBIENT),
    NAMED(PR_SET_PTRACER),
    NAMED(PR_SET_SECCOMP),
    {"PR_SET_VMA", 0x53564d41u},
    NAMED(PR_SET_THP_DISABLE),
    // arch_prctl: of x86-64, but a policy is read on all
    {"ARCH_SET_FS", 0x1002},
    {"ARCH_CET_STATUS", 0x3001},
    {"ARCH_SHSTK_STATUS", 0x5005},
};

constexpr Entry kErrors[] = {
    NAMED(EPERM),  NAMED(ENOENT),     NAMED(EINTR),        NAMED(EAGAIN),      NAMED(EACCES),
    NAMED(EEXIST), NAMED(EINVAL),     NAMED(ENOSYS),       NAMED(ENODEV),      NAMED(ENOTTY),
    NAMED(EROFS),  NAMED(EOPNOTSUPP), NAMED(EAFNOSUPPORT), NAMED(ENOPROTOOPT),
};

#undef NAMED

template <std::size_t N>
std::optional<std::uint32_t> find(const Entry (&entries)[N], std::string_view name) {
    for (const Entry& entry : entries)
        if (entry.name == name) return entry.value;
    return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> constant(std::string_view name) {
    return find(kConstants, name);
}

std::optional<int> errno_value(std::string_view name) {
    const auto found = find(kErrors, name);
    if (!found) return std::nullopt;
    return static_cast<int>(*found);
}

}  // namespace skerry::seccomp
