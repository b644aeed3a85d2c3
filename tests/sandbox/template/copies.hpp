// Templates and their copies as plain processes: the descriptors of a jail, and no jail.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "sandbox/base/unique_fd.hpp"
#include "sandbox/template/layout.hpp"

namespace skerry::test {

struct Outcome {
    int code = -1;  // -1: a signal ended it, `signal`
    int signal = 0;
    std::string output;  // of descriptors 1 and 2
};

// Whether processes get a PID namespace of their own, as in a jail: they are number 1 then. Needs
// root.
// `unprivileged` besides: an ordinary user in an empty user namespace, and a /proc of its own
// processes alone, as a jail has.
enum class Pids { ours, own, unprivileged };

class Running {
  public:
    // descriptors: 0 null, 1 and 2 a pipe, kSnapshotFd (unless -1), and `more` as 3, 4, …
    Running(const std::vector<std::string>& command, int memfd,
            const std::vector<std::string>& environment = {}, const std::vector<int>& more = {},
            rlim_t cpu_seconds = RLIM_INFINITY, Pids pids = Pids::ours) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
        output_.reset(ends[0]);
        pid_ = ::fork();
        if (pid_ == 0) {
            const rlimit no_core{0, 0}, cpu{cpu_seconds, cpu_seconds};
            ::setrlimit(RLIMIT_CORE, &no_core);
            ::setrlimit(RLIMIT_CPU, &cpu);
            if (pids != Pids::ours) become_number_one();
            if (pids == Pids::unprivileged) lose_privileges();
        }
        if (pid_ == 0) become(command, memfd, environment, more, ends[1]);
        ::close(ends[1]);
    }
    ~Running() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Running(const Running&) = delete;

    pid_t pid() const { return pid_; }

    // Of its output; without the newline.
    std::string read_line() const {
        std::string line;
        for (char byte; ::read(output_.get(), &byte, 1) == 1 && byte != '\n';) line += byte;
        return line;
    }

    Outcome wait() {
        Outcome outcome;
        char bytes[4096];
        for (ssize_t got; (got = ::read(output_.get(), bytes, sizeof bytes)) != 0;)
            if (got > 0)
                outcome.output.append(bytes, static_cast<std::size_t>(got));
            else if (errno != EINTR)
                break;
        int state = 0;
        while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        if (WIFEXITED(state)) outcome.code = WEXITSTATUS(state);
        if (WIFSIGNALED(state)) outcome.signal = WTERMSIG(state);
        return outcome;
    }

  private:
    // Returns in a grandchild; this process passes its end on.
    static void become_number_one() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) ::_exit(126);
        const pid_t child = ::fork();
        if (child == 0) return;
        int state = 0;
        while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
        }
        ::_exit(WIFEXITED(state) ? WEXITSTATUS(state) : 124);
    }
    static void lose_privileges() {
        constexpr uid_t kNobody = 65534;
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("proc", "/proc", "proc", 0, "subset=pid,hidepid=invisible") != 0 ||
            ::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
            ::setresuid(kNobody, kNobody, kNobody) != 0 || ::unshare(CLONE_NEWUSER) != 0 ||
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
            ::_exit(126);
    }
    [[noreturn]] static void become(const std::vector<std::string>& command, int memfd,
                                    const std::vector<std::string>& environment,
                                    const std::vector<int>& more, int log) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        constexpr int kParkingFd = 200;
        const int null_fd = ::open("/dev/null", O_RDONLY);
        std::vector<int> parked;
        for (const int fd : {null_fd, log, log}) parked.push_back(::fcntl(fd, F_DUPFD, kParkingFd));
        for (const int fd : more) parked.push_back(::fcntl(fd, F_DUPFD, kParkingFd));
        const int snapshot = memfd < 0 ? -1 : ::fcntl(memfd, F_DUPFD, kParkingFd);
        int next = 0;
        for (const int fd : parked) ::dup2(fd, next++);
        ::syscall(SYS_close_range, static_cast<unsigned>(next), kParkingFd - 1u, 0u);
        if (snapshot >= 0) ::dup2(snapshot, snapshot::kSnapshotFd);
        ::syscall(SYS_close_range, static_cast<unsigned>(kParkingFd), ~0u, 0u);
        for (const std::string& variable : environment) ::putenv(::strdup(variable.c_str()));
        std::vector<char*> arguments;
        for (const std::string& word : command) arguments.push_back(::strdup(word.c_str()));
        arguments.push_back(nullptr);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }

    UniqueFd output_;
    pid_t pid_ = -1;
};

inline UniqueFd empty_snapshot() {
    return UniqueFd(::memfd_create("skerry-snapshot", MFD_ALLOW_SEALING | MFD_CLOEXEC));
}

// As skerryd does when the template has ended.
inline bool seal(int memfd) {
    return ::fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ==
           0;
}

inline std::string subject() {
    return std::getenv("SKERRY_TEST_SUBJECT");
}
inline std::string restorer() {
    return std::getenv("SKERRY_TEST_RESTORER");
}

// A template and its snapshot.
class Template {
  public:
    explicit Template(const std::vector<std::string>& command,
                      const std::vector<std::string>& environment = {},
                      const std::vector<int>& more = {}, Pids pids = Pids::ours)
        : pids_(pids), memfd_(empty_snapshot()) {
        std::vector<std::string> variables = environment;
        variables.push_back(std::string(snapshot::kSnapshotVariable) + "=" +
                            std::to_string(snapshot::kSnapshotFd));
        Running process(command, memfd_.get(), variables, more, RLIM_INFINITY, pids_);
        outcome_ = process.wait();
        sealed_ = seal(memfd_.get());
    }
    const Outcome& outcome() const { return outcome_; }
    bool good() const { return outcome_.code == 0 && sealed_; }
    int memfd() const { return memfd_.get(); }

    Outcome copy(const std::vector<int>& more = {}, const std::string& program = restorer()) const {
        return Running({program}, memfd_.get(), {}, more, RLIM_INFINITY, pids_).wait();
    }

  private:
    Pids pids_;
    UniqueFd memfd_;
    Outcome outcome_;
    bool sealed_ = false;
};

}  // namespace skerry::test
