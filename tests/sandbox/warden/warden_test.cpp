// The warden with real workers: what it reports, and that nothing outlives it. Needs root.
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

UniqueFd open_pidfd(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u)));
}

std::size_t open_descriptors(pid_t pid) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Warden : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        start();
    }
    void start() {
        auto client = warden::Client::start(folder_.options());
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
    // Sends the order; the answer, whatever it is.
    warden::Event try_spawn(const warden::SpawnRequest& order) {
        auto sent = client_->spawn(order);
        EXPECT_TRUE(sent) << sent.error().text;
        return next_event(*client_).value_or(warden::Event{});
    }
    std::unique_ptr<Place> spawn(std::uint64_t id) {
        auto place = std::make_unique<Place>(folder_, doorbells_, id);
        const auto event = try_spawn(place->order);
        EXPECT_EQ(event.kind, MessageKind::spawned) << event.text;
        EXPECT_EQ(event.worker_id, id);
        pid_ = event.pid;
        EXPECT_TRUE(place->wait_ready()) << read_all(folder_.log());
        return place;
    }

    Folder folder_;
    channel::Doorbells doorbells_;
    std::optional<warden::Client> client_;
    pid_t pid_ = 0;  // of the last one spawned
};

TEST_F(Warden, StartsAWorkerThatAnswers) {
    auto place = spawn(1);
    const std::uint64_t sequence = place->core.submit(1, "anything");
    ASSERT_EQ(place->core.wait_done(), 2u);
    EXPECT_EQ(place->core.answer(1).sequence, sequence);
    EXPECT_EQ(place->core.answer(1).status, 0u);
}

TEST_F(Warden, KeepsWorkersApart) {
    auto one = spawn(1);
    auto two = spawn(2);
    EXPECT_EQ(parse(one->core.ask("identity").bytes)["pid"], "1");
    EXPECT_EQ(parse(two->core.ask("identity").bytes)["pid"], "1");
    ASSERT_TRUE(client_->kill(1));
    EXPECT_EQ(next_event(*client_)->worker_id, 1u);
    EXPECT_EQ(two->core.ask("nothing").status, 0u);
}

TEST_F(Warden, ReportsACrash) {
    auto place = spawn(7);
    place->core.submit(0, "crash");
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::exited);
    EXPECT_EQ(event->worker_id, 7u);
    EXPECT_EQ(event->signal, SIGILL);
    EXPECT_EQ(event->exit_code, -1);
}

TEST_F(Warden, ReportsAnExitCode) {
    auto place = spawn(1);
    place->core.submit(0, "exit");
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::exited);
    EXPECT_EQ(event->exit_code, 7);
    EXPECT_EQ(event->signal, 0);
}

TEST_F(Warden, KillsAWorkerWithAllItsProcesses) {
    auto place = spawn(1);
    place->core.ask("fork");
    EXPECT_EQ(processes_of_workers(), 2);
    ASSERT_TRUE(client_->kill(1));
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::exited);
    EXPECT_EQ(event->signal, SIGKILL);
    EXPECT_EQ(processes_of_workers(), 0);
}

TEST_F(Warden, DoesNotMindAKillThatComesTooLate) {
    ASSERT_TRUE(client_->kill(99));
    spawn(1);
}

TEST_F(Warden, SendsStandardErrorToTheLog) {
    auto place = spawn(1);
    place->core.ask("log");
    EXPECT_EQ(read_all(folder_.log()), "a line for the log\n");
}

TEST_F(Warden, SaysWhyAWorkerCouldNotBeStarted) {
    Place place(folder_, doorbells_, 1);
    auto order = place.order;
    order.artifact_dir = folder_.path() + "/absent";
    auto event = try_spawn(order);
    EXPECT_EQ(event.kind, MessageKind::failed);
    EXPECT_EQ(event.worker_id, 1u);
    EXPECT_EQ(event.error_code, ENOENT);
    EXPECT_NE(event.text.find("artifact"), std::string::npos) << event.text;

    order.artifact_dir = folder_.path() + "/log";
    EXPECT_EQ(try_spawn(order).error_code, ENOTDIR);

    ASSERT_EQ(::chmod((folder_.artifact() + "/bootstrap").c_str(), 0644), 0);
    event = try_spawn(place.order);
    EXPECT_EQ(event.error_code, EACCES);
    EXPECT_NE(event.text.find("bootstrap"), std::string::npos) << event.text;
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), 0);  // the warden is the only child of this process
}

