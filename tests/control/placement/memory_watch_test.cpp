// Workers that have lost a process for their memory limit: a folder of files is their group.
#include "tests/control/placement/rig.hpp"
#include "tests/sandbox/cgroup/fake_tree.hpp"

namespace skerry::placement {
namespace {

using Killed = std::vector<std::uint64_t>;

class LostAProcess : public PoolTest {
  protected:
    cgroup::Groups groups() const override {
        cgroup::Hierarchy hierarchy;
        hierarchy.version = cgroup::Version::v1;
        hierarchy.memory = tree_.path();
        hierarchy.has_memory = true;
        auto groups = cgroup::Groups::create(hierarchy, "me");
        EXPECT_TRUE(groups);
        return std::move(*groups);
    }
    void count(int killed) {
        tree_.write("me/w/memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill " + std::to_string(killed) + "\n");
    }
    Killed killed_at(std::uint64_t later_us) {
        step(later_us);
        take_orders();
        return killed_;
    }
    void told_out_of_memory(std::uint64_t id) {
        warden::Message message;
        message.kind = warden::MessageKind::exited;
        message.worker_id = id;
        message.signal = 9;
        message.out_of_memory = 1;
        ASSERT_EQ(warden::send_message(warden_.get(), message, {}), 0);
    }

    cgroup::FakeTree tree_;
};

TEST_F(LostAProcess, ABusyOneIsKilledOnceAndCountedAsOutOfMemory) {
    count(0);
    const auto entry = open(1, 1);
    const auto id = ready_worker(entry);
    ASSERT_EQ(table(entry).claim(0), 0u);
    Channel* const channel = shared_.capacity->refs[entry][0].channel;
    EXPECT_EQ(killed_at(50'000), Killed{});
    count(1);
    EXPECT_EQ(killed_at(1'000), Killed{}) << "it was looked at a moment ago";
    EXPECT_EQ(killed_at(49'000), Killed{id});
    EXPECT_EQ(killed_at(50'000), Killed{id}) << "once is enough";
    told_out_of_memory(id);
    step();
    EXPECT_TRUE(channel->dead.load());
    EXPECT_EQ(pool_->totals().crashed, 1u);
    EXPECT_EQ(pool_->totals().out_of_memory, 1u);
    EXPECT_EQ(pool_->history(entry).out_of_memory(), 1u);
    EXPECT_EQ(pool_->start_failure(entry), "") << "it had a request in hand";
}

TEST_F(LostAProcess, AnIdleOneIsLookedAtNowAndThen) {
    count(0);
    const auto id = ready_worker(open(1, 1));
    EXPECT_EQ(killed_at(1'000'000), Killed{});
    count(1);
    EXPECT_EQ(killed_at(900'000), Killed{});
    EXPECT_EQ(killed_at(100'000), Killed{id});
}

TEST_F(LostAProcess, TheNextStepIsNotLaterThanTheNextLook) {
    count(0);
    const auto entry = open(1, 1);
    ready_worker(entry);
    ASSERT_EQ(table(entry).claim(0), 0u);
    now_us_ += 2'000'000;
    EXPECT_EQ(pool_->step(now_us_), now_us_ + 50'000);
    const auto looked_us = now_us_;
    now_us_ += 20'000;
    EXPECT_EQ(pool_->step(now_us_), looked_us + 50'000);
}

}  // namespace
}  // namespace skerry::placement
