// Records with descriptors over a SEQPACKET socket (unix(7), SCM_RIGHTS): each comes whole, and the
// end of the socket is seen. Any thread.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "sandbox/base/check.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry {

inline constexpr std::size_t kRecordFdsMax = 64;
inline constexpr std::size_t kRecordControlBytes = CMSG_SPACE(sizeof(int) * kRecordFdsMax);

// 0, or errno: EAGAIN (with MSG_DONTWAIT), EPIPE (the other end is gone), …
inline int send_record(int socket, const void* record, std::size_t bytes,
                       const std::vector<int>& fds, int flags = 0) {
    SKERRY_CHECK(fds.size() <= kRecordFdsMax);
    iovec part{const_cast<void*>(record), bytes};
    alignas(cmsghdr) char control[kRecordControlBytes] = {};
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
        if (::sendmsg(socket, &header, flags | MSG_NOSIGNAL) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

struct ReceivedRecord {
    // Of the record; 0: the other end is closed. What did not fit is not counted.
    std::size_t bytes = 0;
    // 0, or why it is not whole: EMSGSIZE (it is longer, or brought more than kRecordFdsMax),
    // EMFILE (its descriptors, or some, were lost: this process has no room for them); or recvmsg's
    // errno.
    int error = 0;
};

// Every descriptor that came is in `fds`, close-on-exec.
inline ReceivedRecord take_record(int socket, void* record, std::size_t bytes,
                                  std::vector<UniqueFd>& fds, int flags = 0) {
    fds.clear();
    iovec part{record, bytes};
    alignas(cmsghdr) char control[kRecordControlBytes];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t got;
    do got = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return {0, errno == ECONNRESET ? 0 : errno};
    for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
         each = CMSG_NXTHDR(&header, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
    }
    ReceivedRecord received{static_cast<std::size_t>(got), 0};
    if ((header.msg_flags & MSG_CTRUNC) != 0)
        received.error = fds.size() == kRecordFdsMax ? EMSGSIZE : EMFILE;
    if ((header.msg_flags & MSG_TRUNC) != 0) received.error = EMSGSIZE;
    return received;
}

}  // namespace skerry
