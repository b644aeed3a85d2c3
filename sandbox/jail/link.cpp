#include "sandbox/jail/link.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace skerry::jail {

Result<Link> make_link() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return errno_error("start a worker: socketpair");
    return Link{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

ssize_t receive_record(int socket, void* record, std::size_t bytes, std::vector<UniqueFd>& fds) {
    const ReceivedRecord got = take_record(socket, record, bytes, fds);
    if (got.error == 0) return static_cast<ssize_t>(got.bytes);
    errno = got.error;
    return -1;
}

}  // namespace skerry::jail
