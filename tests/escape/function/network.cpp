// The network: the host's services, other machines, families of sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {
namespace {

long close_after(int fd, long result) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    errno = error;
    return result;
}

long connect_to(int type, const std::string& address, int port) {
    const bool v6 = address.find(':') != std::string::npos;
    const int fd = ::socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    sockaddr_in to4{};
    to4.sin_family = AF_INET;
    to4.sin_port = ::htons(static_cast<std::uint16_t>(port));
    (void)::inet_pton(AF_INET, address.c_str(), &to4.sin_addr);
    sockaddr_in6 to6{};
    to6.sin6_family = AF_INET6;
    to6.sin6_port = to4.sin_port;
    (void)::inet_pton(AF_INET6, address.c_str(), &to6.sin6_addr);
    const auto* to =
        v6 ? reinterpret_cast<const sockaddr*>(&to6) : reinterpret_cast<const sockaddr*>(&to4);
    long result = ::connect(fd, to, v6 ? sizeof to6 : sizeof to4);
    if (result < 0 && errno == EINPROGRESS) {
        // The kernel answers at once for what is not there; a second is for what would be.
        pollfd waiting{fd, POLLOUT, 0};
        (void)::poll(&waiting, 1, 1000);
        int error = EINPROGRESS;
        socklen_t bytes = sizeof error;
        (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
        errno = error;
        result = error == 0 ? 0 : -1;
    }
    if (result == 0 && type == SOCK_DGRAM) result = ::send(fd, "x", 1, 0);
    return close_after(fd, result);
}

// What a server has on its loopback, its neighbours, and the address that clouds answer on.
void addresses(Report& report, const Words& words) {
    for (const char* address : {"169.254.169.254", "10.77.1.2", "8.8.8.8", "255.255.255.255",
                                "fd00:ec2::254", "fe80::1", "2001:4860:4860::8888"}) {
        report.tried(std::string("tcp ") + address, connect_to(SOCK_STREAM, address, 80));
        report.tried(std::string("udp ") + address, connect_to(SOCK_DGRAM, address, 53));
    }
    // PORT: somebody listens there on the host and in skerryd's network namespace.
    for (const std::string& port : words)
        for (const char* address : {"127.0.0.1", "::1", "10.78.0.1"})
            report.tried(std::string("host ") + address,
                         connect_to(SOCK_STREAM, address, std::stoi(port)));
}

long connect_unix(const std::string& name, bool abstract) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path + (abstract ? 1 : 0), name.data(),
                std::min(name.size(), sizeof to.sun_path - 2));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const std::size_t bytes = offsetof(sockaddr_un, sun_path) + name.size() + 1;
    return close_after(
        fd, ::connect(fd, reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(bytes)));
}

// ABSTRACT PATH …: sockets that are there, for those who can name them.
void unix_sockets(Report& report, const Words& words) {
    for (const std::string& word : words)
        report.tried(word[0] == '/' ? "path" : "abstract", connect_unix(word, word[0] != '/'));
}

// A port below 1024.
void low_port(Report& report, const Words&) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return report.tried("socket", -1);
    sockaddr_in low{};
    low.sin_family = AF_INET;
    low.sin_port = htons(53);
    report.tried("bind", ::bind(fd, reinterpret_cast<sockaddr*>(&low), sizeof low));
    ::close(fd);
}

constexpr Attempt kAttempts[] = {
    {"addresses", addresses},
    {"unix_sockets", unix_sockets},
    {"low_port", low_port},
};

}  // namespace

std::span<const Attempt> network_attempts() {
    return kAttempts;
}

}  // namespace skerry::escape
