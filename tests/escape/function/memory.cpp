// Memory of every kind. Each attempt stops by itself at kBytesTried, so that it is told from a
// jail that has no limit, and no machine is taken down.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

constexpr std::size_t kBlock = std::size_t{4} << 20;
constexpr std::size_t kPage = 4096;

std::byte* map(std::size_t bytes, int flags, int protection = PROT_READ | PROT_WRITE) {
    void* base = ::mmap(nullptr, bytes, protection, flags | MAP_ANONYMOUS, -1, 0);
    return base == MAP_FAILED ? nullptr : static_cast<std::byte*>(base);
}

void touch(std::byte* base, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kPage) base[at] = std::byte{1};
}

// How much of it the jail let it have: "no" is a jail without a limit.
void bounded(Report& report, std::size_t had) {
    report.say("bounded", had < kBytesTried ? "yes" : "no");
}

void fill(Report& report, int flags) {
    std::size_t had = 0;
    for (; had < kBytesTried; had += kBlock) {
        std::byte* block = map(kBlock, flags);
        if (block == nullptr) break;
        touch(block, kBlock);
    }
    report.tried("then", had < kBytesTried ? -1 : 0);
    bounded(report, had);
}

void heap(Report& report, const Words&) {
    fill(report, MAP_PRIVATE);
}

void shared_memory(Report& report, const Words&) {
    fill(report, MAP_SHARED);
}

// Pages of memory that all processes of this jail have for themselves.
std::size_t pages_of_all() {
    std::size_t pages = 0;
    for (int pid = 1; pid < 4096; ++pid) {
        std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
        std::size_t size = 0, resident = 0, shared = 0;
        if (file >> size >> resident >> shared) pages += resident - shared;
    }
    return pages;
}

// Half of the function's memory in each of many children: a limit for each process is none.
void forked_memory(Report& report, const Words&) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return report.tried("pipe", -1);
    int children = 0;
    for (; children < 8; ++children) {
        const pid_t pid = ::fork();
        if (pid < 0) break;
        if (pid != 0) continue;
        std::byte* block = map(24 * (kBlock / 4), MAP_PRIVATE);
        if (block == nullptr) ::_exit(1);
        touch(block, 24 * (kBlock / 4));
        (void)!::write(ends[1], "x", 1);
        sleep_for_ever();
    }
    ::close(ends[1]);
    char byte = 0;
    // Those that are killed for it say nothing, or have said it before: what counts is who has it.
    for (int i = 0; i < children; ++i) {
        pollfd waiting{ends[0], POLLIN, 0};
        if (::poll(&waiting, 1, 300) <= 0 || ::read(ends[0], &byte, 1) != 1) break;
    }
    report.say("bounded", pages_of_all() * kPage <= std::size_t{80} << 20 ? "yes" : "no");
}

// One page read in every two megabytes: the page is the kernel's one of zeros, and what is filled
// are the tables that lead to it.
void page_tables(Report& report, const Words&) {
    constexpr std::size_t kApart = std::size_t{2} << 20;
    constexpr std::size_t kSpan = std::size_t{4} << 30;
    std::size_t tables = 0;
    for (; tables * kPage < kBytesTried / 2;) {
        std::byte* base = map(kSpan, MAP_PRIVATE | MAP_NORESERVE, PROT_READ);
        if (base == nullptr) break;
        for (std::size_t at = 0; at < kSpan; at += kApart, ++tables)
            (void)*static_cast<volatile std::byte*>(base + at);
    }
    report.say("bounded", tables * kPage < kBytesTried / 2 ? "yes" : "no");
}

// What lies in pipes and sockets is nobody's memory: it is in no mapping.
void pipe_buffers(Report& report, const Words&) {
    static char block[65536];
    std::size_t had = 0;
    while (had < kBytesTried) {
        int ends[2];
        if (::pipe2(ends, O_NONBLOCK) != 0) break;
        (void)::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        ssize_t written = 0;
        while ((written = ::write(ends[1], block, sizeof block)) > 0)
            had += static_cast<std::size_t>(written);
    }
    report.say("bounded", had <= std::size_t{64} << 20 ? "yes" : "no");
}

void socket_buffers(Report& report, const Words&) {
    static char block[65536];
    std::size_t had = 0;
    while (had < kBytesTried) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) != 0) break;
        const int most = 1 << 30;
        (void)::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
        ssize_t written = 0;
        while ((written = ::send(ends[0], block, sizeof block, 0)) > 0)
            had += static_cast<std::size_t>(written);
    }
    report.say("bounded", had <= std::size_t{64} << 20 ? "yes" : "no");
}

void locked_memory(Report& report, const Words&) {
    std::byte* base = map(kBlock, MAP_PRIVATE);
    report.tried("mlock", ::mlock(base, kBlock));
    report.tried("mlockall", ::mlockall(MCL_CURRENT | MCL_FUTURE));
    report.tried("map_locked", map(kBlock, MAP_PRIVATE | MAP_LOCKED) == nullptr ? -1 : 0);
    report.tried("huge", map(kBlock, MAP_PRIVATE | MAP_HUGETLB) == nullptr ? -1 : 0);
}

// Page 0 would make null pointers of the kernel point to something.
void page_zero(Report& report, const Words&) {
    void* base = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    report.tried("map", base == MAP_FAILED ? -1 : 0);
}

constexpr Attempt kAttempts[] = {
    {"heap", heap},
    {"shared_memory", shared_memory},
    {"forked_memory", forked_memory},
    {"page_tables", page_tables},
    {"pipe_buffers", pipe_buffers},
    {"socket_buffers", socket_buffers},
    {"locked_memory", locked_memory},
    {"page_zero", page_zero},
};

}  // namespace

std::span<const Attempt> memory_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
