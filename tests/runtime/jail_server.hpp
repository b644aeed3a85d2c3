// The least that a worker takes for a Runtime API, on the listener that came with it: one thread,
// any number of connections, answers that the test writes.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {

struct ApiRequest {
    std::string line;  // empty: none came
    std::string body;
    int connection = -1;
};

class ApiServer {
  public:
    explicit ApiServer(UniqueFd listener) : listener_(std::move(listener)) {}

    // Waits for a whole request on any connection, also a new one.
    ApiRequest next_request() {
        ApiRequest request;
        while (!take(request)) {
            std::vector<pollfd> waiting = {{listener_.get(), POLLIN, 0}};
            for (const Connection& each : connections_)
                waiting.push_back({each.fd.get(), POLLIN, 0});
            if (::poll(waiting.data(), waiting.size(), kPatienceMs) <= 0) return {};
            for (std::size_t i = 1; i < waiting.size(); ++i)
                if (waiting[i].revents != 0) receive(connections_[i - 1]);
            connections_.erase(std::remove_if(connections_.begin(), connections_.end(),
                                              [](const Connection& each) { return each.ended; }),
                               connections_.end());
            if (waiting[0].revents != 0)
                connections_.push_back(
                    {UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)),
                     {},
                     false});
        }
        return request;
    }
    void answer_next(const ApiRequest& request, const std::string& event) {
        send(request,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
             "Lambda-Runtime-Aws-Request-Id: the-id\r\n"
             "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
             "Lambda-Runtime-Invoked-Function-Arn: arn\r\nContent-Length: " +
                 std::to_string(event.size()) + "\r\n\r\n" + event);
    }
    void accept_post(const ApiRequest& request) {
        send(request, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    }

  private:
    struct Connection {
        UniqueFd fd;
        std::string received;
        bool ended = false;
    };

    static void receive(Connection& from) {
        char piece[65536];
        const ssize_t got = ::read(from.fd.get(), piece, sizeof piece);
        if (got <= 0)
            from.ended = true;
        else
            from.received.append(piece, static_cast<std::size_t>(got));
    }
    bool take(ApiRequest& request) {
        for (Connection& each : connections_) {
            const auto end = each.received.find("\r\n\r\n");
            if (end == std::string::npos) continue;
            const std::string head = each.received.substr(0, end + 2);
            std::string lower = head;
            for (char& c : lower)
                c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            std::size_t bytes = 0;
            if (const auto field = lower.find("\r\ncontent-length: "); field != std::string::npos)
                bytes = std::stoul(head.substr(field + 18));
            if (each.received.size() < end + 4 + bytes) continue;
            request = {head.substr(0, head.find("\r\n")), each.received.substr(end + 4, bytes),
                       each.fd.get()};
            each.received.erase(0, end + 4 + bytes);
            return true;
        }
        return false;
    }
    static void send(const ApiRequest& request, const std::string& text) {
        for (std::size_t at = 0; at < text.size();) {
            const ssize_t sent =
                ::send(request.connection, text.data() + at, text.size() - at, MSG_NOSIGNAL);
            if (sent <= 0) return;
            at += static_cast<std::size_t>(sent);
        }
    }

    UniqueFd listener_;
    std::vector<Connection> connections_;
};

}  // namespace skerry::test
