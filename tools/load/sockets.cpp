#include "tools/load/sockets.hpp"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>

#include "tools/load/options.hpp"

namespace skerry::load {
namespace {

constexpr int kBufferBytes = 8 << 20;
constexpr std::size_t kDatagramBytes = 9216;  // what a server sends fits its MTU

void set_buffer(int fd, int forced, int ordinary) {
    if (setsockopt(fd, SOL_SOCKET, forced, &kBufferBytes, sizeof kBufferBytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, ordinary, &kBufferBytes, sizeof kBufferBytes);
}

}  // namespace

Result<std::unique_ptr<Transport>> Sockets::open(const client::Endpoint& server,
                                                 std::uint32_t count) {
    std::unique_ptr<Sockets> made(new Sockets);
    made->memory_.resize(kBatch * kDatagramBytes);
    for (std::uint32_t i = 0; i < count; ++i) {
        UniqueFd fd(
            ::socket(server.address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!fd) return errno_error("socket");
        set_buffer(fd.get(), SO_RCVBUFFORCE, SO_RCVBUF);
        set_buffer(fd.get(), SO_SNDBUFFORCE, SO_SNDBUF);
        // Servers take no fragments: what does not fit must be an error here, not a silence.
        const int no_fragments = IP_PMTUDISC_DO;
        const bool v4 = server.address.ss_family == AF_INET;
        (void)setsockopt(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6,
                         v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &no_fragments, sizeof(int));
        if (::connect(fd.get(), server.get(), server.bytes) != 0)
            return errno_error("connect to " + server.to_string());
        made->fds_.push_back(std::move(fd));
    }
    return std::unique_ptr<Transport>(std::move(made));
}

int Sockets::send(std::size_t socket, std::span<const std::span<std::byte>> datagrams) {
    mmsghdr messages[kBatch] = {};
    iovec parts[kBatch];
    const std::size_t count = std::min(datagrams.size(), kBatch);
    for (std::size_t i = 0; i < count; ++i) {
        parts[i] = {datagrams[i].data(), datagrams[i].size()};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    return ::sendmmsg(fds_[socket].get(), messages, static_cast<unsigned>(count), MSG_NOSIGNAL);
}

std::size_t Sockets::receive(std::size_t socket, std::span<const std::byte> (&datagrams)[kBatch],
                             std::uint64_t& refused) {
    mmsghdr messages[kBatch] = {};
    iovec parts[kBatch];
    for (std::size_t i = 0; i < kBatch; ++i) {
        parts[i] = {&memory_[i * kDatagramBytes], kDatagramBytes};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = ::recvmmsg(fds_[socket].get(), messages, kBatch, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        refused += errno == ECONNREFUSED;
        return 0;
    }
    for (int i = 0; i < count; ++i)
        datagrams[i] = {&memory_[static_cast<std::size_t>(i) * kDatagramBytes],
                        messages[i].msg_len};
    return static_cast<std::size_t>(count);
}

void Sockets::wait(std::uint64_t nanoseconds) {
    pollfd waiting[kMostSockets];
    for (std::size_t i = 0; i < fds_.size(); ++i) waiting[i] = {fds_[i].get(), POLLIN, 0};
    const timespec timeout{static_cast<time_t>(nanoseconds / 1'000'000'000),
                           static_cast<long>(nanoseconds % 1'000'000'000)};
    (void)::ppoll(waiting, fds_.size(), &timeout, nullptr);
}

}  // namespace skerry::load
