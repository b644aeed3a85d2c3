#include "sandbox/jail/link.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "sandbox/base/check.hpp"

namespace skerry::jail {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int) * kLinkFdsMax);

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

Result<Link> make_link() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno_error("start a worker: socketpair");
    return Link{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

int send_record(int socket, const void* record, std::size_t bytes, const std::vector<int>& fds) {
    SKERRY_CHECK(fds.size() <= kLinkFdsMax);
    iovec part{const_cast<void*>(record), bytes};
    alignas(cmsghdr) char control[kControlBytes] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
        std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
    }
    while (true) {
        if (::sendmsg(socket, &header, MSG_NOSIGNAL) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

ssize_t receive_record(int socket, void* record, std::size_t bytes, std::vector<UniqueFd>& fds) {
    fds.clear();
    iovec part{record, bytes};
    alignas(cmsghdr) char control[kControlBytes];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t got;
    do got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == ECONNRESET ? 0 : -1;
    take_fds(header, fds);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        errno = EMSGSIZE;
        return -1;
    }
    return got;
}

}  // namespace skerry::jail
