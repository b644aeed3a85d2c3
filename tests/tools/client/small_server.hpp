// A UDP server on loopback that does with each datagram what a test says. Speaks the protocol with
// the layout of dataplane/wire/message.hpp, and decides nothing by itself.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/wire/message.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tools/client/endpoint.hpp"

namespace skerry::test {

class SmallServer {
  public:
    using Datagram = std::vector<std::byte>;
    // Gets a request and its number (from 0), returns what to send back, in order.
    using Handler = std::function<std::vector<Datagram>(Datagram, int)>;

    explicit SmallServer(Handler handler, int family = AF_INET)
        : handler_(std::move(handler)), socket_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        endpoint_ = *client::parse_endpoint(family == AF_INET ? "127.0.0.1" : "::1");
        // Port 0: the kernel chooses one.
        if (family == AF_INET)
            reinterpret_cast<sockaddr_in*>(&endpoint_.address)->sin_port = 0;
        else
            reinterpret_cast<sockaddr_in6*>(&endpoint_.address)->sin6_port = 0;
        good_ = ::bind(socket_.get(), endpoint_.get(), endpoint_.bytes) == 0;
        (void)::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&endpoint_.address),
                            &endpoint_.bytes);
        thread_ = std::thread([this] { serve(); });
    }
    ~SmallServer() { stop(); }
    // Afterwards what the handler wrote may be read.
    void stop() {
        ended_ = true;
        if (thread_.joinable()) thread_.join();
    }
    bool good() const { return good_; }
    const client::Endpoint& endpoint() const { return endpoint_; }
    int requests() const { return requests_; }

    static wire::Header& header(Datagram& datagram) {
        return *reinterpret_cast<wire::Header*>(datagram.data());
    }
    static Datagram as(Datagram request, wire::Kind kind) {
        header(request).kind = static_cast<std::uint8_t>(kind);
        return request;
    }
    static Datagram challenge(Datagram request, std::uint64_t cookie) {
        request.resize(wire::kHeaderBytes);
        header(request).payload_bytes.set(0);
        header(request).cookie.set(cookie);
        return as(std::move(request), wire::Kind::challenge);
    }

  private:
    void serve() {
        while (!ended_) {
            pollfd waiting{socket_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 10) <= 0) continue;
            Datagram datagram(65536);
            sockaddr_storage from{};
            socklen_t from_bytes = sizeof from;
            const ssize_t bytes = ::recvfrom(socket_.get(), datagram.data(), datagram.size(), 0,
                                             reinterpret_cast<sockaddr*>(&from), &from_bytes);
            if (bytes < static_cast<ssize_t>(wire::kHeaderBytes)) continue;
            datagram.resize(static_cast<std::size_t>(bytes));
            for (const Datagram& out : handler_(std::move(datagram), requests_++))
                (void)::sendto(socket_.get(), out.data(), out.size(), 0,
                               reinterpret_cast<sockaddr*>(&from), from_bytes);
        }
    }

    Handler handler_;
    UniqueFd socket_;
    client::Endpoint endpoint_;
    bool good_ = false;
    std::atomic<bool> ended_{false};
    std::atomic<int> requests_{0};
    std::thread thread_;
};

}  // namespace skerry::test
