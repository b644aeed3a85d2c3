// A folder with a real function, channels, and the means to wait for the warden.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "sandbox/warden/client.hpp"
#include "tests/sandbox/core_side.hpp"

namespace skerry::test {

inline constexpr std::uint32_t kAreaBytes = 8192;

// A user that belongs to this run of the tests alone: whatever runs as it is ours.
// (Labs are below 0x40000000, the controller's tests from there to 0x50000000.)
inline std::uint32_t host_uid() {
    static const std::uint32_t uid = 0x60000000u + static_cast<std::uint32_t>(::getpid());
    return uid;
}

class Folder {
  public:
    // `bootstrap`: the path of a function; none: that of the tests.
    explicit Folder(const std::string& bootstrap = {}) {
        char path[] = "/tmp/skerry-warden-XXXXXX";
        if (::mkdtemp(path) == nullptr) std::abort();
        path_ = path;
        // The worker is another user, and must get at its artifact.
        (void)::chmod(path, 0755);
        std::filesystem::create_directory(artifact());
        const char* built = std::getenv("SKERRY_TEST_BOOTSTRAP");
        if (built == nullptr) std::abort();
        std::filesystem::copy_file(bootstrap.empty() ? built : bootstrap,
                                   artifact() + "/bootstrap");
        std::ofstream(artifact() + "/data") << "data";
        (void)::chmod((artifact() + "/data").c_str(), 0666);
        // Writable by everybody, so that only the jail can be what makes it read-only.
        (void)::chmod((artifact() + "/bootstrap").c_str(), 0777);
        (void)::chmod(artifact().c_str(), 0777);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;

    std::string path() const { return path_; }
    warden::Options options() const { return {.artifacts_dir = path_}; }
    std::string artifact() const { return path_ + "/artifact"; }
    std::string log() const { return path_ + "/log"; }

  private:
    std::string path_;
};

// One worker's channel and log, and the order that starts it.
struct Place {
    Place(const Folder& folder, channel::Doorbells& doorbells, std::uint64_t id,
          std::uint32_t cores = 2)
        : channel(make_channel(cores)), core(channel, doorbells, kAreaBytes) {
        log =
            UniqueFd(::open(folder.log().c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
        order.worker_id = id;
        order.artifact_dir = folder.artifact();
        order.function = "echo";
        order.version_hex = "00ff";
        order.host_uid = host_uid();
        order.memory_mib = 256;
        order.tmp_mib = 2;
        order.channel_fd = channel.memfd.get();
        order.doorbells_fd = doorbells.fd.get();
        order.wake_fd = channel.wake.get();
        order.ready_fd = channel.ready.get();
        order.log_fd = log.get();
        for (const UniqueFd& fd : channel.done) order.done_fds.push_back(fd.get());
    }
    static channel::HostChannel make_channel(std::uint32_t cores) {
        auto made = channel::create_channel({.slots = 2,
                                             .request_area_bytes = kAreaBytes,
                                             .response_area_bytes = kAreaBytes,
                                             .core_count = cores});
        if (!made) std::abort();
        return std::move(made).value();
    }
    bool wait_ready() { return readable(channel.ready.get()); }

    channel::HostChannel channel;
    CoreSide core;
    UniqueFd log;
    warden::SpawnRequest order;
};

// The next event; nullopt and a failed test if there is none.
inline std::optional<warden::Event> next_event(warden::Client& client) {
    if (!readable(client.fd())) {
        ADD_FAILURE() << "the warden says nothing";
        return std::nullopt;
    }
    auto event = client.poll_event();
    if (!event) {
        ADD_FAILURE() << event.error().text;
        return std::nullopt;
    }
    return std::move(*event);
}

// How many processes run as host_uid().
inline int processes_of_workers() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        struct stat found {};
        if (::stat(entry.path().c_str(), &found) == 0 && found.st_uid == host_uid()) ++count;
    }
    return count;
}

// "key=value" lines.
inline std::map<std::string, std::string> parse(const std::string& text) {
    std::map<std::string, std::string> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto equals = line.find('=');
        if (equals != std::string::npos) found[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return found;
}

inline std::string read_all(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace skerry::test
