// Both backends against folders of files: what is written where, and read from where.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/cgroup/cpu_meter.hpp"
#include "sandbox/cgroup/groups.hpp"
#include "tests/sandbox/cgroup/fake_tree.hpp"

namespace skerry::cgroup {
namespace {

class Version2 : public ::testing::Test {
  protected:
    Version2() {
        tree_.write("own/cgroup.subtree_control", "");
        tree_.write("own/me-1/cgroup.subtree_control", "");
        for (const char* file :
             {"cgroup.procs", "memory.max", "memory.swap.max", "memory.oom.group", "cpu.weight",
              "cpu.max", "pids.max", "cgroup.kill"})
            tree_.write(std::string("own/me-1/w1/") + file, "");
        hierarchy_.version = Version::v2;
        hierarchy_.unified = tree_.path() + "/own";
        hierarchy_.has_memory = hierarchy_.has_cpu = hierarchy_.has_pids = true;
        auto groups = Groups::create(hierarchy_, "me-1");
        EXPECT_TRUE(groups) << groups.error().text;
        groups_ = std::move(*groups);
    }
    std::string read(const char* file) { return tree_.read(std::string("own/me-1/w1/") + file); }

    FakeTree tree_;
    Hierarchy hierarchy_;
    Groups groups_;
};

TEST_F(Version2, HandsControllersOnToItsGroups) {
    EXPECT_EQ(tree_.read("own/cgroup.subtree_control"), "+memory +cpu +pids ");
    EXPECT_EQ(tree_.read("own/me-1/cgroup.subtree_control"), "+memory +cpu +pids ");
}

TEST_F(Version2, AsksForWhatIsMissingOnly) {
    tree_.write("own/cgroup.subtree_control", "cpuset memory pids\n");
    ASSERT_TRUE(Groups::create(hierarchy_, "me-1"));
    EXPECT_EQ(tree_.read("own/cgroup.subtree_control").substr(0, 5), "+cpu ");
}

TEST_F(Version2, WritesLimits) {
    ASSERT_TRUE(groups_.set(
        "w1", {.memory_bytes = 1 << 20, .cpu_percent = 150, .cpu_weight = 50, .pids_max = 7}));
    EXPECT_EQ(read("memory.max"), "1048576");
    EXPECT_EQ(read("memory.swap.max"), "0");
    EXPECT_EQ(read("memory.oom.group"), "1");
    EXPECT_EQ(read("cpu.weight"), "50");
    EXPECT_EQ(read("cpu.max"), "150000 100000");
    EXPECT_EQ(read("pids.max"), "7");
}

TEST_F(Version2, DoesWithoutSwapAccounting) {
    std::filesystem::remove(tree_.path() + "/own/me-1/w1/memory.swap.max");
    EXPECT_TRUE(groups_.set("w1", {.memory_bytes = 1 << 20}));
    std::filesystem::remove(tree_.path() + "/own/me-1/w1/pids.max");
    EXPECT_FALSE(groups_.set("w1", {.memory_bytes = 1 << 20})) << "but not without a limit";
}

TEST_F(Version2, ReadsUsage) {
    tree_.write("own/me-1/w1/memory.peak", "4096\n");
    tree_.write("own/me-1/w1/memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 1\n");
    tree_.write("own/me-1/w1/cpu.stat", "usage_usec 77\nuser_usec 1\nnr_throttled 5\n");
    const Usage usage = groups_.usage("w1");
    EXPECT_EQ(usage.peak_memory_bytes, 4096u);
    EXPECT_TRUE(usage.out_of_memory);
    EXPECT_EQ(usage.cpu_us, 77u);
    EXPECT_EQ(usage.throttled, 5u);
    tree_.write("own/me-1/w1/memory.events", "oom 3\noom_kill 0\n");
    EXPECT_FALSE(groups_.usage("w1").out_of_memory);
    EXPECT_EQ(groups_.usage("absent").cpu_us, 0u);
}

TEST_F(Version2, TellsThatAProcessWasLost) {
    const std::string file = "own/me-1/w1/memory.events";
    EXPECT_FALSE(groups_.lost_a_process("w1")) << "no such file";
    for (const char* text : {"", "oom_kill", "oom_kill \n", "oom_kill x\n", "oom 3\noom_kill 0\n",
                             "oom_kill 0\noom_group_kill 1\n", "xoom_kill 1\n", "oom 1\n"}) {
        tree_.write(file, text);
        EXPECT_FALSE(groups_.lost_a_process("w1")) << text;
    }
    for (const char* text :
         {"low 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n", "oom_kill 23"}) {
        tree_.write(file, text);
        EXPECT_TRUE(groups_.lost_a_process("w1")) << text;
    }
    EXPECT_FALSE(groups_.lost_a_process("absent"));
}

TEST_F(Version2, MetersCpuTime) {
    tree_.write("own/me-1/w1/cpu.stat", "usage_usec 77\nuser_usec 1\n");
    const CpuMeter meter(groups_, "w1", 0);
    EXPECT_EQ(meter.read_us(), 77u);
    EXPECT_TRUE(meter.of_group());
    EXPECT_FALSE(CpuMeter(groups_, "absent", 0).read_us());
    EXPECT_EQ(parse_cpu_us("nr_periods 5\nusage_usec 9\n", false), 9u);
    EXPECT_EQ(parse_cpu_us("xusage_usec 9\n", false), std::nullopt);
    EXPECT_EQ(parse_cpu_us("usage_usec x\n", false), std::nullopt);
    EXPECT_EQ(parse_cpu_us("12345678\n", true), 12345u);
    EXPECT_EQ(parse_cpu_us("", true), std::nullopt);
}

TEST(CpuMeter, WithoutAGroupIsOfTheProcess) {
    const CpuMeter meter(Groups(), "w1", ::getpid());
    const auto before = meter.read_us();
    ASSERT_TRUE(before);
    while (*meter.read_us() < *before + 1000) {
    }
    EXPECT_FALSE(meter.of_group());
    EXPECT_FALSE(CpuMeter(Groups(), "w1", 0).read_us());
}

TEST_F(Version2, JoinsAndKills) {
    EXPECT_EQ(groups_.join("w1"), 0);
    EXPECT_EQ(read("cgroup.procs"), "0");
    groups_.kill("w1");
    EXPECT_EQ(read("cgroup.kill"), "1");
}

TEST(Version1, WritesLimitsIntoEachHierarchy) {
    FakeTree tree;
    for (const char* file :
         {"m/me/w1/memory.limit_in_bytes", "m/me/w1/memory.memsw.limit_in_bytes",
          "m/me/w1/memory.swappiness", "c/me/w1/cpu.shares", "c/me/w1/cpu.cfs_quota_us",
          "c/me/w1/cpu.cfs_period_us", "p/me/w1/pids.max", "m/me/w1/cgroup.procs",
          "c/me/w1/cgroup.procs", "p/me/w1/cgroup.procs"})
        tree.write(file, "");
    Hierarchy hierarchy;
    hierarchy.version = Version::v1;
    hierarchy.memory = tree.path() + "/m";
    hierarchy.cpu = hierarchy.cpuacct = tree.path() + "/c";
    hierarchy.pids = tree.path() + "/p";
    hierarchy.has_memory = hierarchy.has_cpu = hierarchy.has_pids = true;
    auto groups = Groups::create(hierarchy, "me");
    ASSERT_TRUE(groups) << groups.error().text;
    ASSERT_TRUE(groups->set(
        "w1", {.memory_bytes = 4096, .cpu_percent = 20, .cpu_weight = 200, .pids_max = 9}));
    EXPECT_EQ(tree.read("m/me/w1/memory.limit_in_bytes"), "4096");
    EXPECT_EQ(tree.read("m/me/w1/memory.memsw.limit_in_bytes"), "4096");
    EXPECT_EQ(tree.read("m/me/w1/memory.swappiness"), "0");
    EXPECT_EQ(tree.read("c/me/w1/cpu.shares"), "2048");
    EXPECT_EQ(tree.read("c/me/w1/cpu.cfs_quota_us"), "20000");
    EXPECT_EQ(tree.read("c/me/w1/cpu.cfs_period_us"), "100000");
    EXPECT_EQ(tree.read("p/me/w1/pids.max"), "9");
    EXPECT_EQ(groups->join("w1"), 0);
    for (const char* controller : {"m", "c", "p"})
        EXPECT_EQ(tree.read(std::string(controller) + "/me/w1/cgroup.procs"), "0");

    tree.write("m/me/w1/memory.max_usage_in_bytes", "123\n");
    tree.write("m/me/w1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    tree.write("c/me/w1/cpuacct.usage", "5000999\n");
    tree.write("c/me/w1/cpu.stat", "nr_periods 9\nnr_throttled 4\n");
    const Usage usage = groups->usage("w1");
    EXPECT_EQ(usage.peak_memory_bytes, 123u);
    EXPECT_TRUE(usage.out_of_memory);
    EXPECT_EQ(usage.cpu_us, 5000u);
    EXPECT_EQ(usage.throttled, 4u);
}

TEST(Version1, TellsThatAProcessWasLost) {
    FakeTree tree;
    tree.folder("m");
    Hierarchy hierarchy;
    hierarchy.version = Version::v1;
    hierarchy.memory = tree.path() + "/m";
    hierarchy.has_memory = true;
    auto groups = Groups::create(hierarchy, "me");
    ASSERT_TRUE(groups) << groups.error().text;
    EXPECT_FALSE(groups->lost_a_process("w1")) << "no such file";
    // As kernels before 4.13 have it; as others have it before and after.
    const std::string file = "m/me/w1/memory.oom_control";
    tree.write(file, "oom_kill_disable 1\nunder_oom 1\n");
    EXPECT_FALSE(groups->lost_a_process("w1"));
    tree.write(file, "oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
    EXPECT_FALSE(groups->lost_a_process("w1"));
    tree.write(file, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    EXPECT_TRUE(groups->lost_a_process("w1"));
    EXPECT_FALSE(groups->lost_a_process("absent"));
}

TEST(Version1, RefusesNoOwnersFolder) {
    Hierarchy hierarchy;
    hierarchy.version = Version::v1;
    hierarchy.memory = "/nonexistent";
    hierarchy.has_memory = true;
    const auto groups = Groups::create(hierarchy, "me");
    ASSERT_FALSE(groups);
    EXPECT_NE(groups.error().text.find("/nonexistent"), std::string::npos) << groups.error().text;
}

TEST(Nothing, DoesNothing) {
    const Groups none;
    EXPECT_FALSE(none.active());
    EXPECT_EQ(none.join("w"), 0);
    EXPECT_TRUE(none.set("w", {}));
    EXPECT_FALSE(none.lost_a_process("w"));
    EXPECT_TRUE(none.remove("w"));
    EXPECT_TRUE(none.remove_all());
}

TEST(Sweep, RemovesWhatIsOfTheDead) {
    FakeTree tree;
    Hierarchy hierarchy;
    hierarchy.version = Version::v2;
    hierarchy.unified = tree.path();
    hierarchy.has_memory = true;
    const std::string ours = new_owner_name();
    EXPECT_NE(ours, new_owner_name());
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const std::string dead = "skerry-" + std::to_string(child) + "-1-1";
    // The same number as ours, of a process that was started at another time.
    const std::string reused = "skerry-" + std::to_string(::getpid()) + "-1-1";
    for (const std::string& name :
         {ours + "/w1", dead + "/w1", reused, std::string("skerry-server"),
          std::string("skerry-1-1"), std::string("skerry-a-1-1"), std::string("other")})
        tree.folder(name);
    tree.write("skerry-999999999-1-1/w1/cgroup.procs", "not empty");
    EXPECT_EQ(sweep(hierarchy), 3u);
    EXPECT_FALSE(tree.has(dead));
    EXPECT_FALSE(tree.has(reused));
    for (const std::string& name : {ours + "/w1", std::string("skerry-server"),
                                    std::string("skerry-1-1"), std::string("skerry-a-1-1"),
                                    std::string("other"), std::string("skerry-999999999-1-1/w1")})
        EXPECT_TRUE(tree.has(name)) << name;
}

}  // namespace
}  // namespace skerry::cgroup
