// What a process may not have to be copied.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "sandbox/template/process.hpp"
#include "sandbox/template/raw.hpp"
#include "sandbox/template/snapshot.h"

namespace skerry::snapshot {
namespace {

constexpr int kSealWrite = 0x0008;  // F_SEAL_WRITE and F_SEAL_GROW, of headers that hide them
constexpr int kSealGrow = 0x0004;
constexpr int kGetSeals = 1034;

// getdents64's record.
struct Entry {
    uint64_t inode;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[1];
};

// Calls `visit` with each name but "." and "..", until it returns false. False: can't be read, or
// stopped.
template <typename Visit>
bool for_each_name(int fd, Visit visit) {
    alignas(Entry) char buffer[2048];
    for (;;) {
        const long got = raw_call(SYS_getdents64, number_of(fd), number_of(buffer), sizeof buffer);
        if (got <= 0) return got == 0;
        for (long at = 0; at < got;) {
            const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
            at += entry->bytes;
            if (entry->name[0] != '.' && !visit(entry->name)) return false;
        }
    }
}

int number_in(const char* text) {
    int number = 0;
    for (; *text >= '0' && *text <= '9' && number < 100000000; ++text)
        number = number * 10 + (*text - '0');
    return number;
}

int refuse_threads() {
    const ProcFile folder("/proc/self/task");
    int threads = 0;
    if (!for_each_name(folder.fd(), [&](const char*) { return ++threads < 100; }) || threads == 0)
        return threads > 1 ? SKERRY_SNAPSHOT_threads : SKERRY_SNAPSHOT_proc;
    return threads == 1 ? 0 : SKERRY_SNAPSHOT_threads;
}

int refuse_descriptors(int memfd) {
    const ProcFile folder("/proc/self/fd");
    bool other = false;
    const bool all = for_each_name(folder.fd(), [&](const char* name) {
        const int fd = number_in(name);
        other = fd > 2 && fd != memfd && fd != folder.fd();
        return !other;
    });
    if (other) return SKERRY_SNAPSHOT_descriptors;
    return all ? 0 : SKERRY_SNAPSHOT_proc;
}

int refuse_children() {
    siginfo_t child;
    const long result =
        raw_call(SYS_waitid, P_ALL, 0, number_of(&child), WEXITED | WNOHANG | WNOWAIT | __WALL, 0);
    return result == -ECHILD ? 0 : SKERRY_SNAPSHOT_children;
}

int refuse_timers() {
    for (int which = ITIMER_REAL; which <= ITIMER_PROF; ++which) {
        itimerval now;
        if (failed(raw_call(SYS_getitimer, number_of(which), number_of(&now)))) continue;
        if (now.it_value.tv_sec != 0 || now.it_value.tv_usec != 0) return SKERRY_SNAPSHOT_timers;
    }
    // Those of timer_create. Not there: the kernel was built without what we need anyway.
    const ProcFile timers("/proc/self/timers");
    char some[16];
    return timers.read(some, sizeof some) > 0 ? SKERRY_SNAPSHOT_timers : 0;
}

int refuse_memfd(int memfd) {
    struct stat found;
    const long flags = raw_call(SYS_fcntl, number_of(memfd), F_GETFL);
    if (failed(flags) || (flags & O_ACCMODE) != O_RDWR || memfd <= 2 ||
        failed(raw_call(SYS_fstat, number_of(memfd), number_of(&found))) ||
        !S_ISREG(found.st_mode) || found.st_size != 0)
        return SKERRY_SNAPSHOT_memfd;
    const long seals = raw_call(SYS_fcntl, number_of(memfd), kGetSeals);
    return !failed(seals) && (seals & (kSealWrite | kSealGrow)) != 0 ? SKERRY_SNAPSHOT_memfd : 0;
}

}  // namespace

int refuse_process(int memfd) {
    if (const int reason = refuse_memfd(memfd); reason != 0) return reason;
    if (const int reason = refuse_threads(); reason != 0) return reason;
    if (const int reason = refuse_descriptors(memfd); reason != 0) return reason;
    if (const int reason = refuse_children(); reason != 0) return reason;
    return refuse_timers();
}

}  // namespace skerry::snapshot
