// Workers that have cookies of their own, where the kernel has core scheduling; and what is said
// where it has not. Needs root.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include "sandbox/base/core_scheduling.hpp"
#include "tests/sandbox/warden/api_rig.hpp"

namespace skerry::test {
namespace {

// What this kernel answers, in a child: a cookie can't be given back.
int tried() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(take_cookie());
    int state = 0;
    EXPECT_EQ(::waitpid(child, &state, 0), child);
    return WEXITSTATUS(state);
}

std::uint64_t cookie_of(pid_t pid) {
    alignas(8) std::uint64_t cookie = 0;
    EXPECT_EQ(::prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, PR_SCHED_CORE_SCOPE_THREAD, &cookie),
              0)
        << std::strerror(errno);
    return cookie;
}

class CoreScheduling : public ApiTest {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto wanted = options();
        wanted.core_scheduling = true;
        auto client = warden::Client::start(wanted);
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
};

// On every kernel the call is made, and its answer taken for what it is.
TEST_F(CoreScheduling, IsThereOrNoWorkerIs) {
    const int error = tried();
    ApiWorker worker(folder_);
    if (error == 0 || error == ENODEV) {
        ASSERT_TRUE(start(worker));
        EXPECT_EQ(worker.ask("self")["uid"], "1000");
        return;
    }
    ASSERT_TRUE(client_->spawn(worker.order));
    const auto event = next_event(*client_);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, warden::MessageKind::failed);
    EXPECT_EQ(event->error_code, error);
    EXPECT_NE(event->text.find("core-scheduling cookie"), std::string::npos) << event->text;
    EXPECT_NE(event->text.find("--check"), std::string::npos) << event->text;
}

TEST_F(CoreScheduling, EachWorkerHasACookieOfItsOwn) {
    if (const int error = tried(); error != 0)
        GTEST_SKIP() << "PR_SCHED_CORE: " << std::strerror(error)
                     << ": this kernel or CPU has none; tests/systemd/core_scheduling has";
    std::vector<std::unique_ptr<ApiWorker>> workers;
    std::set<std::uint64_t> cookies = {cookie_of(0), cookie_of(client_->pid())};
    EXPECT_EQ(cookies.size(), 1u) << "server and warden have none";
    for (std::uint64_t id = 1; id <= 8; ++id) {  // more than are ready ahead of need
        workers.push_back(std::make_unique<ApiWorker>(folder_, id));
        ASSERT_TRUE(start(*workers.back()));
        EXPECT_TRUE(cookies.insert(cookie_of(spawned_.pid)).second) << "worker " << id;
    }
}

TEST_F(CoreScheduling, IsNotThereUnlessItIsAskedFor) {
    if (const int error = tried(); error != 0)
        GTEST_SKIP() << "PR_SCHED_CORE: " << std::strerror(error)
                     << ": this kernel or CPU has none; tests/systemd/core_scheduling has";
    auto client = warden::Client::start(options());
    ASSERT_TRUE(client) << client.error().text;
    *client_ = std::move(client).value();
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(cookie_of(spawned_.pid), 0u);
}

}  // namespace
}  // namespace skerry::test
