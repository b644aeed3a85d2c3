#include "sandbox/runtime_api/pump.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace skerry::runtime_api {
namespace {

constexpr int kRounds = 64;

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

bool accept_one(Peer& peer, int listener_fd, bool* deaf) {
    const int fd = ::accept4(listener_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        const bool gone = errno == ECONNABORTED;
        if (deaf != nullptr) *deaf |= !would_block() && !gone;
        return gone;
    }
    if (peer.adopt(fd) < 0) ::close(fd);
    return true;
}

bool send_some(Peer& peer, std::uint32_t index) {
    iovec pieces[2];
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = peer.to_send(index, pieces);
    const ssize_t sent =
        ::sendmsg(peer.connection(index).fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && would_block()) return false;
    if (sent < 0) {
        peer.lost(index);
    } else {
        peer.sent(index, static_cast<std::size_t>(sent));
    }
    return true;
}

bool receive_some(Peer& peer, std::uint32_t index) {
    const iovec space = peer.space(index);
    const ssize_t got =
        ::recv(peer.connection(index).fd, space.iov_base, space.iov_len, MSG_DONTWAIT);
    if (got < 0 && would_block()) return false;
    if (got <= 0) {
        peer.lost(index);
    } else {
        peer.received(index, static_cast<std::size_t>(got));
    }
    return true;
}

bool move(Peer& peer, std::uint32_t index) {
    bool moved = false;
    if (peer.wants_send(index)) moved = send_some(peer, index);
    if (peer.wants_read(index)) moved = receive_some(peer, index) || moved;
    if (!peer.wants_close(index)) return moved;
    ::close(peer.connection(index).fd);
    peer.closed(index);
    return true;
}

}  // namespace

std::uint8_t pump(Peer& peer, int listener_fd, bool* deaf) {
    for (int round = 0; round < kRounds; ++round) {
        bool moved = accept_one(peer, listener_fd, deaf);
        for (std::uint32_t i = 0; i < kConnections; ++i)
            if (peer.connection(i).open()) moved = move(peer, i) || moved;
        if (const std::uint8_t news = peer.take_news(); news != 0) return news;
        if (!moved) break;
    }
    return 0;
}

void add_descriptors(const Peer& peer, int listener_fd, std::vector<pollfd>& to) {
    to.push_back({listener_fd, POLLIN, 0});
    for (std::uint32_t i = 0; i < kConnections; ++i) {
        short events = 0;
        if (peer.wants_read(i)) events |= POLLIN;
        if (peer.wants_send(i)) events |= POLLOUT;
        if (events != 0) to.push_back({peer.connection(i).fd, events, 0});
    }
}

void hang_up(Peer& peer) {
    for (std::uint32_t i = 0; i < kConnections; ++i) {
        if (!peer.connection(i).open()) continue;
        ::close(peer.connection(i).fd);
        peer.closed(i);
    }
}

}  // namespace skerry::runtime_api
