#include "sandbox/warden/client.hpp"

#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "sandbox/jail/environment.hpp"
#include "sandbox/warden/transport.hpp"
#include "sandbox/warden/warden.hpp"

namespace skerry::warden {
namespace {

constexpr int kEndTimeoutMs = 5000;  // then the warden is killed
// Attempts, a millisecond each, to remove the groups of a warden that was killed.
constexpr int kRemoveAttempts = 1000;

template <std::size_t N>
Status put_checked(char (&field)[N], const std::string& text, const char* name) {
    if (text.empty() || text.size() >= N || text.find('\0') != std::string::npos)
        return Error{EINVAL, std::string("spawn: ") + name + " has " + std::to_string(text.size()) +
                                 " bytes, needed are 1 to " + std::to_string(N - 1) +
                                 " without a zero among them"};
    put_text(field, text);
    return ok();
}

Status put_function(Message& order, const SpawnRequest& request) {
    for (const Status& status :
         {put_checked(order.artifact_dir, request.artifact_dir, "artifact_dir"),
          put_checked(order.function, request.function, "function"),
          put_checked(order.version_hex, request.version_hex, "version_hex"),
          request.handler.empty() ? ok() : put_checked(order.handler, request.handler, "handler"),
          request.egress.empty() ? ok() : put_checked(order.egress, request.egress, "egress"),
          jail::check_environment(request.environment)})
        if (!status) return status.error();
    order.environment_bytes = static_cast<std::uint32_t>(request.environment.size());
    std::memcpy(order.environment, request.environment.data(), request.environment.size());
    return ok();
}

Status send(int socket, const Message& message, const std::vector<int>& fds) {
    const int error = send_message(socket, message, fds);
    if (error == 0) return ok();
    if (error == EPIPE || error == ECONNRESET) return Error{error, "the warden has ended"};
    return errno_error("send an order to the warden", error);
}

// The text comes from our own other end, and still is not trusted to have an end.
template <std::size_t N>
std::string get_text(const char (&field)[N]) {
    return std::string(field, ::strnlen(field, N));
}

bool ends_within(pid_t pid, int timeout_ms) {
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)));
    pollfd waiting{pidfd.get(), POLLIN, 0};
    int ready;
    do ready = ::poll(&waiting, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0 || !pidfd;
}

// An error when the operator wants them and there are none, or not all.
Result<cgroup::Groups> make_groups(cgroup::Mode mode) {
    if (mode == cgroup::Mode::off) return cgroup::Groups();
    const cgroup::Hierarchy hierarchy = cgroup::discover();
    if (mode == cgroup::Mode::required && !hierarchy.complete())
        return Error{ENOTSUP,
                     "control groups are required, and there are: " + cgroup::describe(hierarchy)};
    if (!hierarchy.complete())
        std::fprintf(stderr, "skerryd: not all limits of workers are enforced: %s\n",
                     cgroup::describe(hierarchy).c_str());
    (void)cgroup::sweep(hierarchy);
    auto groups = cgroup::Groups::create(hierarchy, cgroup::new_owner_name());
    if (groups || mode == cgroup::Mode::required) return groups;
    std::fprintf(stderr, "skerryd: workers have no limits of memory, CPU time and processes %s\n",
                 ("together: " + groups.error().text).c_str());
    return cgroup::Groups();
}

}  // namespace

Result<Client> Client::start(const Options& options) {
    if (options.artifacts_dir.empty() || options.artifacts_dir[0] != '/' ||
        (!options.runtimes_dir.empty() && options.runtimes_dir[0] != '/'))
        return Error{EINVAL, "start the warden: its folders must be absolute paths"};
    if (options.server_name.size() > jail::kNameBytesMax)
        return Error{EINVAL, "start the warden: the server's name is too long"};
    if (options.ready_jails > kReadyJailsMax)
        return Error{EINVAL, "start the warden: more than " + std::to_string(kReadyJailsMax) +
                                 " ready jails"};
    if (options.networks.size() > egress::kNetworksMax)
        return Error{EINVAL, "start the warden: more than " + std::to_string(egress::kNetworksMax) +
                                 " egress networks"};
    auto groups = make_groups(options.cgroups);
    if (!groups) return groups.error();
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno_error("start the warden: socketpair");
    UniqueFd ours(ends[0]);
    UniqueFd its(ends[1]);
    // The warden keeps 0 to 2 as they are, and none of them may be an end of this socket.
    if (ours.get() <= STDERR_FILENO || its.get() <= STDERR_FILENO)
        return Error{EBADF, "start the warden: standard input, output and error must be open"};
    // A PID namespace makes the kernel end all workers when the warden ends, even by SIGKILL.
    // The system call itself: fork() can't do that, and unshare() would change this process too.
    clone_args arguments{};
    arguments.flags = CLONE_NEWPID;
    arguments.exit_signal = SIGCHLD;
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid < 0) return errno_error("start the warden: clone (needs root)");
    if (pid == 0) run(std::move(its), options, std::move(*groups));
    return Client(std::move(ours), pid, std::move(*groups));
}

