#include "sandbox/warden/warden.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>
#include <map>

#include "sandbox/jail/jail.hpp"
#include "sandbox/seccomp/listeners.hpp"
#include "sandbox/template/restorer_file.hpp"
#include "sandbox/warden/networks.hpp"
#include "sandbox/warden/nursery.hpp"
#include "sandbox/warden/orders.hpp"
#include "sandbox/warden/transport.hpp"

namespace skerry::warden {
namespace {

constexpr int kSocketFd = 3;
constexpr rlim_t kDescriptorsMax = 4 * kWorkersMax;
// Nothing is prepared for later before it has been quiet for so long.
constexpr int kQuietMs = 1;
// What this process gets when skerryd's thread that forked it has ended. Nothing else sends it.
const int kParentDied = SIGRTMIN;

[[noreturn]] void give_up(const char* doing) {
    std::fprintf(stderr, "skerry warden: %s: %s\n", doing, std::strerror(errno));
    ::_exit(1);
}

[[noreturn]] void give_up(const Error& error) {
    std::fprintf(stderr, "skerry warden: %s\n", error.text.c_str());
    ::_exit(1);
}

// One order is read only when the answers to all before are sent: so there is at most one answer
// and one `exited` per worker waiting in outbox_, and a skerryd that does not listen makes the
// warden wait without filling its memory.
class Warden {
  public:
    Warden(int socket, int signals, Fence fence, jail::Home home, Nursery nursery,
           seccomp::Listeners listeners, Networks networks)
        : socket_(socket),
          signals_(signals),
          fence_(std::move(fence)),
          home_(std::move(home)),
          nursery_(std::move(nursery)),
          listeners_(std::move(listeners)),
          networks_(std::move(networks)) {}
    void serve();

  private:
    void flush();
    void obey();
    void take_signals();
    void reap();
    void end_denied();
    [[noreturn]] void finish();
    void spawn(const Message& order, const std::vector<UniqueFd>& fds);
    Status try_spawn(const Message& order, const std::vector<UniqueFd>& fds);
    void assign(const Message& order, const std::vector<UniqueFd>& fds);
    Status try_assign(const Message& order, const std::vector<UniqueFd>& fds, Message& answer);
    void kill(std::uint64_t worker_id);
    void refuse(std::uint64_t worker_id, const Error& error);

    struct Worker {
        pid_t pid;
        std::string group;
        Networks::Place place = {};
        // While it stands by, and has not been assigned anything: as what, and what it has.
        jail::Start start = jail::Start::fresh;
        runtime::Kind kind = runtime::Kind::native;
        cgroup::Limits limits = {};
        std::uint32_t tmp_mib = 0;
        UniqueFd link = {};
    };
    struct Answer {
        Message message;
        UniqueFd fd = {};  // goes along
    };

