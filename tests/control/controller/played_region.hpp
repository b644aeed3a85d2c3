// A region that the test plays: a real management server on loopback, with state in memory. It can
// be down, and come back at the same address.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "control/admin/servers.hpp"
#include "sandbox/base/unique_fd.hpp"
#include "tests/control/admin/certificates.hpp"
#include "tests/control/admin/memory_backend.hpp"

namespace skerry::control {

// One authority, with a certificate for the POP and one for all regions.
class Fleet {
  public:
    Fleet() {
        SKERRY_CHECK(mkdtemp(folder_) != nullptr);
        authority_ = std::make_unique<admin::Authority>(folder_, "fleet");
        for (const char* name : {"pop", "region"}) authority_->issue(name);
    }
    ~Fleet() { std::filesystem::remove_all(folder_); }
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    admin::Tls tls(const std::string& name) const {
        const std::string base = std::string(folder_) + "/" + name;
        return {base + ".cert", base + ".key", authority_->path()};
    }

  private:
    char folder_[32] = "/tmp/skerry-fleet-XXXXXX";
    std::unique_ptr<admin::Authority> authority_;
};

class PlayedRegion {
  public:
    explicit PlayedRegion(const Fleet& fleet) : fleet_(fleet) {
        // Another run of the test may take a port that was free a moment ago: then another one.
        for (int tries = 0; tries < 20 && !server_; ++tries) {
            address_ = "127.0.0.1:" + std::to_string(free_port());
            start();
        }
        SKERRY_CHECK(server_ != nullptr);
    }

    const std::string& address() const { return address_; }
    void stop() { server_.reset(); }
    void start() {
        auto started = admin::start_management(address_, fleet_.tls("region"), backend);
        if (started) server_ = std::move(started).value();
    }

    // The function's current version there; empty: it has none.
    std::string current(const std::string& name) {
        const auto found = backend.function(name);
        return found.ok ? found.value.function.current : std::string();
    }

    admin::MemoryBackend backend;

  private:
    static std::uint16_t free_port() {
        const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        SKERRY_CHECK(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        SKERRY_CHECK(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        return ntohs(address.sin_port);
    }

    const Fleet& fleet_;
    std::string address_;
    std::unique_ptr<admin::Server> server_;
};

template <typename Condition>
bool eventually(Condition&& condition, int seconds = 20) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace skerry::control
