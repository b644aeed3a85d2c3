// An HttpServer that runs. Include our headers before <httplib.h>, as README.md says.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "control/admin/connection.hpp"
#include "control/admin/servers.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::admin {

// Owns the listening thread. Whoever derives destroys it in stop() before what it uses goes.
class Running : public Server {
  public:
    explicit Running(std::unique_ptr<HttpServer> http) : http_(std::move(http)) {}
    ~Running() override {
        http_->end_connections();
        http_->stop();
        if (thread_.joinable()) thread_.join();
        if (!path_.empty() && is_ours()) unlink(path_.c_str());
    }

    // After bind. Returns when connections are being accepted, so that stop() can't come too early.
    Status run() {
        thread_ = std::thread([this] {
            (void)http_->listen_after_bind();
            ended_ = true;
        });
        while (!http_->is_running() && !ended_)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (!ended_) return ok();
        return Error{0, "the HTTP server ended as it started"};
    }

    // The socket file to remove at the end, if it is still this one.
    void own(const std::string& path) {
        path_ = path;
        (void)stat(path.c_str(), &made_);
    }

  private:
    bool is_ours() const {
        struct stat now {};
        return stat(path_.c_str(), &now) == 0 && now.st_ino == made_.st_ino &&
               now.st_dev == made_.st_dev;
    }

    std::unique_ptr<HttpServer> http_;
    std::thread thread_;
    std::atomic<bool> ended_{false};
    std::string path_;
    struct stat made_ {};
};

// For the sockets of a server on an IP address.
void set_tcp_options(int fd);

}  // namespace skerry::admin
