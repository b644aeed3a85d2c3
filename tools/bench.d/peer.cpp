// The process behind nginx that `tools/bench http` compares with: an event loop on a Unix socket
// that answers each HTTP request with its body, over connections that stay open. As little as such
// a process can do: one read, one write.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kRequestBytesMax = 65536;
constexpr int kEvents = 64;

struct Connection {
    std::vector<char> in = std::vector<char>(kRequestBytesMax);
    std::size_t filled = 0;
};

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

int listen_on(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(path) >= sizeof address.sun_path) die("path");
    std::strcpy(address.sun_path, path);
    unlink(path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(fd, 1024) != 0)
        die("listen");
    return fd;
}

std::size_t content_length(std::string_view head) {
    static constexpr std::string_view kName = "\r\ncontent-length:";
    for (std::size_t at = 0; (at = head.find("\r\n", at)) != head.npos; at += 2)
        if (head.size() - at > kName.size() &&
            strncasecmp(head.data() + at, kName.data(), kName.size()) == 0)
            return std::strtoul(head.data() + at + kName.size(), nullptr, 10);
    return 0;
}

// One request, if it is there whole. How much of `in` it was; 0: more must come; -1: it can't be
// answered.
ssize_t answer_one(int fd, std::string_view in) {
    const std::size_t head = in.find("\r\n\r\n");
    if (head == in.npos) return in.size() == kRequestBytesMax ? -1 : 0;
    const std::size_t length = content_length(in.substr(0, head + 2));
    const std::size_t bytes = head + 4 + length;
    if (bytes > kRequestBytesMax) return -1;
    if (in.size() < bytes) return 0;
    static char out[kRequestBytesMax + 128];
    const int said = std::snprintf(out, sizeof out,
                                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: %zu\r\n\r\n",
                                   length);
    std::memcpy(out + said, in.data() + head + 4, length);
    const auto whole = static_cast<ssize_t>(static_cast<std::size_t>(said) + length);
    return send(fd, out, static_cast<std::size_t>(whole), MSG_NOSIGNAL) == whole
               ? static_cast<ssize_t>(bytes)
               : -1;
}

// False: it is over.
bool serve(int fd, Connection& connection) {
    const ssize_t got =
        read(fd, connection.in.data() + connection.filled, kRequestBytesMax - connection.filled);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    connection.filled += static_cast<std::size_t>(got);
    std::size_t done = 0;
    for (;;) {
        const ssize_t used =
            answer_one(fd, {connection.in.data() + done, connection.filled - done});
        if (used < 0) return false;
        if (used == 0) break;
        done += static_cast<std::size_t>(used);
    }
    connection.filled -= done;
    if (connection.filled != 0)
        std::memmove(connection.in.data(), connection.in.data() + done, connection.filled);
    return true;
}

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: skerry-bench-peer SOCKET\n");
        return 2;
    }
    const int listener = listen_on(arguments[1]);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    std::vector<std::unique_ptr<Connection>> connections;  // by descriptor
    epoll_event events[kEvents];
    for (;;) {
        const int ready = epoll_wait(epoll, events, kEvents, -1);
        for (int i = 0; i < ready; ++i) {
            const int fd = events[i].data.fd;
            if (fd == listener) {
                const int accepted =
                    accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (accepted < 0) continue;
                if (connections.size() <= static_cast<std::size_t>(accepted))
                    connections.resize(static_cast<std::size_t>(accepted) + 1);
                connections[static_cast<std::size_t>(accepted)] = std::make_unique<Connection>();
                watch(epoll, accepted);
            } else if (!serve(fd, *connections[static_cast<std::size_t>(fd)])) {
                connections[static_cast<std::size_t>(fd)] = nullptr;
                close(fd);
            }
        }
    }
}