TEST_F(Warden, DoesNotFollowALinkToAnArtifact) {
    Place place(folder_, doorbells_, 1);
    std::filesystem::create_directory_symlink("/etc", folder_.path() + "/link");
    place.order.artifact_dir = folder_.path() + "/link";
    EXPECT_EQ(try_spawn(place.order).kind, MessageKind::failed);
}

TEST_F(Warden, RefusesAnIdThatIsAlive) {
    auto place = spawn(1);
    const auto event = try_spawn(place->order);
    EXPECT_EQ(event.kind, MessageKind::failed);
    EXPECT_EQ(event.error_code, EEXIST);
}

TEST_F(Warden, RefusesOrdersThatMakeNoSense) {
    ASSERT_EQ(::send(client_->fd(), "abc", 3, 0), 3);
    auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, MessageKind::failed);
    EXPECT_EQ(event->error_code, EBADMSG);

    warden::Message order;
    order.worker_id = 5;
    order.kind = static_cast<MessageKind>(77);
    ASSERT_GT(::send(client_->fd(), &order, warden::wire_bytes(order), 0), 0);
    event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->worker_id, 5u);
    EXPECT_EQ(event->error_code, EINVAL);

    order.version = 1;
    ASSERT_GT(::send(client_->fd(), &order, warden::wire_bytes(order), 0), 0);
    event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->error_code, EPROTO);
    spawn(1);
}

