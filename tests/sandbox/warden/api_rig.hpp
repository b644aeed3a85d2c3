// A worker of a kind that speaks the Runtime API, as skerryd has it: the listener that came with
// `spawned`, its one connection, the pipe of its log.
#pragma once

#include <sys/socket.h>

#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {

// Runtime images for tests: every kind's is the host's own root.
class Images {
  public:
    Images() {
        char path[] = "/tmp/skerry-images-XXXXXX";
        if (::mkdtemp(path) == nullptr) std::abort();
        path_ = path;
        (void)::chmod(path, 0755);
        for (const char* kind : {"provided", "python3", "nodejs"})
            std::filesystem::create_directory_symlink("/", path_ + "/" + kind);
    }
    ~Images() { std::filesystem::remove_all(path_); }
    Images(const Images&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

inline std::string api_bootstrap() {
    const char* built = std::getenv("SKERRY_TEST_API_BOOTSTRAP");
    if (built == nullptr) std::abort();
    return built;
}

struct ApiWorker {
    explicit ApiWorker(const Folder& folder, std::uint64_t id = 1) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
        log = UniqueFd(ends[0]);
        log_end = UniqueFd(ends[1]);
        order.worker_id = id;
        order.runtime = runtime::Kind::provided;
        order.artifact_dir = folder.artifact();
        order.function = "api";
        order.version_hex = "00ff";
        order.host_uid = host_uid();
        order.memory_mib = 64;
        order.log_fd = log_end.get();
    }
    // The worker connects as soon as it runs.
    bool accept() {
        if (!readable(listener.get())) return false;
        connection = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        return static_cast<bool>(connection);
    }
    bool say(const std::string& line) {
        return ::send(connection.get(), (line + "\n").data(), line.size() + 1, MSG_NOSIGNAL) > 0;
    }
    // What it answered; nothing, when it ended instead.
    std::map<std::string, std::string> ask(const std::string& line) {
        std::string text;
        if (!say(line)) return {};
        while (text.size() < 2 || (text != ".\n" && text.substr(text.size() - 3) != "\n.\n")) {
            char buffer[4096];
            if (!readable(connection.get())) return {};
            const ssize_t got = ::read(connection.get(), buffer, sizeof buffer);
            if (got <= 0) return {};
            text.append(buffer, static_cast<std::size_t>(got));
        }
        return parse(text);
    }

    UniqueFd log;
    UniqueFd log_end;
    UniqueFd listener;
    UniqueFd connection;
    warden::SpawnRequest order;
};

// A warden with images, and workers of it.
class ApiTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto client = warden::Client::start(options());
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
    warden::Options options() const {
        return {.artifacts_dir = folder_.path(),
                .runtimes_dir = images_.path(),
                .server_name = "pop-1"};
    }
    // Whether it was started, and has connected.
    bool start(ApiWorker& worker) {
        const Status sent = client_->spawn(worker.order);
        EXPECT_TRUE(sent);
        auto event = next_event(*client_);
        if (!event || event->kind != warden::MessageKind::spawned) {
            ADD_FAILURE() << (event ? event->text : "no event");
            return false;
        }
        spawned_ = std::move(*event);
        worker.listener = std::move(spawned_.listener);
        return worker.accept();
    }

    Images images_;
    Folder folder_{api_bootstrap()};
    std::optional<warden::Client> client_;
    warden::Event spawned_{};
};

}  // namespace skerry::test
