// The descriptors that a native worker is born with. Their open files belong to skerryd as well,
// and one of them, the page of doorbells, is of the same memory for all workers.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "sandbox/channel/layout.hpp"
#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

using namespace skerry::channel;

std::string path_of(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
}

long map_writable(int fd) {
    void* base = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) return -1;
    *static_cast<volatile char*>(base) = 1;
    return 0;
}

// The page that all workers read: nothing may make it writable.
void doorbells(Report& report, const Words&) {
    report.tried("write", ::pwrite(kDoorbellsFd, "x", 1, 0));
    report.tried("map", map_writable(kDoorbellsFd));
    void* page = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, kDoorbellsFd, 0);
    report.tried("protect", ::mprotect(page, 4096, PROT_READ | PROT_WRITE));
    const int again = ::open(path_of(kDoorbellsFd).c_str(), O_RDWR | O_CLOEXEC);
    report.tried("again", again);
    report.tried("again_write", ::pwrite(again, "x", 1, 0));
    report.tried("again_map", map_writable(again));
    report.tried("punch", ::fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    report.tried("truncate", ::ftruncate(again, 0));
    // Notes on the file that all workers have would be a way from one tenant to another.
    report.tried("attribute", ::fsetxattr(kDoorbellsFd, "user.x", "y", 1, 0));
    report.tried("touch", ::futimens(kDoorbellsFd, nullptr));
    report.tried("mode", ::fchmod(kDoorbellsFd, 0777));
}

// Notes that a worker leaves on the open file itself; the next worker looks for them.
void notes(Report& report, const Words& words) {
    const bool leave = !words.empty() && words[0] == "leave";
    if (leave) {
        (void)::lseek(kDoorbellsFd, 1234, SEEK_SET);
        (void)::fcntl(kDoorbellsFd, F_SETFL, O_NONBLOCK | O_APPEND);
        report.say("left", "yes");
        return;
    }
    report.count("offset", ::lseek(kDoorbellsFd, 0, SEEK_CUR));
    report.count("flags", ::fcntl(kDoorbellsFd, F_GETFL) & (O_NONBLOCK | O_APPEND));
}

// The size of the channel is fixed: skerryd reads it.
void channel_size(Report& report, const Words&) {
    report.tried("shrink", ::ftruncate(kChannelFd, 0));
    report.tried("grow", ::ftruncate(kChannelFd, 1 << 30));
    report.tried("allocate", ::fallocate(kChannelFd, 0, 0, 1 << 30));
    report.tried("write_behind", ::pwrite(kChannelFd, "x", 1, 1 << 30));
    report.tried("again", ::open(path_of(kChannelFd).c_str(), O_RDWR | O_CLOEXEC));
    report.tried("attribute", ::fsetxattr(kChannelFd, "user.x", "y", 1, 0));
}

// A program that is written into the channel, and executed from there, is still in the jail; yet
// nothing needs it.
void execute_channel(Report& report, const Words&) {
    char name[] = "x";
    char* arguments[] = {name, nullptr};
    char* none[] = {nullptr};
    report.tried("execute", ::fexecve(kChannelFd, arguments, none));
}

// Owners, flags and locks of files that skerryd has open too. The harness gives host pids.
void file_control(Report& report, const Words& words) {
    for (const int fd : {1, kChannelFd, kWakeFd, kReadyFd, kFirstDoneFd}) {
        for (const std::string& word : words)
            report.tried("own_" + std::to_string(fd), ::fcntl(fd, F_SETOWN, std::stoi(word)));
        (void)::fcntl(fd, F_SETOWN, ::getpid());
        (void)::fcntl(fd, F_SETFL, O_ASYNC | O_APPEND);
        (void)::flock(fd, LOCK_EX | LOCK_NB);
        struct flock all {};
        all.l_type = F_WRLCK;
        (void)::fcntl(fd, F_SETLK, &all);
    }
    report.say("tried", "all");
}

// The log is for writing: its other end, and what was written, are not the worker's.
void own_log(Report& report, const Words&) {
    char byte = 0;
    report.tried("read", ::read(1, &byte, 1));
    report.tried("read_end", ::open(path_of(1).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    report.tried("both_ends", ::open(path_of(1).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    report.tried("truncate", ::ftruncate(1, 0));
    report.tried("seek", ::lseek(1, 0, SEEK_SET));
}

constexpr Attempt kAttempts[] = {
    {"doorbells", doorbells},       {"notes", notes},
    {"channel_size", channel_size}, {"execute_channel", execute_channel},
    {"file_control", file_control}, {"own_log", own_log},
};

}  // namespace

std::span<const Attempt> descriptor_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
