// Skerryd's end of the worker that api_worker_fuzz.cpp plays, and the network between the two.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "dataplane/dispatch/api_end.hpp"
#include "dataplane/dispatch/channel.hpp"
#include "sandbox/base/check.hpp"

namespace skerry::fuzz {

inline constexpr std::uint32_t kRequestArea = 65536;  // more than a socket takes at once
inline constexpr std::uint32_t kResponseArea = 1024;

// One worker as the control thread makes it: initialised, it waits in /next.
struct Worker {
    sockaddr_in address{};
    std::size_t bytes;
    Channel channel;
    std::unique_ptr<ApiEnd> end;
    std::string frozen;  // its memory since the slot left the core; empty: it is there

    explicit Worker(std::uint64_t generation) {
        channel.slot_count = 1;
        channel.slot_stride = channel::slot_stride(kRequestArea, kResponseArea);
        bytes = channel::channel_bytes(1, channel.slot_stride);
        channel.base = static_cast<std::byte*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        SKERRY_CHECK(channel.base != MAP_FAILED);
        channel.request_area_bytes = kRequestArea;
        channel.response_area_bytes = kResponseArea;
        channel.generation = generation;
        UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* place = reinterpret_cast<sockaddr*>(&address);
        socklen_t place_bytes = sizeof address;
        SKERRY_CHECK(::bind(listener.get(), place, place_bytes) == 0 &&
                     ::listen(listener.get(), 16) == 0 &&
                     ::getsockname(listener.get(), place, &place_bytes) == 0);
        end = std::make_unique<ApiEnd>(std::move(listener), "arn:f", channel.response_area(0),
                                       kResponseArea);
        channel.api = end.get();
    }
    ~Worker() { ::munmap(channel.base, bytes); }

    std::string memory() const {
        std::string all(reinterpret_cast<const char*>(channel.response_area(0)), kResponseArea);
        for (std::uint32_t i = 0; end && i < runtime_api::kConnections; ++i) {
            const auto& in = end->peer.connection(i).in;
            all.append(reinterpret_cast<const char*>(in.data()), in.size());
        }
        return all;
    }
    // Nobody but skerryd writes there while no core has it.
    void check_frozen() const {
        if (!frozen.empty()) SKERRY_CHECK(memory() == frozen);
    }
    // The control thread has all its slots: its end goes, whatever the ring still has to say.
    void destroy() {
        check_frozen();
        end.reset();
        frozen = memory();
    }
};

// A network of our own, in which nothing of ended connections stays, and sockets take little.
inline void own_network() {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    SKERRY_CHECK(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0);
    // A window of a few ordinary packets: with fewer, TCP waits for its timers.
    request.ifr_mtu = 1500;
    SKERRY_CHECK(::ioctl(socket.get(), SIOCSIFMTU, &request) == 0);
    for (const auto& [name, value] :
         {std::pair("tcp_max_tw_buckets", "0"), std::pair("tcp_wmem", "4096 16384 16384"),
          std::pair("tcp_rmem", "4096 16384 16384")}) {
        const UniqueFd file(
            ::open((std::string("/proc/sys/net/ipv4/") + name).c_str(), O_WRONLY | O_CLOEXEC));
        if (file) (void)!::write(file.get(), value, std::strlen(value));
    }
}

inline int descriptors() {
    int open = 0;
    for (int fd = 0; fd < 256; ++fd) open += ::fcntl(fd, F_GETFD) >= 0;
    return open;
}

}  // namespace skerry::fuzz
