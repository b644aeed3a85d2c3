// What the control group of a worker does, and what its end tells. Needs root.
#include <csignal>
#include <fstream>

#include "tests/sandbox/warden/api_rig.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

class Group : public ApiTest {
  protected:
    void SetUp() override {
        ApiTest::SetUp();
        if (client_ && !client_->groups().hierarchy().complete())
            GTEST_SKIP() << cgroup::describe(client_->groups().hierarchy());
    }
    warden::Event end_of_worker() {
        auto event = next_event(*client_);
        EXPECT_TRUE(event && event->kind == MessageKind::exited);
        return event ? std::move(*event) : warden::Event{};
    }
};

TEST_F(Group, MemoryBombEndsForItsMemory) {
    ApiWorker worker(folder_);
    worker.order.tmp_mib = 1;
    ASSERT_TRUE(start(worker));
    worker.say("eat 300");
    const warden::Event end = end_of_worker();
    EXPECT_EQ(end.signal, SIGKILL);
    EXPECT_TRUE(end.out_of_memory);
    EXPECT_GT(end.peak_memory_bytes, 48u << 20);
    EXPECT_LE(end.peak_memory_bytes, 65u << 20);
    EXPECT_GT(end.cpu_us, 0u);
}

TEST_F(Group, WorkerThatIsKilledIsNotBlamedForItsMemory) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(worker.ask("eat 30")["eaten_mib"], "30");
    ASSERT_TRUE(client_->kill(1));
    const warden::Event end = end_of_worker();
    EXPECT_EQ(end.signal, SIGKILL);
    EXPECT_FALSE(end.out_of_memory);
    EXPECT_GT(end.peak_memory_bytes, 30u << 20);
}

TEST_F(Group, AddressSpaceIsNotWhatLimitsAnInterpreter) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    std::ifstream limits("/proc/" + std::to_string(spawned_.pid) + "/limits");
    std::string line;
    while (std::getline(limits, line) && line.rfind("Max address space", 0) != 0) {
    }
    EXPECT_NE(line.find("unlimited"), std::string::npos) << line;
}

TEST_F(Group, ForkBombStopsAtItsLimitAndEndsWithItsWorker) {
    ApiWorker worker(folder_);
    worker.order.pids_max = 20;
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("fork 100");
    EXPECT_EQ(told["forked"], "19");
    EXPECT_EQ(told["errno"], std::to_string(EAGAIN));
    EXPECT_EQ(processes_of_workers(), 20);
    ASSERT_TRUE(client_->kill(1));
    end_of_worker();
    EXPECT_EQ(processes_of_workers(), 0);
}

TEST_F(Group, QuotaIsKept) {
    ApiWorker worker(folder_);
    worker.order.cpu_percent = 20;
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("spin 1000");
    // Of a second, as it counts itself.
    EXPECT_LT(std::stol(told["cpu_us"]), 450'000);
    ASSERT_TRUE(client_->kill(1));
    EXPECT_GT(end_of_worker().cpu_us, 50'000u);
}

TEST_F(Group, WorkerSeesItselfAtTheRootOfItsGroups) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    // In each hierarchy that there is, whatever its version.
    std::size_t hierarchies = 0;
    for (const auto& [key, path] : worker.ask("self")) {
        if (key.rfind("group.", 0) != 0) continue;
        ++hierarchies;
        // "1:name=systemd:/" was cut at its first sign of equality.
        EXPECT_TRUE(path == "/" || path.ends_with("=/")) << key << " " << path;
    }
    EXPECT_GE(hierarchies, 1u);
}

TEST_F(Group, CanBeSwitchedOff) {
    auto off = options();
    off.cgroups = cgroup::Mode::off;
    auto client = warden::Client::start(off);
    ASSERT_TRUE(client) << client.error().text;
    EXPECT_FALSE(client->groups().active());
    *client_ = std::move(client).value();
    ApiWorker worker(folder_);
    worker.order.memory_mib = 256;
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(worker.ask("eat 300").count("refused_mib"), 1u) << "its address space is limited";
    ASSERT_TRUE(client_->kill(1));
    const warden::Event end = end_of_worker();
    EXPECT_EQ(end.cpu_us, 0u);
    EXPECT_EQ(end.peak_memory_bytes, 0u);
}

}  // namespace
}  // namespace skerry::test
