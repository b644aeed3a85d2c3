// The worker pool of control/placement with a real warden and real workers that work against the
// thread that looks after them. Needs root.
#include <chrono>
#include <thread>

#include "control/placement/worker_pool.hpp"
#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {
namespace {

using Clock = std::chrono::steady_clock;

class HostileWorker : public ::testing::Test {
  protected:
    void start(const std::string& kind) {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        ::alarm(60);  // to be made to wait for ever is what is tested
        std::ofstream(folder_.artifact() + "/data") << kind;
        auto client = warden::Client::start(folder_.options());
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        pool_.emplace(shared_, *client_, doorbells_,
                      placement::WorkerLimits{.max = 2, .first_uid = host_uid()});
        auto entry = pool_->open_entry({.function = "hostile",
                                        .version_hex = "00ff",
                                        .artifact_dir = folder_.artifact(),
                                        .workers_max = 1,
                                        .payload_bytes_max = 1024});
        ASSERT_TRUE(entry);
        entry_ = *entry;
        pool_->set_target(entry_, 1, true);
    }
    void TearDown() override {
        pool_.reset();
        EXPECT_EQ(processes_of_workers(), 0) << "the pool ends its workers, not only the warden";
        ::alarm(0);
    }
    // Steps for `time`, or until the worker is ready.
    void run(std::chrono::milliseconds time) {
        const auto end = Clock::now() + time;
        while (Clock::now() < end && pool_->ready(entry_) == 0) {
            pool_->step(
                static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                               Clock::now().time_since_epoch())
                                               .count()));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    Folder folder_;
    Shared shared_;
    channel::Doorbells doorbells_;
    std::optional<warden::Client> client_;
    std::optional<placement::WorkerPool> pool_;
    std::uint32_t entry_ = 0;
};

TEST_F(HostileWorker, ThatMakesTheReadyBellBlockStopsNobody) {
    start("silent");
    if (IsSkipped()) return;
    run(std::chrono::milliseconds(500));
    EXPECT_EQ(pool_->workers(entry_), 1u);
    EXPECT_EQ(pool_->ready(entry_), 0u);
    EXPECT_EQ(processes_of_workers(), 1);
}

TEST_F(HostileWorker, ThatFightsForItsEventfdsCanBeEnded) {
    start("fighting");
    if (IsSkipped()) return;
    run(std::chrono::seconds(10));
    EXPECT_EQ(pool_->ready(entry_), 1u) << read_all(folder_.artifact() + "/../hostile-00ff.log");
}

TEST_F(HostileWorker, ThatMakesAForbiddenCallIsToldByItsName) {
    start("forbidden");
    if (IsSkipped()) return;
    run(std::chrono::milliseconds(300));
    EXPECT_EQ(pool_->ready(entry_), 0u);
    EXPECT_EQ(pool_->start_failure(entry_),
              "the worker made the system call ptrace, which its policy does not allow");
    EXPECT_GE(pool_->totals().denied_calls.at("ptrace"), 1u);
}

}  // namespace
}  // namespace skerry::test
