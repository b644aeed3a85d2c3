#include "sandbox/jail/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "sandbox/base/core_scheduling.hpp"
#include "sandbox/jail/egress.hpp"
#include "sandbox/jail/environment.hpp"
#include "sandbox/jail/identity.hpp"
#include "sandbox/jail/landlock.hpp"
#include "sandbox/jail/limits.hpp"
#include "sandbox/jail/link.hpp"
#include "sandbox/jail/network.hpp"
#include "sandbox/jail/order.hpp"
#include "sandbox/jail/root.hpp"
#include "sandbox/template/layout.hpp"

namespace skerry::jail {
namespace {

// Where descriptors wait before they get their final numbers: above all of those.
constexpr int kParkingFd = 128;
static_assert(kParkingFd > channel::kFirstDoneFd + static_cast<int>(channel::kMaxCores) + 2);
static_assert(kParkingFd > snapshot::kSnapshotFd + 1);

// Beside the snapshot, which is for the restorer; closed by exec.
constexpr int kRestorerFd = snapshot::kSnapshotFd + 1;

// The socket's number from the start until exec.
constexpr int kLinkFd = 3;

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
    pollfd reports{reporter.fd(), POLLRDHUP, 0};
    if (::poll(&reports, 1, 0) > 0 && (reports.revents & (POLLHUP | POLLRDHUP)) != 0) ::_exit(127);
}

// Before anything of a stranger's is here, and while there is one process with one thread: all that
// come after it have it. Where no core has two threads there is none to be had, and no need.
void keep_core_to_itself(const Reporter& reporter) {
    const int error = take_cookie();
    if (error != 0 && error != ENODEV) reporter.fail(Step::core_scheduling, error);
}

// When the machine has no memory left, a function ends before the server does, whatever the server
// was started with. Anybody may ask for that; where it can't be had, nothing else depends on it.
void end_before_others() {
    const UniqueFd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (file) (void)!::write(file.get(), "500", 3);
}

int park(int fd, const Reporter& reporter) {
    const int parked = ::fcntl(fd, F_DUPFD_CLOEXEC, kParkingFd);
    reporter.need(parked, Step::descriptors);
    return parked;
}

// While it waits it has nothing of the warden's but the standard ones and its socket.
void keep_only_link(Reporter& reporter) {
    const int parked = park(reporter.fd(), reporter);
    reporter.set_fd(parked);
    reporter.need(::dup3(parked, kLinkFd, O_CLOEXEC), Step::descriptors);
    reporter.set_fd(kLinkFd);
    reporter.need(::syscall(SYS_close_range, kLinkFd + 1u, ~0u, 0u), Step::descriptors);
}

struct Received {
    Order order;
    UniqueFd log;
    std::vector<UniqueFd> channel;
    UniqueFd snapshot;
    UniqueFd restorer;
    UniqueFd egress;
    std::vector<UniqueFd> mounts;
};

// Waits, perhaps for hours. The end of the warden is the end of this process.
void take_order(Received& received, const Reporter& reporter) {
    std::vector<UniqueFd> fds;
    const ssize_t got = receive_record(reporter.fd(), &received.order, sizeof received.order, fds);
    if (got == 0) ::_exit(127);
    reporter.need(got, Step::order);
    const std::size_t channel_fds = received.order.channel_fd_count;
    const std::size_t of_template = snapshot_fds(received.order.start);
    const std::size_t artifacts = stands_by(received.order.start) ? 0 : 1;
    if (got != static_cast<ssize_t>(sizeof received.order) ||
        fds.size() <
            1 + channel_fds + of_template + artifacts + (received.order.egress.used ? 1 : 0))
        reporter.fail(Step::order, EBADMSG);
    auto next = fds.begin();
    received.log = std::move(*next++);
    for (std::size_t i = 0; i < channel_fds; ++i) received.channel.push_back(std::move(*next++));
    if (of_template > 0) received.snapshot = std::move(*next++);
    if (of_template > 1) received.restorer = std::move(*next++);
    if (received.order.egress.used) received.egress = std::move(*next++);
    while (next != fds.end()) received.mounts.push_back(std::move(*next++));
}

// Programs open /dev/stderr, which is this pipe once more: theirs to write, and not to read.
void hand_over_log(const Received& received, const Reporter& reporter) {
    struct stat found;
    reporter.need(::fstat(received.log.get(), &found), Step::descriptors);
    if (!S_ISFIFO(found.st_mode)) return;
    const uid_t owner = received.order.host_uid;
    reporter.need(::fchown(received.log.get(), owner, owner), Step::descriptors);
    reporter.need(::fchmod(received.log.get(), S_IWUSR), Step::descriptors);
}

// The snapshot, or a blank's link; and until exec the restorer.
void arrange_template(const std::array<int, 2>& parked, const Reporter& reporter) {
    if (parked[0] >= 0) reporter.need(::dup2(parked[0], snapshot::kSnapshotFd), Step::descriptors);
    if (parked[1] >= 0) reporter.need(::dup3(parked[1], kRestorerFd, O_CLOEXEC), Step::descriptors);
}

// Exactly 0 (null), 1 and 2 (the log), 3… (the channel), of templates, copies and
// blanks one more, and until exec the socket behind the channel.
void arrange_descriptors(Received& received, Reporter& reporter) {
    reporter.set_fd(park(reporter.fd(), reporter));
    const int null_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    reporter.need(null_fd, Step::descriptors);
    std::vector<int> parked = {park(null_fd, reporter), park(received.log.get(), reporter)};
    parked.push_back(parked.back());
    for (const UniqueFd& fd : received.channel) parked.push_back(park(fd.get(), reporter));
    // Above all numbers that are used here, so that what is put to its place overwrites nothing.
    std::array<int, 2> of_template = {-1, -1};
    if (received.snapshot) of_template[0] = park(received.snapshot.get(), reporter);
    if (received.restorer) of_template[1] = park(received.restorer.get(), reporter);

    // Overwritten or closed below, not by their owners.
    (void)received.log.release();
    for (UniqueFd& fd : received.channel) (void)fd.release();
    for (UniqueFd& fd : received.mounts) (void)fd.release();
    (void)received.snapshot.release();
    (void)received.restorer.release();
    int next = 0;
    for (const int fd : parked) reporter.need(::dup2(fd, next++), Step::descriptors);
    reporter.need(::dup3(reporter.fd(), next, O_CLOEXEC), Step::descriptors);
    reporter.set_fd(next++);
    arrange_template(of_template, reporter);
    const auto last = static_cast<unsigned int>(snapshot::kSnapshotFd);
    const bool fresh = of_template[0] < 0;
    reporter.need(
        ::syscall(SYS_close_range, static_cast<unsigned int>(next), fresh ? ~0u : last - 1, 0u),
        Step::descriptors);
    if (fresh) return;
    const unsigned int kept = of_template[1] < 0 ? 1 : 2;
    reporter.need(::syscall(SYS_close_range, last + kept, ~0u, 0u), Step::descriptors);
}

void install_filter(const seccomp::Filter& filter, const Reporter& reporter) {
    const seccomp::Installed installed = seccomp::install(filter);
    if (installed.error != 0) reporter.fail(Step::seccomp, installed.error);
    // With it the worker could allow itself anything: it is closed here, and on exec anyway.
    if (installed.listener) reporter.filtered(installed.listener.get());
}

std::string program_of(const Order& order) {
    const runtime::Kind kind = order.kind;
    if (order.start == Start::copy || order.start == Start::blank)
        return "/proc/self/fd/" + std::to_string(kRestorerFd);
    if (runtime::needs_handler(kind)) return "/var/runtime/bootstrap";
    return kind == runtime::Kind::native ? "/task/bootstrap" : "/var/task/bootstrap";
}

[[noreturn]] void execute(const Order& order, const Reporter& reporter) {
    std::vector<std::string> variables = make_environment(order);
    if (order.start == Start::template_of)
        variables.push_back(std::string(snapshot::kSnapshotVariable) + "=" +
                            std::to_string(snapshot::kSnapshotFd));
    std::vector<char*> environment;
    environment.reserve(variables.size() + 1);
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    std::string program = program_of(order);
    std::string name = order.kind == runtime::Kind::native ? "bootstrap" : program;
    std::array<char*, 2> arguments = {name.data(), nullptr};
    // From here on nothing may allocate.
    set_memory_limit(order, reporter);
    ::execve(program.c_str(), arguments.data(), environment.data());
    reporter.fail(Step::execute, errno);
}

}  // namespace

