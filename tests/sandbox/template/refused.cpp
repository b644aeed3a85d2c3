// States of a process that can't be copied.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>

namespace {

void* map(std::size_t bytes, int flags, int fd = -1, void* at = nullptr) {
    void* memory = ::mmap(at, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        std::perror("mmap");
        ::_exit(2);
    }
    return memory;
}

}  // namespace

// Puts this process into the state, or ends it with 2.
void refused(const std::string& what) {
    constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;
    if (what == "threads") {
        std::thread([] { ::pause(); }).detach();
    } else if (what == "descriptors") {
        (void)::open("/dev/null", O_RDONLY);
    } else if (what == "children") {
        if (::fork() == 0) {
            // Not for ever, and not with the test's pipe: its parent ends without it.
            ::close(1);
            ::close(2);
            ::alarm(10);
            for (;;) ::pause();
        }
    } else if (what == "zombie") {
        if (::fork() == 0) ::_exit(0);
        ::usleep(50000);
    } else if (what == "alarm") {
        ::alarm(1000);
    } else if (what == "timer") {
        sigevent event{};
        event.sigev_notify = SIGEV_NONE;
        timer_t timer;
        const itimerspec later{{0, 0}, {1000, 0}};
        if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
            ::timer_settime(timer, 0, &later, nullptr) != 0)
            ::_exit(2);
    } else if (what == "shared_memory") {
        map(4096, MAP_SHARED | MAP_ANONYMOUS);
    } else if (what == "locked_memory") {
        if (::mlock(map(4096, kPrivate), 4096) != 0) ::_exit(2);
    } else if (what == "low_memory") {
        map(4096, kPrivate | MAP_FIXED_NOREPLACE, -1, reinterpret_cast<void*>(0x300000));
    } else if (what == "too_large") {
        const rlimit limit{8 << 20, 8 << 20};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        std::memset(map(16 << 20, kPrivate), 1, 16 << 20);
    } else if (what == "too_many_areas") {
        auto* memory = static_cast<char*>(map(std::size_t{4096} * 40000, kPrivate));
        for (int i = 0; i < 20000; ++i) ::mprotect(memory + std::size_t{8192} * i, 4096, PROT_READ);
    } else if (what == "memfd") {
        ::ftruncate(100, 1) == 0 ? void() : ::_exit(2);
    } else if (what == "no memfd") {
        ::close(100);
    } else {
        std::fprintf(stderr, "no such scenario: %s\n", what.c_str());
        ::_exit(2);
    }
}
