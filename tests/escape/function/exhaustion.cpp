// Using up what is counted: descriptors, inodes, the disk, the log, signals, timers, watches.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

constexpr int kMany = 20'000;

// `make` until it fails: how it failed, and whether that was at `most` or before.
template <typename Make>
void until_refused(Report& report, int most, Make&& make) {
    int made = 0;
    while (made < kMany && make(made) >= 0) ++made;
    report.tried("then", made < kMany ? -1 : 0);
    report.say("within_limit", made <= most ? "yes" : std::to_string(made));
}

void open_files(Report& report, const Words&) {
    until_refused(report, 256, [](int) { return ::open("/dev/null", O_RDONLY); });
}

// Open files that no table of descriptors counts: they are on their way between two sockets.
void files_on_their_way(Report& report, const Words&) {
    int ends[2];
    (void)::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends);
    until_refused(report, 2048, [&ends](int) {
        int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        char byte = 0;
        iovec bytes{&byte, 1};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
        msghdr header{};
        header.msg_iov = &bytes;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
        cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
        const ssize_t sent = ::sendmsg(ends[0], &header, 0);
        const int error = errno;
        ::close(fd);
        errno = error;
        return sent;
    });
}

void inodes(Report& report, const Words&) {
    until_refused(report, 4096, [](int number) {
        return ::mkdir(("/tmp/inode-" + std::to_string(number)).c_str(), 0700);
    });
    for (int number = 0; number < kMany; ++number)
        if (::rmdir(("/tmp/inode-" + std::to_string(number)).c_str()) != 0) break;
}

void disk(Report& report, const Words&) {
    static char block[1 << 20];
    const int file = ::open("/tmp/large", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    std::size_t had = 0;
    while (had < kBytesTried && ::write(file, block, sizeof block) == sizeof block)
        had += sizeof block;
    report.tried("then", had < kBytesTried ? -1 : 0);
    report.count("mib", static_cast<long>(had >> 20));
    report.tried("sparse", ::ftruncate(file, std::int64_t{1} << 40));
    ::close(file);
    (void)::unlink("/tmp/large");
}

void log_flood(Report& report, const Words&) {
    std::string line(1023, 'x');
    line += '\n';
    ::signal(SIGXFSZ, SIG_IGN);
    long written = 0;
    for (int i = 0; i < 32 * 1024; ++i)
        if (::write(2, line.data(), line.size()) > 0) ++written;
    report.say("wrote", "32 MiB");
    report.say("some", written > 0 ? "yes" : "no");
}

void pending_signals(Report& report, const Words&) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, SIGRTMIN);
    (void)::sigprocmask(SIG_BLOCK, &one, nullptr);
    until_refused(report, 128, [](int) { return ::sigqueue(::getpid(), SIGRTMIN, sigval{}); });
}

void timers(Report& report, const Words&) {
    until_refused(report, 128, [](int) {
        timer_t timer;
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGRTMIN + 1;
        return ::timer_create(CLOCK_MONOTONIC, &event, &timer);
    });
}

void core_dump(Report&, const Words&) {
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_CORE, &all);
    (void)::chdir("/tmp");
    ::signal(SIGSEGV, SIG_DFL);
    (void)::raise(SIGSEGV);
    __builtin_trap();  // process 1 of a namespace does not hear its own signals
}

constexpr Attempt kAttempts[] = {
    {"open_files", open_files}, {"files_on_their_way", files_on_their_way},
    {"inodes", inodes},         {"disk", disk},
    {"log_flood", log_flood},   {"pending_signals", pending_signals},
    {"timers", timers},         {"core_dump", core_dump},
};

}  // namespace

std::span<const Attempt> exhaustion_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
