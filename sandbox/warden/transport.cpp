#include "sandbox/warden/transport.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "sandbox/base/check.hpp"

namespace skerry::warden {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int) * kFdsMax);

void take_fds(msghdr& header, std::vector<UniqueFd>& fds) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
    }
}

}  // namespace

int send_message(int socket, const Message& message, const std::vector<int>& fds) {
    SKERRY_CHECK(fds.size() <= kFdsMax);
    SKERRY_CHECK(message.environment_bytes <= sizeof message.environment);
    iovec bytes{const_cast<Message*>(&message), wire_bytes(message)};
    alignas(cmsghdr) char control[kControlBytes] = {};
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
        cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
        std::memcpy(CMSG_DATA(part), fds.data(), sizeof(int) * fds.size());
    }
    while (true) {
        if (::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

Received receive_message(int socket, Message& message, std::vector<UniqueFd>& fds) {
    fds.clear();
    iovec bytes{&message, sizeof message};
    alignas(cmsghdr) char control[kControlBytes];
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t got;
    do got = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN ? Received::nothing : Received::closed;
    take_fds(header, fds);
    if (got == 0) return Received::closed;
    const bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    if (whole && got >= static_cast<ssize_t>(offsetof(Message, environment)) &&
        message.environment_bytes <= sizeof message.environment &&
        got == static_cast<ssize_t>(wire_bytes(message)))
        return Received::message;
    fds.clear();
    return Received::malformed;
}

}  // namespace skerry::warden
