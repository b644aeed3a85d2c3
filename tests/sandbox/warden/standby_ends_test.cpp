// Who stands by when skerryd or the warden is killed ends with them: a runtime without a function,
// a blank, and one of each that has just got its function. Needs root.
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/sandbox/warden/api_rig.hpp"
#include "tests/sandbox/warden/blanks.hpp"
#include "tests/sandbox/warden/leftovers.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

constexpr int kWorkers = 4;

class StandbyEnds : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        const char* built = std::getenv("SKERRY_TEST_STANDBY_BOOTSTRAP");
        ASSERT_NE(built, nullptr);
        const std::string runtime = folder_.path() + "/images/nodejs/var/runtime";
        std::filesystem::create_directories(runtime);
        std::filesystem::copy_file(built, runtime + "/bootstrap");
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
    }
    warden::Options options() const {
        return {.artifacts_dir = folder_.path(), .runtimes_dir = folder_.path() + "/images"};
    }

    // All that one server has: must live as long as its client.
    struct Standing {
        std::vector<std::unique_ptr<ApiWorker>> runtimes;
        std::vector<std::unique_ptr<Place>> places;
        UniqueFd snapshot;
    };
    bool make(warden::Client& client, Standing& standing) {
        standing.snapshot = take_template(client, folder_, doorbells_, 100);
        for (std::uint64_t id = 1; id <= 2; ++id) {
            auto runtime = std::make_unique<ApiWorker>(folder_, id);
            runtime->order.runtime = runtime::Kind::nodejs;
            runtime->order.start = warden::Start::standby;
            runtime->order.artifact_dir = runtime->order.function = runtime->order.version_hex = "";
            auto place = std::make_unique<Place>(folder_, doorbells_, id + 2);
            if (!client.spawn(runtime->order) || !client.spawn(blank_order(*place))) return false;
            for (int i = 0; i < 2; ++i) {
                auto event = next_event(client);
                if (!event || event->kind != MessageKind::spawned) return false;
                if (event->worker_id == id) runtime->listener = std::move(event->listener);
            }
            if (!runtime->accept()) return false;
            standing.runtimes.push_back(std::move(runtime));
            standing.places.push_back(std::move(place));
        }
        return client.assign({.worker_id = 1, .artifact_dir = folder_.artifact()}) &&
               next_event(client)->error_code == 0 &&
               client.assign(request_for(*standing.places[0], standing.snapshot.get())) &&
               next_event(client)->error_code == 0 && standing.places[0]->wait_ready();
    }

    Folder folder_;
    channel::Doorbells doorbells_;
};

TEST_F(StandbyEnds, WithTheWarden) {
    auto client = warden::Client::start(options());
    ASSERT_TRUE(client) << client.error().text;
    const std::string owner = client->groups().owner();
    Standing standing;
    ASSERT_TRUE(make(*client, standing)) << read_all(folder_.log());
    EXPECT_EQ(processes_of_workers(), kWorkers);
    ASSERT_EQ(::kill(client->pid(), SIGKILL), 0);
    { const warden::Client ended = std::move(*client); }
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(groups_of(owner), 0u);
    EXPECT_FALSE(mounted(folder_));
}

TEST_F(StandbyEnds, WithSkerryd) {
    struct Server {
        pid_t warden = -1;
        char owner[64] = {};
    } server;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd told(ends[0]);
    UniqueFd tell(ends[1]);
    (void)host_uid();  // of this process, for both
    const pid_t skerryd = ::fork();
    ASSERT_GE(skerryd, 0);
    if (skerryd == 0) {
        auto client = warden::Client::start(options());
        Standing standing;
        if (!client || !make(*client, standing)) ::_exit(1);
        server.warden = client->pid();
        client->groups().owner().copy(server.owner, sizeof server.owner - 1);
        if (::write(tell.get(), &server, sizeof server) != sizeof server) ::_exit(2);
        while (true) ::pause();
    }
    tell.reset();
    ASSERT_EQ(::read(told.get(), &server, sizeof server), static_cast<ssize_t>(sizeof server))
        << read_all(folder_.log());
    EXPECT_EQ(processes_of_workers(), kWorkers);
    const UniqueFd warden(static_cast<int>(::syscall(SYS_pidfd_open, server.warden, 0u)));
    ASSERT_EQ(::kill(skerryd, SIGKILL), 0);
    ASSERT_EQ(::waitpid(skerryd, nullptr, 0), skerryd);
    if (warden) {
        EXPECT_TRUE(readable(warden.get()));
    }
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(wait_for_groups(server.owner, 0), 0u);
    EXPECT_FALSE(mounted(folder_));
}

}  // namespace
}  // namespace skerry::test
