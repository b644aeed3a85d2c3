// A worker that speaks the Runtime API, played by the test over real sockets on loopback.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "dataplane/dispatch/api_end.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {

inline UniqueFd listen_on_loopback(sockaddr_in& address) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
    EXPECT_EQ(::listen(fd.get(), 16), 0);
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &bytes), 0);
    return fd;
}

class ApiWorker {
  public:
    static constexpr std::uint32_t kArea = 2048;

    // Initialised: it waits in /next on its first connection.
    explicit ApiWorker(Shared& shared, std::uint32_t index = 0, std::uint32_t area_bytes = kArea) {
        const std::uint32_t stride = channel::slot_stride(area_bytes, area_bytes);
        bytes_ = channel::channel_bytes(1, stride);
        void* base =
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        channel.base = static_cast<std::byte*>(base);
        channel.slot_count = 1;
        channel.slot_stride = stride;
        channel.request_area_bytes = channel.response_area_bytes = area_bytes;
        channel.index = index;
        channel.generation = index + 1;
        UniqueFd listener = listen_on_loopback(address_);
        end = std::make_unique<ApiEnd>(std::move(listener), "arn:f", channel.response_area(0),
                                       area_bytes);
        channel.api = end.get();
        fd = connect();
        say(kNext);
        std::uint8_t news = 0;
        while (news == 0) news = runtime_api::pump(end->peer, end->listener.get());
        EXPECT_EQ(news, runtime_api::kAsked);
        shared.capacity->refs[0][index] = {&channel, 0};
        shared.capacity->entries[0].add(index);
    }
    ~ApiWorker() { ::munmap(channel.base, bytes_); }

    UniqueFd connect() {
        UniqueFd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(made.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_),
                  0);
        return made;
    }
    void say(const std::string& text) {
        EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    // What is there now.
    std::string hear() {
        std::string heard(1 << 20, '\0');
        const ssize_t got = ::recv(fd.get(), heard.data(), heard.size(), MSG_DONTWAIT);
        heard.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return heard;
    }
    static std::string post(std::uint64_t id, const std::string& what, const std::string& body) {
        char uuid[40];
        std::snprintf(uuid, sizeof uuid, "00000000-0000-004d-0000-%012llx",
                      static_cast<unsigned long long>(id));
        return "POST /2018-06-01/runtime/invocation/" + std::string(uuid) + "/" + what +
               " HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    static inline const std::string kNext =
        "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n";

    Channel channel;
    std::unique_ptr<ApiEnd> end;
    UniqueFd fd;

  private:
    sockaddr_in address_{};
    std::size_t bytes_ = 0;
};

}  // namespace skerry::test
