// A hostile worker's ends of its connections to the Runtime API: real sockets, which never make the
// caller wait, and what it was told on them, checked.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/check.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::fuzz {

enum class End : std::uint8_t { close, reset, half };  // half: it still listens

// Request id → payload, of all invocations there were.
using Told = std::map<std::string, std::string, std::less<>>;

class ApiClient {
  public:
    explicit ApiClient(const sockaddr_in& server) {
        fd_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        SKERRY_CHECK(fd_);
        (void)::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server);
    }
    // Over loopback it is there at once, or the server's queue is full.
    bool connected() const {
        tcp_info info{};
        socklen_t bytes = sizeof info;
        return ::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 &&
               info.tcpi_state == TCP_ESTABLISHED;
    }

    // Is said by push(), as far as the socket takes it.
    void prepare(std::string_view text) {
        if (outbox_.size() < kOutboxMax) outbox_ += text;
    }
    void push(std::size_t bytes) {
        bytes = std::min(bytes, outbox_.size());
        if (!fd_ || bytes == 0) return;
        const ssize_t sent = ::send(fd_.get(), outbox_.data(), bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) outbox_.erase(0, static_cast<std::size_t>(sent));
    }

    void hear(std::size_t bytes) {
        char block[8192];
        while (fd_ && bytes != 0) {
            const ssize_t got =
                ::recv(fd_.get(), block, std::min(bytes, sizeof block), MSG_DONTWAIT);
            ended_ |= got == 0;
            if (got <= 0) return;
            heard_.append(block, static_cast<std::size_t>(got));
            bytes -= static_cast<std::size_t>(got);
        }
    }
    const std::string& heard() const { return heard_; }
    bool ended() const { return ended_; }

    void end(End how) {
        if (how == End::half) {
            if (fd_) (void)::shutdown(fd_.get(), SHUT_WR);
            return;
        }
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        if (fd_ && how == End::reset)
            (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        fd_.reset();
    }

    // All that was heard are answers of the server, whole but for the last one; and whoever was
    // told of an invocation was told its payload, and no byte of another one's.
    void check(const Told& told) const {
        std::string_view left = heard_;
        while (!left.empty()) {
            const std::size_t head_bytes = left.find("\r\n\r\n");
            if (head_bytes == std::string_view::npos) return;
            const std::string_view head = left.substr(0, head_bytes + 2);
            SKERRY_CHECK(head.starts_with("HTTP/1.1 "));
            left.remove_prefix(head_bytes + 4);
            if (head.starts_with("HTTP/1.1 100 ")) continue;
            std::size_t body_bytes = ~std::size_t{0};
            const std::string_view length = field(head, "Content-Length: ");
            (void)std::from_chars(length.data(), length.data() + length.size(), body_bytes);
            SKERRY_CHECK(body_bytes <= 1u << 20);
            const std::string_view body = left.substr(0, std::min(body_bytes, left.size()));
            const std::string_view id = field(head, "Lambda-Runtime-Aws-Request-Id: ");
            if (!id.empty()) {
                const auto invocation = told.find(id);
                SKERRY_CHECK(invocation != told.end());
                SKERRY_CHECK(invocation->second.size() == body_bytes);
                SKERRY_CHECK(std::string_view(invocation->second).starts_with(body));
            }
            left.remove_prefix(body.size());
        }
    }

  private:
    static constexpr std::size_t kOutboxMax = 1 << 16;

    static std::string_view field(std::string_view head, std::string_view name) {
        const std::size_t at = head.find(name);
        if (at == std::string_view::npos) return {};
        const std::string_view value = head.substr(at + name.size());
        return value.substr(0, value.find("\r\n"));
    }

    UniqueFd fd_;
    std::string outbox_, heard_;
    bool ended_ = false;
};

}  // namespace skerry::fuzz
