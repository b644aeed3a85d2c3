// Jails that are ready before somebody wants them. Needs root.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include "tests/sandbox/warden/api_rig.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

class Nursery : public ApiTest {
  protected:
    std::set<pid_t> children() {
        const std::string pid = std::to_string(client_->pid());
        std::ifstream file("/proc/" + pid + "/task/" + pid + "/children");
        std::set<pid_t> all;
        for (pid_t child = 0; file >> child;) all.insert(child);
        return all;
    }
    std::set<pid_t> wait_for(std::size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        std::set<pid_t> all;
        while ((all = children()).size() != count && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        EXPECT_EQ(all.size(), count);
        return all;
    }
};

TEST_F(Nursery, WorkerIsMadeOfOneThatWasReady) {
    const auto before = wait_for(4);
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(before.count(spawned_.pid), 1u);
    wait_for(5);  // another takes its place
}

TEST_F(Nursery, StartsWithoutWhenThereIsNone) {
    auto none = options();
    none.ready_jails = 0;
    auto client = warden::Client::start(none);
    ASSERT_TRUE(client) << client.error().text;
    *client_ = std::move(client).value();
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(children(), std::set<pid_t>{spawned_.pid});
}

TEST_F(Nursery, ReplacesOneThatWasKilled) {
    const auto before = wait_for(4);
    ASSERT_EQ(::kill(*before.begin(), SIGKILL), 0);
    // At once: it may not have been missed yet.
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_NE(spawned_.pid, *before.begin());
    EXPECT_EQ(wait_for(5).count(*before.begin()), 0u);
}

TEST_F(Nursery, OneThatWaitsHasNothingOpenButItsSocket) {
    const auto ready = wait_for(4);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // for the last one to get there
    for (const pid_t pid : ready) {
        const std::string folder = "/proc/" + std::to_string(pid);
        std::size_t sockets = 0, others = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd")) {
            if (std::stoi(entry.path().filename()) <= 2) continue;
            const std::string target = std::filesystem::read_symlink(entry.path());
            ++(target.rfind("socket:", 0) == 0 ? sockets : others);
        }
        EXPECT_EQ(sockets, 1u);
        EXPECT_EQ(others, 1u) << "the root that it will furnish";
        const std::string mounts = read_all(folder + "/mountinfo");
        EXPECT_EQ(std::count(mounts.begin(), mounts.end(), '\n'), 6)
            << "its root, four devices, /proc, and nothing of the host: " << mounts;
    }
}

TEST_F(Nursery, ManyAtOnceAreAllStarted) {
    wait_for(4);
    std::vector<std::unique_ptr<ApiWorker>> workers;
    for (std::uint64_t id = 1; id <= 12; ++id) {
        workers.push_back(std::make_unique<ApiWorker>(folder_, id));
        ASSERT_TRUE(client_->spawn(workers.back()->order));
    }
    for (std::uint64_t id = 1; id <= 12; ++id) {
        auto event = next_event(*client_);
        ASSERT_TRUE(event);
        ASSERT_EQ(event->kind, MessageKind::spawned) << event->text;
        ApiWorker& worker = *workers[event->worker_id - 1];
        worker.listener = std::move(event->listener);
        ASSERT_TRUE(worker.accept());
        EXPECT_EQ(worker.ask("self")["uid"], "1000");
    }
}

}  // namespace
}  // namespace skerry::test
