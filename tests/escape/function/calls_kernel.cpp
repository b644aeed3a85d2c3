// Single system calls that concern the whole kernel, sockets of families that no namespace holds,
// and commands of calls that are otherwise ordinary. See calls.cpp.
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "sandbox/channel/layout.hpp"
#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

std::array<std::uint64_t, 64> zeros;  // where the kernel wants to read or write something

template <typename... Arguments>
long raw(long number, Arguments... arguments) {
    return ::syscall(number, arguments...);
}

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

// A number that no kernel has: counted with others, and not under a name of the worker's choice.
constexpr Call kNumbers[] = {
    {"unknown", [] { return raw(100'000 + ::getpid() + ::time(nullptr) % 100'000); }},
    {"unknown_high", [] { return raw(0x3fffffff); }},
};

constexpr Call kSockets[] = {
    {"socket_packet", [] { return raw(SYS_socket, AF_PACKET, SOCK_RAW, 0x0300); }},
    {"socket_vsock", [] { return raw(SYS_socket, AF_VSOCK, SOCK_STREAM, 0); }},
    {"socket_alg", [] { return raw(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0); }},
    {"socket_xdp", [] { return raw(SYS_socket, 44, SOCK_RAW, 0); }},
    {"socket_bluetooth", [] { return raw(SYS_socket, 31, SOCK_RAW, 1); }},
    {"socket_can", [] { return raw(SYS_socket, 29, SOCK_RAW, 1); }},
    {"socket_tipc", [] { return raw(SYS_socket, 30, SOCK_STREAM, 0); }},
    {"socket_smc", [] { return raw(SYS_socket, 43, SOCK_STREAM, 0); }},
    {"socket_key", [] { return raw(SYS_socket, 15, SOCK_RAW, 2); }},
    {"socket_raw", [] { return raw(SYS_socket, AF_INET, SOCK_RAW, 1); }},
    {"socket_raw6", [] { return raw(SYS_socket, AF_INET6, SOCK_RAW, 58); }},
    {"socket_mptcp", [] { return raw(SYS_socket, AF_INET, SOCK_STREAM, 262); }},
    {"socket_sctp", [] { return raw(SYS_socket, AF_INET, SOCK_STREAM, 132); }},
    {"netlink_route", [] { return raw(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
    {"netlink_uevent",
     [] { return raw(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT); }},
    {"netlink_audit", [] { return raw(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }},
    {"netlink_netfilter", [] { return raw(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }},
    {"interface_flags",
     [] {
         const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
         ifreq request{};
         std::strcpy(request.ifr_name, "lo");
         request.ifr_flags = IFF_UP | IFF_PROMISC;
         return raw(SYS_ioctl, fd, SIOCSIFFLAGS, &request);
     }},
    {"buffer_force",
     [] {
         const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
         const int most = 1 << 30;
         return raw(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDBUFFORCE, &most, sizeof most);
     }},
    {"socket_filter",
     [] {
         const int fd = ::socket(AF_UNIX, SOCK_DGRAM, 0);
         return raw(SYS_setsockopt, fd, SOL_SOCKET, SO_ATTACH_FILTER, zeros.data(), 16);
     }},
};

// On descriptors whose open file or memory skerryd has, too.
constexpr Call kDescriptors[] = {
    {"seal_channel",
     [] { return raw(SYS_fcntl, channel::kChannelFd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE); }},
    {"seal_doorbells",
     [] { return raw(SYS_fcntl, channel::kDoorbellsFd, F_ADD_SEALS, F_SEAL_WRITE); }},
    {"lease", [] { return raw(SYS_fcntl, channel::kDoorbellsFd, F_SETLEASE, F_RDLCK); }},
    {"file_signal", [] { return raw(SYS_fcntl, channel::kDoorbellsFd, F_SETSIG, SIGKILL); }},
    // As inotify, and older: who reads a library tells that it starts.
    {"watch_folder",
     [] {
         const int folder = ::open("/usr/lib", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
         return raw(SYS_fcntl, folder, F_NOTIFY, DN_ACCESS | DN_MULTISHOT);
     }},
    // Pages of skerryd's own channel go to disk, and it waits for them.
    {"page_out",
     [] {
         void* base =
             ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, channel::kChannelFd, 0);
         return raw(SYS_madvise, base, 4096, MADV_PAGEOUT);
     }},
    {"take_pages_away",
     [] {
         void* base =
             ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, channel::kChannelFd, 0);
         return raw(SYS_madvise, base, 4096, MADV_REMOVE);
     }},
    // All of the host's disks.
    {"sync", [] { return raw(SYS_sync); }},
};

}  // namespace

std::span<const std::span<const Call>> kernel_calls() {
    static constexpr std::span<const Call> kAll[] = {kKernel, kNumbers, kSockets, kDescriptors};
    return kAll;
}

}  // namespace skerry::escape