TEST_F(Warden, RefusesAnOrderWhoseDescriptorsItHasNoRoomFor) {
    const auto other = spawn(1);  // it has raised its own limit by now
    rlimit limit{};
    ASSERT_EQ(::prlimit(client_->pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
    const rlimit none{3, limit.rlim_max};  // as many as it polls
    ASSERT_EQ(::prlimit(client_->pid(), RLIMIT_NOFILE, &none, nullptr), 0);
    Place place(folder_, doorbells_, 7);
    const auto event = try_spawn(place.order);
    EXPECT_EQ(event.kind, MessageKind::failed);
    EXPECT_EQ(event.worker_id, 7u);
    EXPECT_EQ(event.error_code, EMFILE);
    ASSERT_EQ(::prlimit(client_->pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
    spawn(7);
}

TEST_F(Warden, KeepsNoDescriptorItDoesNotNeed) {
    const UniqueFd inherited(::open("/dev/null", O_RDONLY));  // without close-on-exec
    client_.reset();
    auto options = folder_.options();
    options.ready_jails = 0;
    auto client = warden::Client::start(options);
    ASSERT_TRUE(client) << client.error().text;
    client_.emplace(std::move(client).value());
    spawn(1);
    // 0 to 2, the socket, the signals, the restorer, its own mounts and root, the set of listeners
    // and the one of the worker.
    EXPECT_EQ(open_descriptors(client_->pid()), 10u);
    Place place(folder_, doorbells_, 2);
    place.order.artifact_dir = folder_.path() + "/absent";
    for (int i = 0; i < 20; ++i) EXPECT_EQ(try_spawn(place.order).kind, MessageKind::failed);
    EXPECT_EQ(open_descriptors(client_->pid()), 10u);
    ASSERT_TRUE(client_->kill(1));
    EXPECT_EQ(next_event(*client_)->kind, MessageKind::exited);
    EXPECT_EQ(open_descriptors(client_->pid()), 9u);
}

TEST_F(Warden, LeavesSignalsOfTheGroupToSkerryd) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP})
        ASSERT_EQ(::kill(client_->pid(), number), 0);
    spawn(1);
}

TEST_F(Warden, LeavesNothingWhenTheClientCloses) {
    auto one = spawn(1);
    auto two = spawn(2);
    one->core.ask("fork");
    const pid_t warden_pid = client_->pid();
    EXPECT_EQ(processes_of_workers(), 3);
    client_.reset();
    EXPECT_EQ(processes_of_workers(), 0);
    EXPECT_EQ(::kill(warden_pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
}

TEST_F(Warden, TakesItsWorkersWithItWhenKilled) {
    auto place = spawn(1);
    place->core.ask("fork");
    ASSERT_EQ(::kill(client_->pid(), SIGKILL), 0);
    ASSERT_TRUE(readable(client_->fd()));
    EXPECT_FALSE(client_->poll_event());
    EXPECT_FALSE(client_->spawn(place->order));
    client_.reset();  // waits for its end
    EXPECT_EQ(processes_of_workers(), 0);
}

TEST_F(Warden, LeavesNothingWhenSkerrydIsKilled) {
    Place place(folder_, doorbells_, 1);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd told(ends[0]);
    UniqueFd tell(ends[1]);
    const pid_t skerryd = ::fork();
    ASSERT_GE(skerryd, 0);
    if (skerryd == 0) {
        auto client = warden::Client::start(folder_.options());
        if (!client || !client->spawn(place.order)) ::_exit(1);
        const auto event = next_event(*client);
        if (!event || event->kind != MessageKind::spawned || !place.wait_ready()) ::_exit(2);
        const pid_t pids[2] = {client->pid(), event->pid};
        if (::write(tell.get(), pids, sizeof pids) != sizeof pids) ::_exit(3);
        while (true) ::pause();
    }
    tell.reset();
    pid_t pids[2] = {};
    const bool started = ::read(told.get(), pids, sizeof pids) == sizeof pids;
    EXPECT_TRUE(started);
    const UniqueFd warden_end = started ? open_pidfd(pids[0]) : UniqueFd();
    const UniqueFd worker_end = started ? open_pidfd(pids[1]) : UniqueFd();
    if (started) {
        EXPECT_EQ(processes_of_workers(), 1);
    }
    ASSERT_EQ(::kill(skerryd, SIGKILL), 0);
    ASSERT_EQ(::waitpid(skerryd, nullptr, 0), skerryd);
    ASSERT_TRUE(started);
    EXPECT_TRUE(readable(warden_end.get()));
    EXPECT_TRUE(readable(worker_end.get()));
    EXPECT_EQ(processes_of_workers(), 0);
}

TEST_F(Warden, EndsTheOldOneWhenAClientIsReplaced) {
    const pid_t old = client_->pid();
    auto other = warden::Client::start(folder_.options());
    ASSERT_TRUE(other);
    *client_ = std::move(other).value();
    EXPECT_EQ(::kill(old, 0), -1);
    spawn(1);
}

// Starts and ends that overlap: every order is answered, every worker is reported as gone.
TEST_F(Warden, SurvivesManyStartsAndEnds) {
    constexpr std::uint64_t kRounds = 60;
    Place place(folder_, doorbells_, 0);
    std::uint64_t spawned = 0;
    std::uint64_t exited = 0;
    std::uint64_t spawns_sent = 0;
    std::uint64_t kills_sent = 0;
    while (exited < kRounds) {
        // An order that there is no room for now is sent later.
        place.order.worker_id = spawns_sent + 1;
        if (spawns_sent < kRounds && client_->spawn(place.order)) ++spawns_sent;
        if (kills_sent < spawns_sent && client_->kill(kills_sent + 1)) ++kills_sent;
        const auto event = next_event(*client_);
        ASSERT_TRUE(event);
        ASSERT_NE(event->kind, MessageKind::failed) << event->text;
        ++(event->kind == MessageKind::spawned ? spawned : exited);
    }
    EXPECT_EQ(spawned, kRounds);
    EXPECT_EQ(processes_of_workers(), 0);
}

}  // namespace
}  // namespace skerry::test