Status Client::spawn(const SpawnRequest& request) {
    Message order;
    order.kind = MessageKind::spawn;
    order.worker_id = request.worker_id;
    order.runtime = request.runtime;
    if (auto status = jail::stands_by(request.start) ? ok() : put_function(order, request); !status)
        return status;
    order.host_uid = request.host_uid;
    order.memory_mib = request.memory_mib;
    order.tmp_mib = request.tmp_mib;
    order.cpu_percent = request.cpu_percent;
    order.cpu_weight = request.cpu_weight;
    order.pids_max = request.pids_max;
    order.log_bytes_max = request.log_bytes_max;
    order.start = request.start;
    order.sent_us = jail::monotonic_us();
    std::vector<int> fds = {request.log_fd};
    if (has_channel(order)) {
        if (request.done_fds.empty() || request.done_fds.size() > channel::kMaxCores)
            return Error{EINVAL, "spawn: there must be a done eventfd for each of 1 to " +
                                     std::to_string(channel::kMaxCores) + " cores"};
        order.core_count = static_cast<std::uint32_t>(request.done_fds.size());
        fds = {request.channel_fd, request.doorbells_fd, request.wake_fd, request.ready_fd,
               request.log_fd};
        fds.insert(fds.end(), request.done_fds.begin(), request.done_fds.end());
    }
    if (order.start == Start::template_of || order.start == Start::copy)
        fds.push_back(request.snapshot_fd);
    return send(socket_.get(), order, fds);
}

Status Client::assign(const AssignRequest& request) {
    Message order;
    order.kind = MessageKind::assign;
    order.worker_id = request.worker_id;
    order.runtime = request.runtime;
    order.start = request.start;
    order.core_count = request.core_count;
    if (auto status = put_checked(order.artifact_dir, request.artifact_dir, "artifact_dir");
        !status)
        return status;
    order.memory_mib = request.memory_mib;
    order.tmp_mib = request.tmp_mib;
    order.cpu_percent = request.cpu_percent;
    order.cpu_weight = request.cpu_weight;
    order.pids_max = request.pids_max;
    order.sent_us = jail::monotonic_us();
    if (request.fds.size() > kFdsMax) return Error{EINVAL, "assign: too many descriptors"};
    return send(socket_.get(), order, request.fds);
}

Status Client::kill(std::uint64_t worker_id) {
    Message order;
    order.kind = MessageKind::kill;
    order.worker_id = worker_id;
    return send(socket_.get(), order, {});
}

Result<std::optional<Event>> Client::poll_event() {
    Message message;
    std::vector<UniqueFd> fds;
    switch (receive_message(socket_.get(), message, fds)) {
        case Received::nothing:
            return std::optional<Event>();
        case Received::closed:
            return Error{ECONNRESET, "the warden has ended"};
        case Received::malformed:
            return Error{EBADMSG, "the warden sent a message of the wrong size"};
        case Received::without_fds:  // the event's listener is not there, and that says it
        case Received::message:
            break;
    }
    const bool known =
        (message.kind >= MessageKind::spawned && message.kind <= MessageKind::exited) ||
        message.kind == MessageKind::assigned;
    if (message.version != kProtocolVersion || !known)
        return Error{EBADMSG, "the warden sent a message that makes no sense"};
    Event event{};
    event.kind = message.kind;
    event.worker_id = message.worker_id;
    event.pid = message.pid;
    event.exit_code = message.exit_code;
    event.signal = message.signal;
    event.error_code = message.error_code;
    event.text = get_text(message.text);
    event.queue_us = message.queue_us;
    event.phases = message.phases;
    event.addresses = get_text(message.addresses);
    event.out_of_memory = message.out_of_memory != 0;
    event.denied_call = get_text(message.denied_call);
    event.cpu_us = message.cpu_us;
    event.peak_memory_bytes = message.peak_memory_bytes;
    if (event.kind == MessageKind::spawned && !fds.empty()) event.listener = std::move(fds.front());
    return std::optional<Event>(std::move(event));
}

Client& Client::operator=(Client&& other) noexcept {
    if (this == &other) return *this;
    end();
    socket_ = std::move(other.socket_);
    pid_ = other.pid_;
    groups_ = std::move(other.groups_);
    return *this;
}

Client::~Client() {
    end();
}

void Client::end() {
    if (!socket_) return;  // moved from
    socket_.reset();
    if (pid_ <= 0) return;  // played by a test
    if (!ends_within(pid_, kEndTimeoutMs)) {
        ::kill(pid_, SIGKILL);
        if (!ends_within(pid_, kEndTimeoutMs)) return;  // the kernel can't end it; nor can we
    }
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    // With the warden all workers have ended, and it has removed these, unless it was killed.
    for (int i = 0; i < kRemoveAttempts && !groups_.remove_all(); ++i) ::usleep(1000);
}

}  // namespace skerry::warden