void become_worker(const seccomp::Filters& filters, const cgroup::Groups& groups,
                   const std::string& group, bool own_cookie, int link_fd) {
    Reporter reporter(link_fd);
    reset_signals(reporter);
    die_with_warden(reporter, Step::signals);
    keep_only_link(reporter);
    end_before_others();
    if (own_cookie) keep_core_to_itself(reporter);
    // By itself: whoever joins may be made to wait, and the warden has no time.
    if (const int error = groups.join(group); error != 0) reporter.fail(Step::cgroup, error);
    reporter.need(::unshare(CLONE_NEWCGROUP), Step::cgroup);
    raise_loopback(reporter);
    const bool no_fast_open = forbid_fast_open();
    UniqueFd listener = make_listener(reporter);
    const int root_fd = enter_root(reporter);
    constexpr char kHostName[] = "worker";
    reporter.need(::sethostname(kHostName, sizeof kHostName - 1), Step::hostname);
    reporter.prepared(listener.get());
    listener.reset();

    Received received;
    take_order(received, reporter);
    connect_egress(received.order, std::move(received.egress), reporter);
    furnish_root(root_fd, received.order, received.mounts, reporter);
    hand_over_log(received, reporter);
    arrange_descriptors(received, reporter);
    enter_user_namespace(reporter);
    drop_privileges(reporter);
    die_with_warden(reporter, Step::capabilities);
    set_limits(received.order, reporter);
    reporter.need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Step::no_new_privs);
    const egress::Wiring& wiring = received.order.egress;
    if (wiring.tcp_port_count != 0 && !no_fast_open)
        reporter.fail(Step::egress_settings, EOPNOTSUPP);
    enter_landlock(std::span(wiring.tcp_ports).first(wiring.tcp_port_count), reporter);
    install_filter(filters.of(received.order.kind, received.order.egress.used), reporter);
    execute(received.order, reporter);
}

}  // namespace skerry::jail
