// A child process that plays the worker: it has the descriptors of layout.hpp, and no jail.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "sandbox/channel/layout.hpp"

namespace skerry::test {

// For what runs in the worker: says what is wrong, and ends it with 1.
#define WORKER_EXPECT(condition)                                                                \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            std::fprintf(stderr, "in the worker: %s (%s:%d), errno %d\n", #condition, __FILE__, \
                         __LINE__, errno);                                                      \
            ::_exit(1);                                                                         \
        }                                                                                       \
    } while (0)

class WorkerProcess {
  public:
    // `fds` become 3, 4, …; a -1 among them stays closed. `play` returns the exit code.
    template <typename Play>
    WorkerProcess(const std::vector<int>& fds, Play play) {
        pid_ = ::fork();
        if (pid_ != 0) return;
        // A test that fails must leave nobody behind.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        arrange(fds);
        ::_exit(play());
    }
    ~WorkerProcess() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        (void)wait();
    }
    WorkerProcess(const WorkerProcess&) = delete;

    pid_t pid() const { return pid_; }

    // Its exit code; -1: a signal ended it.
    int wait() {
        int state = 0;
        while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    }

  private:
    static void arrange(const std::vector<int>& fds) {
        constexpr int kParkingFd = 100;
        std::vector<int> parked;
        for (const int fd : fds)
            parked.push_back(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, kParkingFd));
        for (int fd = channel::kChannelFd; fd < kParkingFd; ++fd) ::close(fd);
        int next = channel::kChannelFd;
        for (const int fd : parked) {
            if (fd >= 0) ::dup2(fd, next);
            ++next;
        }
    }

    pid_t pid_ = -1;
};

}  // namespace skerry::test
