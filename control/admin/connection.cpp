#include "control/admin/connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

namespace skerry::admin {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBacklog = 256;

// False: the time has passed, or the connection is broken.
bool wait_for(int fd, short events, Clock::time_point until) {
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
        pollfd one{fd, events, 0};
        const int ready = poll(&one, 1, static_cast<int>(std::max<long long>(left, 0)));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

// One connection as httplib reads and writes it. The socket does not block: poll(2) waits, with a
// limit for each step.
class Connection final : public httplib::Stream {
  public:
    Connection(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}

    bool handshake() {
        if (ssl_ == nullptr) return true;
        const auto until = Clock::now() + std::chrono::milliseconds(kHandshakeTimeout_ms);
        const bool done = step(until, [this] { return SSL_accept(ssl_); }) == 1;
        first_byte_ = Clock::now() + std::chrono::milliseconds(kFirstByteTimeout_ms);
        return done;
    }

    bool is_readable() const override { return at_ < size_ || wait_for(fd_, POLLIN, until()); }
    bool is_writable() const override { return wait_for(fd_, POLLOUT, until()); }
    // httplib reads lines byte by byte.
    ssize_t read(char* to, std::size_t size) override {
        if (at_ == size_) {
            const ssize_t n = read_some(buffer_.data(), buffer_.size());
            if (n <= 0) return n;
            at_ = 0;
            size_ = static_cast<std::size_t>(n);
            begun_ = true;
        }
        const std::size_t n = std::min(size, size_ - at_);
        std::memcpy(to, buffer_.data() + at_, n);
        at_ += n;
        return static_cast<ssize_t>(n);
    }
    ssize_t write(const char* from, std::size_t size) override {
        if (ssl_ != nullptr)
            return step(until(), [&] {
                return SSL_write(ssl_, from,
                                 static_cast<int>(std::min<std::size_t>(size, 1 << 20)));
            });
        for (;;) {
            const ssize_t n = send(fd_, from, size, MSG_NOSIGNAL);
            if (n >= 0) return n;
            if (errno == EINTR) continue;
            if (errno != EAGAIN || !wait_for(fd_, POLLOUT, until())) return -1;
        }
    }
    // Nobody asks: our calls need no addresses.
    void get_remote_ip_and_port(std::string&, int&) const override {}
    void get_local_ip_and_port(std::string&, int&) const override {}
    socket_t socket() const override { return fd_; }

  private:
    Clock::time_point until() const {
        return begun_ ? Clock::now() + std::chrono::milliseconds(kIoTimeout_ms) : first_byte_;
    }
    // Calls OpenSSL until it gets on, is at its end (0), or fails (-1).
    template <typename Call>
    int step(Clock::time_point until, Call call) {
        for (;;) {
            ERR_clear_error();
            const int done = call();
            if (done > 0) return done;
            const int why = SSL_get_error(ssl_, done);
            if (why == SSL_ERROR_ZERO_RETURN) return 0;
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return -1;
            if (!wait_for(fd_, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until)) return -1;
        }
    }
    ssize_t read_some(char* to, std::size_t size) {
        if (ssl_ != nullptr)
            return step(until(), [&] { return SSL_read(ssl_, to, static_cast<int>(size)); });
        for (;;) {
            const ssize_t n = recv(fd_, to, size, 0);
            if (n >= 0) return n;
            if (errno == EINTR) continue;
            if (errno != EAGAIN || !wait_for(fd_, POLLIN, until())) return -1;
        }
    }

    const int fd_;
    SSL* const ssl_;
    Clock::time_point first_byte_ = Clock::now() + std::chrono::milliseconds(kFirstByteTimeout_ms);
    bool begun_ = false;
    std::array<char, 16 << 10> buffer_;
    std::size_t at_ = 0, size_ = 0;
};

// The peer's address; of IPv6 the first half, since whoever has one has all of its network.
std::string peer_of(int fd) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
    if (peer.ss_family == AF_INET6)
        return std::string(
            reinterpret_cast<const char*>(&reinterpret_cast<sockaddr_in6&>(peer).sin6_addr), 8);
    return std::string(
        reinterpret_cast<const char*>(&reinterpret_cast<sockaddr_in&>(peer).sin_addr), 4);
}

}  // namespace

bool HttpServer::bind(const std::string& host, int port) {
    return bind_to_port(host, port) && ::listen(svr_sock_, kBacklog) == 0;
}

void HttpServer::end_connections() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    // Not closed: a thread reads it, and nobody else may get its number meanwhile.
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
}

bool HttpServer::process_and_close_socket(socket_t fd) {
    bool ended = false;
    {
        const std::lock_guard lock(mutex_);
        ended = ended_;
        if (!ended) open_.insert(fd);
    }
    if (!ended) {
        serve(fd);
        const std::lock_guard lock(mutex_);
        open_.erase(fd);
    }
    shutdown(fd, SHUT_RDWR);
    close(fd);
    return !ended;
}

bool HttpServer::admit(const std::string& address) {
    const std::lock_guard lock(mutex_);
    unsigned& there = strangers_[address];
    if (there >= kMostStrangers) return false;
    ++there;
    return true;
}

void HttpServer::let_go(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const auto at = strangers_.find(address);
    if (--at->second == 0) strangers_.erase(at);
}

void HttpServer::serve(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return;
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(tls_ ? SSL_new(tls_.get()) : nullptr, SSL_free);
    if (tls_ && (!ssl || SSL_set_fd(ssl.get(), fd) != 1)) return;
    // OpenSSL may be asked again with the same bytes at another address.
    if (ssl) SSL_set_mode(ssl.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    Connection connection(fd, ssl.get());
    const std::string peer = tls_ ? peer_of(fd) : std::string();
    if (tls_ && !admit(peer)) return;
    const bool known = connection.handshake();
    if (tls_) let_go(peer);
    if (!known) return;
    bool closed = false;
    (void)process_request(connection, /*close_connection=*/true, closed, nullptr);
    if (ssl) SSL_shutdown(ssl.get());
}

}  // namespace skerry::admin
