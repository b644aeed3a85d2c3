// An operator's network namespace of this run's own, with a service in it that answers whoever asks
// with the address that it was asked from.
#pragma once

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/sandbox/egress/prefix.hpp"
#include "tests/sandbox/warden/api_rig.hpp"

namespace skerry::test {

inline constexpr int kServicePort = 7000;

// Runs `what` in a network namespace, in a thread of its own.
template <typename What>
void in_namespace(const std::string& path, What what) {
    std::thread([&] {
        const UniqueFd there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!there || ::setns(there.get(), CLONE_NEWNET) != 0)
            ADD_FAILURE() << path << ": " << std::strerror(errno);
        else
            what();
    }).join();
}

class OperatorsNamespace {
  public:
    OperatorsNamespace() : name_("skt" + std::to_string(::getpid())) {
        run("ip netns add " + name_);
        run("ip -n " + name_ + " link set lo up");
        run("ip -n " + name_ + " addr add 10.99.0.1/32 dev lo");
        run("ip -n " + name_ + " addr add fd99::1/128 dev lo nodad");
        run("ip netns exec " + name_ + " sysctl -qw net.ipv4.ip_forward=1 " +
            "net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0");
        in_namespace(path(), [this] {
            tcp_ = bound(SOCK_STREAM);
            udp_ = bound(SOCK_DGRAM);
        });
        thread_ = std::thread([this] { serve(); });
    }
    ~OperatorsNamespace() {
        stop_ = true;
        thread_.join();
        tcp_.reset();
        udp_.reset();
        if (there()) run("ip netns del " + name_);
    }
    OperatorsNamespace(const OperatorsNamespace&) = delete;

    std::string path() const { return "/run/netns/" + name_; }
    const std::string& name() const { return name_; }
    bool there() const { return std::filesystem::exists(path()); }
    static void run(const std::string& command) {
        EXPECT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT: names are our own
    }
    // Interfaces of workers in it.
    std::size_t links() {
        std::size_t count = 0;
        in_namespace(path(), [&] {
            struct if_nameindex* all = ::if_nameindex();
            for (auto* each = all; each != nullptr && each->if_index != 0; ++each)
                count += std::string(each->if_name).starts_with("sk") ? 1 : 0;
            ::if_freenameindex(all);
        });
        return count;
    }
    bool wait_for_links(std::size_t wanted) {
        for (int i = 0; i < 2000 && links() != wanted; ++i) ::usleep(10'000);
        return links() == wanted;
    }
    // What came to the service's UDP port.
    std::vector<std::string> heard() {
        const std::lock_guard lock(mutex_);
        return heard_;
    }

    egress::Network network() const {
        return {.name = "outside",
                .netns = path(),
                .subnet4 = prefix("10.66.0.0/20"),
                .subnet6 = prefix("fd66::/64"),
                .mtu = 1400,
                .resolvers = {prefix("10.99.0.1")},
                .to = {prefix("0.0.0.0/0"), prefix("::/0")},
                .except = {prefix("10.98.0.0/16"), prefix("fd98::/16")}};
    }

  private:
    static UniqueFd bound(int type) {
        UniqueFd fd(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
        sockaddr_in6 place{};
        place.sin6_family = AF_INET6;
        place.sin6_port = htons(kServicePort);
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
        if (type == SOCK_STREAM) {
            EXPECT_EQ(::listen(fd.get(), 16), 0);
        }
        return fd;
    }
    static std::string text_of(const sockaddr_in6& from) {
        char text[INET6_ADDRSTRLEN] = "";
        ::inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof text);
        const std::string all = text;
        return all.starts_with("::ffff:") ? all.substr(7) : all;
    }
    void serve() {
        while (!stop_) {
            pollfd waiting[2] = {{tcp_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}};
            if (::poll(waiting, 2, 20) <= 0) continue;
            sockaddr_in6 from{};
            socklen_t bytes = sizeof from;
            if (waiting[0].revents != 0) {
                const UniqueFd one(
                    ::accept(tcp_.get(), reinterpret_cast<sockaddr*>(&from), &bytes));
                const std::string text = text_of(from);
                (void)::send(one.get(), text.data(), text.size(), MSG_NOSIGNAL);
                char rest[64];
                while (::recv(one.get(), rest, sizeof rest, 0) > 0) {
                }
            }
            if (waiting[1].revents == 0) continue;
            char said[64] = "";
            bytes = sizeof from;
            const ssize_t got = ::recvfrom(udp_.get(), said, sizeof said - 1, 0,
                                           reinterpret_cast<sockaddr*>(&from), &bytes);
            if (got < 0) continue;
            const std::string text = text_of(from);
            {
                const std::lock_guard lock(mutex_);
                heard_.push_back(text + " " + std::string(said, static_cast<std::size_t>(got)));
            }
            (void)::sendto(udp_.get(), text.data(), text.size(), 0,
                           reinterpret_cast<sockaddr*>(&from), bytes);
        }
    }

    std::string name_;
    UniqueFd tcp_;
    UniqueFd udp_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::vector<std::string> heard_;
    std::thread thread_;
};

}  // namespace skerry::test
