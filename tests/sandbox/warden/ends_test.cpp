// Whoever of skerryd and the warden ends, in whatever way: no process, mount or control group of
// theirs is left. Needs root.
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "tests/sandbox/warden/api_rig.hpp"
#include "tests/sandbox/warden/leftovers.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

class Ends : public ApiTest {};

TEST_F(Ends, ClientThatClosesLeavesNothing) {
    const std::string owner = client_->groups().owner();
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    worker.ask("fork 5");
    EXPECT_EQ(groups_of(owner), places().size());
    client_.reset();
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(groups_of(owner), 0u);
    EXPECT_FALSE(mounted(folder_));
}

TEST_F(Ends, GroupOfAWorkerGoesWithIt) {
    const std::string owner = client_->groups().owner();
    for (std::uint64_t id = 1; id <= 5; ++id) {
        ApiWorker worker(folder_, id);
        ASSERT_TRUE(start(worker));
        ASSERT_TRUE(client_->kill(id));
        ASSERT_EQ(next_event(*client_)->kind, MessageKind::exited);
    }
    // Those that are left belong to jails that are ready.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    for (const std::string& place : places()) {
        const std::filesystem::directory_iterator all(place + "/" + owner);
        EXPECT_LE(std::count_if(begin(all), end(all),
                                [](const auto& entry) { return entry.is_directory(); }),
                  4)
            << place;
    }
}

TEST_F(Ends, WardenThatIsKilledIsCleanedUpAfter) {
    const std::string owner = client_->groups().owner();
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    worker.ask("fork 5");
    ASSERT_EQ(::kill(client_->pid(), SIGKILL), 0);
    ASSERT_TRUE(readable(client_->fd()));
    EXPECT_FALSE(client_->poll_event());
    client_.reset();
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(groups_of(owner), 0u);
    EXPECT_FALSE(mounted(folder_));
}

// A skerryd that has one worker, as a process of its own.
struct Server {
    pid_t pid = -1;
    pid_t warden = -1;
    char owner[64] = {};
};

class ServerEnds : public Ends {
  protected:
    Server start_server() {
        ApiWorker worker(folder_);
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        const UniqueFd told(ends[0]);
        UniqueFd tell(ends[1]);
        Server server;
        server.pid = ::fork();
        if (server.pid == 0) {
            auto client = warden::Client::start(options());
            if (!client || !client->spawn(worker.order)) ::_exit(1);
            auto event = next_event(*client);
            if (!event || event->kind != MessageKind::spawned) ::_exit(2);
            worker.listener = std::move(event->listener);
            if (!worker.accept() || worker.ask("fork 5")["forked"] != "5") ::_exit(3);
            server.pid = ::getpid();
            server.warden = client->pid();
            client->groups().owner().copy(server.owner, sizeof server.owner - 1);
            if (::write(tell.get(), &server, sizeof server) != sizeof server) ::_exit(4);
            while (true) ::pause();
        }
        tell.reset();
        EXPECT_EQ(::read(told.get(), &server, sizeof server), static_cast<ssize_t>(sizeof server));
        return server;
    }
    static void wait_for_end(pid_t pid) {
        const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)));
        if (!pidfd) return;  // it has ended and was reaped
        EXPECT_TRUE(readable(pidfd.get()));
    }
};

TEST_F(ServerEnds, WardenCleansUpAfterASkerrydThatIsKilled) {
    const Server server = start_server();
    ASSERT_EQ(groups_of(server.owner), places().size());
    EXPECT_EQ(processes_of_workers(), 6);
    ASSERT_EQ(::kill(server.pid, SIGKILL), 0);
    ASSERT_EQ(::waitpid(server.pid, nullptr, 0), server.pid);
    wait_for_end(server.warden);
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(wait_for_groups(server.owner, 0), 0u);
    EXPECT_FALSE(mounted(folder_));
}

TEST_F(ServerEnds, NextStartCleansUpAfterBoth) {
    const Server server = start_server();
    // The warden can't do anything any more when it hears of the end of skerryd.
    ASSERT_EQ(::kill(server.warden, SIGSTOP), 0);
    ASSERT_EQ(::kill(server.pid, SIGKILL), 0);
    ASSERT_EQ(::waitpid(server.pid, nullptr, 0), server.pid);
    ASSERT_EQ(::kill(server.warden, SIGKILL), 0);
    wait_for_end(server.warden);
    EXPECT_EQ(processes_of_workers(), 0);
    // The groups are still there now, unless another test's server has just started: whichever
    // starts next, of all of a machine's, removes them.
    auto next = warden::Client::start(options());
    ASSERT_TRUE(next);
    EXPECT_EQ(wait_for_groups(server.owner, 0), 0u);
    EXPECT_EQ(groups_of(client_->groups().owner()), places().size()) << "that one is alive";
}

// Killed between any two steps of its start: the warden, or whoever starts next, removes what there
// is by then.
TEST_F(ServerEnds, SkerrydKilledAtAnyMomentLeavesNothing) {
    for (int round = 0; round < 25; ++round) {
        ApiWorker worker(folder_);
        const pid_t server = ::fork();
        ASSERT_GE(server, 0);
        if (server == 0) {
            auto client = warden::Client::start(options());
            if (client && client->spawn(worker.order)) (void)next_event(*client);
            while (true) ::pause();
        }
        std::this_thread::sleep_for(std::chrono::microseconds(round * 700));
        ASSERT_EQ(::kill(server, SIGKILL), 0);
        ASSERT_EQ(::waitpid(server, nullptr, 0), server);
        const std::string prefix = "skerry-" + std::to_string(server) + "-";
        const auto left = [&prefix] {
            (void)cgroup::sweep(cgroup::discover());  // as the next start does
            std::size_t count = static_cast<std::size_t>(processes_of_workers());
            for (const std::string& place : places())
                for (const auto& entry : std::filesystem::directory_iterator(place))
                    count += entry.path().filename().string().rfind(prefix, 0) == 0 ? 1 : 0;
            return count;
        };
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (left() != 0 && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        EXPECT_EQ(left(), 0u) << "round " << round;
    }
}

// At any moment: while jails are being made, while workers start.
TEST_F(ServerEnds, AtAnyMomentLeavesNothing) {
    for (int round = 0; round < 20; ++round) {
        auto client = warden::Client::start(options());
        ASSERT_TRUE(client) << client.error().text;
        const std::string owner = client->groups().owner();
        ApiWorker one(folder_, 1);
        ApiWorker two(folder_, 2);
        ASSERT_TRUE(client->spawn(one.order));
        ASSERT_TRUE(client->spawn(two.order));
        std::this_thread::sleep_for(std::chrono::microseconds(round * 400));
        if (round % 2 == 0) {
            ASSERT_EQ(::kill(client->pid(), SIGKILL), 0);
        }
        { const warden::Client ended = std::move(*client); }
        EXPECT_EQ(processes_of_workers(), 0) << round;
        EXPECT_EQ(groups_of(owner), 0u) << round;
    }
}

}  // namespace
}  // namespace skerry::test
