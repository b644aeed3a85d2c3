#include "tests/sandbox/seccomp/recording.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <iterator>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace skerry::seccomp::test {
namespace {

// The child's end of the socket that takes the listener away. Programs do not use such numbers.
constexpr int kPassFd = 1000;

// Everything is told, but for the one call that hands over the listener: nobody could hear of it.
long install_recorder() {
    constexpr auto number = static_cast<std::uint32_t>(offsetof(seccomp_data, nr));
    constexpr auto first = static_cast<std::uint32_t>(offsetof(seccomp_data, args[0]));
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kPassFd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    };
    const sock_fprog described{static_cast<unsigned short>(std::size(program)), program};
    // A signal must not make a call return EINTR that never does so by itself.
    const long fd = ::syscall(
        SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &described);
    if (fd >= 0) return fd;
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                     &described);
}

struct Control {
    alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int))] = {};
};

void prepare(msghdr& header, iovec& part, Control& control) {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
}

[[noreturn]] void become(const std::vector<std::string>& command, const std::map<int, int>& fds,
                         int pass_fd) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    (void)::setpgid(0, 0);
    if (::dup3(pass_fd, kPassFd, O_CLOEXEC) < 0) ::_exit(125);
    arrange_descriptors(fds);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(125);

    char byte = 0;
    iovec part{&byte, 1};
    Control control;
    msghdr header{};
    prepare(header, part, control);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const auto listener = static_cast<int>(install_recorder());
    if (listener < 0) ::_exit(124);
    std::memcpy(CMSG_DATA(rights), &listener, sizeof listener);
    if (::sendmsg(kPassFd, &header, 0) != 1) ::_exit(125);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

UniqueFd receive_listener(int socket) {
    char byte = 0;
    iovec part{&byte, 1};
    Control control;
    msghdr header{};
    prepare(header, part, control);
    if (::recvmsg(socket, &header, MSG_CMSG_CLOEXEC) != 1) return UniqueFd();
    const cmsghdr* rights = CMSG_FIRSTHDR(&header);
    if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return UniqueFd();
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return UniqueFd(fd);
}

// One call, judged and answered. Whoever made it may be gone meanwhile.
void answer(int listener, const Judge& judge) {
    seccomp_notif call{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
    seccomp_notif_resp verdict{};
    verdict.id = call.id;
    verdict.error = -judge(static_cast<pid_t>(call.pid), call.data);
    if (verdict.error == 0) verdict.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &verdict);
}

}  // namespace

void arrange_descriptors(const std::map<int, int>& fds) {
    unsigned first = 3;
    for (const auto& [number, fd] : fds) {
        if (fd != number && ::dup2(fd, number) < 0) ::_exit(125);
        if (::fcntl(number, F_SETFD, 0) != 0) ::_exit(125);
    }
    for (const auto& [number, fd] : fds) {
        const auto end = static_cast<unsigned>(number);
        if (end > first) ::syscall(SYS_close_range, first, end - 1, 0u);
        first = end + 1;
    }
    ::syscall(SYS_close_range, first, static_cast<unsigned>(kPassFd - 1), 0u);
}

Result<int> record(const std::vector<std::string>& command, const std::map<int, int>& fds,
                   unsigned seconds_max, const Judge& judge) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return errno_error("socketpair");
    const UniqueFd ours(ends[0]);
    UniqueFd its(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return errno_error("fork");
    if (pid == 0) become(command, fds, its.get());
    its.reset();
    const UniqueFd listener = receive_listener(ours.get());
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_max);
    pollfd waiting{listener.get(), POLLIN, 0};
    bool late = false;
    while (listener && (waiting.revents & POLLHUP) == 0) {
        if (::poll(&waiting, 1, 100) > 0 && (waiting.revents & POLLIN) != 0)
            answer(listener.get(), judge);
        if (!late && std::chrono::steady_clock::now() > end) {
            late = true;
            ::kill(-pid, SIGKILL);
        }
    }
    int state = 0;
    while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    if (late)
        return Error{ETIMEDOUT, command[0] + " took more than " + std::to_string(seconds_max) +
                                    " s, and was ended"};
    if (!listener) return Error{ECHILD, "the recorder could not be installed: needs Linux 5.5"};
    return state;
}

}  // namespace skerry::seccomp::test