    int socket_;
    int signals_;
    Fence fence_;
    jail::Home home_;
    Nursery nursery_;
    seccomp::Listeners listeners_;
    Networks networks_;
    std::map<std::uint64_t, Worker> workers_;  // ≤ kWorkersMax; not yet reaped
    std::deque<Answer> outbox_;
};

void Warden::serve() {
    while (true) {
        pollfd waiting[3] = {{socket_, static_cast<short>(outbox_.empty() ? POLLIN : POLLOUT), 0},
                             {signals_, POLLIN, 0},
                             {listeners_.fd(), POLLIN, 0}};
        const int ready = ::poll(waiting, 3, nursery_.is_content() ? -1 : kQuietMs);
        if (ready < 0 && errno != EINTR) give_up("poll");
        if (ready == 0) nursery_.tend();
        if (ready <= 0) continue;
        // Before reaping: the names of calls go with the ends of their workers.
        if (waiting[2].revents != 0) end_denied();
        if (waiting[1].revents != 0) take_signals();
        if (waiting[0].revents == 0) continue;
        if (outbox_.empty()) obey();
        flush();
    }
}

// Skerryd has gone, or wants us to go. Nothing of ours is left when this process is.
void Warden::finish() {
    // To everything in this PID namespace but its first process, which is this one.
    ::kill(-1, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    nursery_.remove_groups();
    ::_exit(0);
}

void Warden::flush() {
    while (!outbox_.empty()) {
        const Answer& next = outbox_.front();
        const int error = send_message(
            socket_, next.message, next.fd ? std::vector<int>{next.fd.get()} : std::vector<int>{});
        if (error == EAGAIN) return;
        if (error != 0) finish();
        outbox_.pop_front();
    }
}

void Warden::obey() {
    Message order;
    std::vector<UniqueFd> fds;
    switch (receive_message(socket_, order, fds)) {
        case Received::nothing:
            return;
        case Received::closed:
            finish();
        case Received::malformed:
            return refuse(0, Error{EBADMSG, "an order of the wrong size"});
        case Received::without_fds:
            return refuse(order.worker_id,
                          Error{EMFILE, "start a worker: the warden has too many files open"});
        case Received::message:
            break;
    }
    if (order.version != kProtocolVersion)
        return refuse(order.worker_id, Error{EPROTO, "an order of another protocol version"});
    if (order.kind == MessageKind::spawn) return spawn(order, fds);
    if (order.kind == MessageKind::kill && fds.empty()) return kill(order.worker_id);
    if (order.kind == MessageKind::assign) return assign(order, fds);
    refuse(order.worker_id, Error{EINVAL, "an order that makes no sense"});
}

void Warden::spawn(const Message& order, const std::vector<UniqueFd>& fds) {
    if (auto status = try_spawn(order, fds); !status) refuse(order.worker_id, status.error());
}

Status Warden::try_spawn(const Message& order, const std::vector<UniqueFd>& fds) {
    const std::uint64_t taken_us = jail::monotonic_us();
    auto plan = plan_of(order, fds, fence_);
    if (!plan) return plan.error();
    if (workers_.count(order.worker_id) != 0)
        return Error{EEXIST, "spawn: a worker of this id is alive"};
    if (workers_.size() >= kWorkersMax)
        return Error{EAGAIN, "spawn: there are " + std::to_string(kWorkersMax) +
                                 " workers already, which is the limit"};
    const auto network = network_of(order, fence_);
    if (!network) return network.error();
    Worker worker{};
    auto started = networks_.start(*plan, *network, worker.place,
                                   [&] { return nursery_.start(*plan, taken_us, worker.group); });
    if (!started) return started.error();
    worker.pid = started->pid;
    worker.start = plan->start;
    worker.kind = plan->kind;
    worker.limits = started->limits;
    worker.tmp_mib = plan->tmp_mib;
    worker.link = std::move(started->link);
    Message answer;
    put_text(answer.text, worker.group);
    workers_[order.worker_id] = std::move(worker);
    // Unwatched, it would wait at a denied call for ever.
    if (started->denials)
        if (auto status = listeners_.add(order.worker_id, std::move(started->denials)); !status)
            kill(order.worker_id);
    answer.kind = MessageKind::spawned;
    answer.worker_id = order.worker_id;
    answer.pid = started->host_pid;
    answer.queue_us = static_cast<std::uint32_t>(taken_us - std::min(taken_us, order.sent_us));
    answer.phases = started->phases;
    if (plan->egress.used) put_text(answer.addresses, egress::addresses_of(plan->egress));
    outbox_.push_back({answer, std::move(started->listener)});
    return ok();
}

// Of a worker that was refused something its end is the answer to all further questions.
void Warden::assign(const Message& order, const std::vector<UniqueFd>& fds) {
    Message answer;
    answer.kind = MessageKind::assigned;
    answer.worker_id = order.worker_id;
    if (auto status = try_assign(order, fds, answer); !status) {
        answer.error_code = status.error().code;
        put_text(answer.text, status.error().text);
        kill(order.worker_id);
    }
    outbox_.push_back({answer});
}

Status Warden::try_assign(const Message& order, const std::vector<UniqueFd>& fds, Message& answer) {
    const std::uint64_t taken_us = jail::monotonic_us();
    auto assignment = assignment_of(order, fds, fence_);
    if (!assignment) return assignment.error();
    const auto found = workers_.find(order.worker_id);
    if (found == workers_.end()) return Error{ESRCH, "assign: the worker has ended"};
    Worker& worker = found->second;
    if (!jail::stands_by(worker.start)) return Error{EBUSY, "assign: the worker does not stand by"};
    const bool blank = worker.start == jail::Start::blank;
    worker.start = assignment->start;  // once
    if (worker.kind != assignment->kind || blank != (assignment->start == jail::Start::copy))
        return Error{EINVAL, "assign: the worker stands by for something else"};
    if (auto status = jail::assign(*assignment,
                                   {.pid = worker.pid,
                                    .group = worker.group,
                                    .limits = worker.limits,
                                    .tmp_mib = worker.tmp_mib,
                                    .link = std::move(worker.link)},
                                   nursery_.groups(), home_);
        !status)
        return status;
    answer.queue_us = static_cast<std::uint32_t>(taken_us - std::min(taken_us, order.sent_us));
    answer.phases.mounts_us = static_cast<std::uint32_t>(jail::monotonic_us() - taken_us);
    return ok();
}

// A worker that is gone already is no mistake: its `exited` and this order have crossed.
void Warden::kill(std::uint64_t worker_id) {
    const auto found = workers_.find(worker_id);
    if (found != workers_.end()) ::kill(found->second.pid, SIGKILL);
}

// Workers that made a call which they may not make: they are stopped at it, and never go on.
void Warden::end_denied() {
    for (const std::uint64_t worker_id : listeners_.take()) kill(worker_id);
}

void Warden::refuse(std::uint64_t worker_id, const Error& error) {
    Message answer;
    answer.kind = MessageKind::failed;
    answer.worker_id = worker_id;
    answer.error_code = error.code;
    put_text(answer.text, error.text);
    outbox_.push_back({answer});
}

void Warden::take_signals() {
    signalfd_siginfo taken;
    bool end = false;
    while (::read(signals_, &taken, sizeof taken) > 0)
        end |= static_cast<int>(taken.ssi_signo) == kParentDied;
    if (end) finish();
    reap();
}

void Warden::reap() {
    std::vector<std::string> groups;
    int state = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &state, WNOHANG)) > 0) {
        auto worker = workers_.begin();
        while (worker != workers_.end() && worker->second.pid != pid) ++worker;
        if (worker == workers_.end()) {
            nursery_.was_reaped(pid);
            continue;
        }
        Message message;
        message.kind = MessageKind::exited;
        message.worker_id = worker->first;
        message.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
        message.signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
        put_text(message.denied_call, listeners_.remove(worker->first));
        const cgroup::Usage usage = nursery_.groups().usage(worker->second.group);
        message.out_of_memory = message.signal == SIGKILL && usage.out_of_memory ? 1 : 0;
        message.cpu_us = usage.cpu_us;
        message.peak_memory_bytes = usage.peak_memory_bytes;
        outbox_.push_back({message});
        networks_.leave(worker->second.place);
        groups.push_back(std::move(worker->second.group));
        workers_.erase(worker);
    }
    flush();
    // After skerryd has been told: it waits for the news, not for this.
    for (std::string& group : groups) nursery_.discard(std::move(group));
}

