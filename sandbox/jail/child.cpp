#include "sandbox/jail/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "sandbox/channel/layout.hpp"
#include "sandbox/jail/identity.hpp"
#include "sandbox/jail/limits.hpp"
#include "sandbox/jail/root.hpp"

namespace skerry::jail {
namespace {

// Where descriptors wait before they get their final numbers: above all of those.
constexpr int kParkingFd = 64;
static_assert(kParkingFd > channel::kFirstDoneFd + static_cast<int>(channel::kMaxCores) + 2);

// The warden ignores some signals and blocks others, and both survive exec.
void reset_signals(const Reporter& reporter) {
    for (int number = 1; number < NSIG; ++number) {
        if (number == SIGKILL || number == SIGSTOP) continue;
        // EINVAL: the two that belong to the C library, which nobody has touched.
        if (::signal(number, SIG_DFL) == SIG_ERR && errno != EINVAL)
            reporter.fail(Step::signals, errno);
    }
    sigset_t none;
    ::sigemptyset(&none);
    reporter.need(::sigprocmask(SIG_SETMASK, &none, nullptr), Step::signals);
    // Out of the process group of the terminal that skerryd may have been started from.
    reporter.need(::setsid(), Step::signals);
}

// SIGKILL when the warden ends. The kernel forgets this when the ids change, so it is done twice.
void die_with_warden(const Reporter& reporter, Step step) {
    reporter.need(::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), step);
    // It may have ended before that: then nobody reads the reports any more.
    pollfd reports{reporter.fd(), 0, 0};
    if (::poll(&reports, 1, 0) != 0) ::_exit(127);
}

int park(int fd, const Reporter& reporter) {
    const int parked = ::fcntl(fd, F_DUPFD_CLOEXEC, kParkingFd);
    reporter.need(parked, Step::descriptors);
    return parked;
}

// Exactly 0 (null), 1 and 2 (the log), 3… (the channel) and, until exec, the two pipes behind them.
void arrange_descriptors(const Plan& plan, Reporter& reporter, ChildPipes& pipes) {
    pipes.go_fd = park(pipes.go_fd, reporter);
    pipes.report_fd = park(pipes.report_fd, reporter);
    reporter.set_fd(pipes.report_fd);
    const int null_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    reporter.need(null_fd, Step::descriptors);
    std::vector<int> parked = {park(null_fd, reporter), park(plan.log_fd, reporter)};
    parked.push_back(parked.back());
    for (const int fd : plan.channel_fds) parked.push_back(park(fd, reporter));

    int next = 0;
    for (const int fd : parked) reporter.need(::dup2(fd, next++), Step::descriptors);
    for (int* pipe_fd : {&pipes.report_fd, &pipes.go_fd}) {
        reporter.need(::dup3(*pipe_fd, next, O_CLOEXEC), Step::descriptors);
        *pipe_fd = next++;
    }
    reporter.set_fd(pipes.report_fd);
    reporter.need(::syscall(SYS_close_range, static_cast<unsigned int>(next), ~0u, 0u),
                  Step::descriptors);
}

void install_seccomp(const SeccompProgram& seccomp, const Reporter& reporter) {
    reporter.need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Step::no_new_privs);
    // The kernel only reads the program; its interface is older than const.
    const sock_fprog program{static_cast<unsigned short>(seccomp.size()),
                             const_cast<sock_filter*>(seccomp.data())};
    reporter.need(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program), Step::seccomp);
}

}  // namespace

void become_worker(const Plan& plan, const SeccompProgram& seccomp, ChildPipes pipes) {
    Reporter reporter(pipes.report_fd);
    reset_signals(reporter);
    die_with_warden(reporter, Step::signals);
    arrange_descriptors(plan, reporter, pipes);
    enter_root(plan, reporter);
    constexpr char kHostName[] = "worker";
    reporter.need(::sethostname(kHostName, sizeof kHostName - 1), Step::hostname);
    enter_user_namespace(reporter, pipes.go_fd);
    drop_privileges(reporter);
    die_with_warden(reporter, Step::capabilities);
    set_limits(plan, reporter);
    install_seccomp(seccomp, reporter);

    std::string function = "SKERRY_FUNCTION=" + plan.function;
    std::string version = "SKERRY_VERSION=" + plan.version_hex;
    std::string path = "PATH=/task";
    std::string home = "HOME=/tmp";
    std::string tmp = "TMPDIR=/tmp";
    std::string locale = "LANG=C.UTF-8";
    std::array<char*, 7> environment = {function.data(), version.data(), path.data(), home.data(),
                                        tmp.data(),      locale.data(),  nullptr};
    std::string name = "bootstrap";
    std::array<char*, 2> arguments = {name.data(), nullptr};
    // From here on nothing may allocate.
    set_memory_limit(plan, reporter);
    ::execve("/task/bootstrap", arguments.data(), environment.data());
    reporter.fail(Step::execute, errno);
}

}  // namespace skerry::jail
