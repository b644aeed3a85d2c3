// One of the real functions as a child process with a real channel, but without a jail: what
// skerryd's side does is tests/sandbox/core_side.hpp.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/sandbox/core_side.hpp"

namespace skerry::test {

inline constexpr std::uint32_t kAreaBytes = 65536;

class Worker {
  public:
    explicit Worker(std::uint32_t slots = 1) : slots_(slots) {
        if (mkdtemp(folder_) == nullptr) folder_[0] = '\0';
    }
    ~Worker() {
        end();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // A file of the artifact; before start().
    void add_file(const std::string& name, const std::string& content) const {
        std::ofstream(std::string(folder_) + "/" + name, std::ios::binary) << content;
    }
    std::string log() const {
        std::ifstream file(std::string(folder_) + "/log");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    // `function`: a folder of tools/functions. False: it did not become ready.
    bool start(const std::string& function) {
        return start_without_waiting(function) && readable(channel_->ready.get());
    }
    bool start_without_waiting(const std::string& function) {
        const char* root = getenv("SKERRY_FUNCTIONS");
        if (root == nullptr) return false;
        const std::string program = std::string(root) + "/" + function + "/bootstrap";
        auto channel = channel::create_channel(
            {.slots = slots_, .request_area_bytes = kAreaBytes, .response_area_bytes = kAreaBytes});
        auto doorbells = channel::create_doorbells();
        if (!channel || !doorbells) return false;
        channel_.emplace(std::move(*channel));
        doorbells_ = std::move(*doorbells);
        core_.emplace(*channel_, doorbells_, kAreaBytes);
        const std::string log_path = std::string(folder_) + "/log";
        const UniqueFd log(::open(log_path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600));
        const int given[] = {channel_->memfd.get(), doorbells_.fd.get(), channel_->wake.get(),
                             channel_->ready.get(), channel_->done[0].get()};
        pid_ = ::fork();
        if (pid_ == 0) become(program, given, log.get());
        return pid_ > 0;
    }

    CoreSide& core() { return *core_; }
    Answer ask(const std::string& payload) { return core_->ask(payload); }

    // How it ended, as waitpid() says; waits for it.
    int wait_for_end() {
        int status = 0;
        if (pid_ > 0) (void)::waitpid(pid_, &status, 0);
        pid_ = -1;
        return status;
    }

  private:
    // In the child: only what may be called between fork and exec.
    [[noreturn]] void become(const std::string& program, const int (&given)[5], int log) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        int high[5];
        for (int i = 0; i < 5; ++i) high[i] = ::fcntl(given[i], F_DUPFD, 100);
        (void)::dup2(log, STDERR_FILENO);
        for (int i = 0; i < 5; ++i) (void)::dup2(high[i], channel::kChannelFd + i);
        for (int i = 0; i < 5; ++i) (void)::close(high[i]);
        if (::chdir(folder_) != 0) ::_exit(126);
        ::execl(program.c_str(), "bootstrap", nullptr);
        ::_exit(127);
    }
    void end() {
        if (pid_ <= 0) return;
        (void)::kill(pid_, SIGKILL);
        (void)wait_for_end();
    }

    std::uint32_t slots_;
    char folder_[64] = "/tmp/skerry-function-XXXXXX";
    std::optional<channel::HostChannel> channel_;
    channel::Doorbells doorbells_;
    std::optional<CoreSide> core_;
    pid_t pid_ = -1;
};

inline constexpr std::uint32_t kOk = 0, kFunctionError = 1;

}  // namespace skerry::test