// Signals that reach a whole process group, or that a terminal sends, are for skerryd to decide on.
void arrange_signals() {
    for (int number = 1; number < NSIG; ++number)
        if (number != SIGKILL && number != SIGSTOP) ::signal(number, SIG_DFL);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU,
                             SIGUSR1, SIGUSR2, SIGALRM})
        ::signal(number, SIG_IGN);
}

int make_signalfd() {
    sigset_t awaited;
    ::sigemptyset(&awaited);
    ::sigaddset(&awaited, SIGCHLD);
    ::sigaddset(&awaited, kParentDied);
    if (::sigprocmask(SIG_SETMASK, &awaited, nullptr) != 0) give_up("block SIGCHLD");
    const int fd = ::signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) give_up("signalfd");
    return fd;
}

// A descriptor for each worker's filter, and some more: the usual soft limit would be too few.
void raise_descriptor_limit() {
    rlimit limit;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("RLIMIT_NOFILE");
    limit.rlim_cur = std::max(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, kDescriptorsMax));
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("RLIMIT_NOFILE");
}

// Keeps standard output and error (they are skerryd's), and nothing else it was forked with.
void arrange_descriptors(UniqueFd socket) {
    const int null_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0) give_up("open /dev/null");
    const int parked = ::fcntl(socket.get(), F_DUPFD_CLOEXEC, kSocketFd + 1);
    if (parked < 0 || ::dup2(null_fd, STDIN_FILENO) < 0) give_up("arrange descriptors");
    if (::dup3(parked, kSocketFd, O_CLOEXEC) < 0) give_up("arrange descriptors");
    (void)socket.release();  // closed below, or overwritten above
    if (::syscall(SYS_close_range, kSocketFd + 1u, ~0u, 0u) != 0) give_up("close_range");
}

}  // namespace

void run(UniqueFd socket, const Options& options, cgroup::Groups groups) {
    // Not SIGKILL: who ends at once can't remove what the kernel keeps (control groups). If skerryd
    // has ended before this, reading the socket says so.
    if (::prctl(PR_SET_PDEATHSIG, kParentDied, 0, 0, 0) != 0) give_up("PR_SET_PDEATHSIG");
    (void)::prctl(PR_SET_NAME, "skerry-warden", 0, 0, 0);
    arrange_signals();
    raise_descriptor_limit();
    arrange_descriptors(std::move(socket));
    if (::chdir("/") != 0) give_up("chdir /");
    ::umask(0077);
    const int signals = make_signalfd();
    auto filters = seccomp::Filters::make();
    if (!filters) give_up(filters.error());
    auto listeners = seccomp::Listeners::make();
    if (!listeners) give_up(listeners.error());
    auto own_filter = seccomp::make_warden_program();
    if (!own_filter) give_up(own_filter.error());
    Networks networks(options.networks);
    auto home = jail::Home::make();
    if (!home) give_up(home.error());
    const UniqueFd restorer = snapshot::open_restorer();
    if (!restorer) give_up("make the restorer's file");
    // From here on it can do what its orders take, and little else.
    if (const int error = seccomp::install(*own_filter); error != 0)
        give_up(errno_error("install its filter of system calls", error));
    Nursery nursery(std::move(groups), std::move(*filters), options.ready_jails,
                    options.core_scheduling);
    Warden(kSocketFd, signals,
           {options.artifacts_dir, options.runtimes_dir, options.server_name, restorer.get(),
            options.networks},
           std::move(*home), std::move(nursery), std::move(*listeners), std::move(networks))
        .serve();
    ::_exit(1);
}

}  // namespace skerry::warden
