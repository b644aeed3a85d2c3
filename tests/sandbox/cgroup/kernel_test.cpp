// The groups of this machine, whichever version it has: limits that hold. Needs root.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "sandbox/cgroup/groups.hpp"

namespace skerry::cgroup {
namespace {

using Clock = std::chrono::steady_clock;

class Kernel : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        const Hierarchy hierarchy = discover();
        if (!hierarchy.complete()) GTEST_SKIP() << "control groups: " << describe(hierarchy);
        auto groups = Groups::create(hierarchy, new_owner_name());
        ASSERT_TRUE(groups) << groups.error().text;
        groups_ = std::move(*groups);
    }
    void TearDown() override {
        // The last process of a group may be on its way out.
        const auto deadline = Clock::now() + std::chrono::seconds(10);
        while (!groups_.remove_all() && Clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        EXPECT_TRUE(groups_.remove_all());
    }
    // A child in a group with these limits, which runs `work` and ends with what it returns.
    pid_t start(const Limits& limits, const std::function<int()>& work,
                const std::string& group = "w") {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            char go;
            if (groups_.join(group) != 0) ::_exit(101);
            if (::write(ends[1], "j", 1) != 1) ::_exit(102);
            ::raise(SIGSTOP);
            (void)go;
            ::_exit(work());
        }
        char joined = 0;
        ::close(ends[1]);
        EXPECT_EQ(::read(ends[0], &joined, 1), 1) << "the child could not join";
        ::close(ends[0]);
        int state = 0;
        EXPECT_EQ(::waitpid(child, &state, WUNTRACED), child);
        EXPECT_TRUE(WIFSTOPPED(state));
        const Status set = groups_.set(group, limits);
        EXPECT_TRUE(set) << set.error().text;
        ::kill(child, SIGCONT);
        return child;
    }
    static int end_of(pid_t child) {
        int state = 0;
        EXPECT_EQ(::waitpid(child, &state, 0), child);
        return state;
    }

    Groups groups_;
};

TEST_F(Kernel, MemoryBombIsEndedAndSeen) {
    const pid_t child = start({.memory_bytes = 32u << 20}, [] {
        for (int i = 0; i < 256; ++i) {
            char* const block = static_cast<char*>(std::malloc(1 << 20));
            if (block == nullptr) return 1;
            std::memset(block, 1, 1 << 20);
            asm volatile("" : : "r"(block) : "memory");
        }
        return 0;
    });
    const int state = end_of(child);
    ASSERT_TRUE(WIFSIGNALED(state));
    EXPECT_EQ(WTERMSIG(state), SIGKILL);
    const Usage usage = groups_.usage("w");
    EXPECT_TRUE(usage.out_of_memory);
    EXPECT_GT(usage.peak_memory_bytes, 24u << 20);
    EXPECT_LE(usage.peak_memory_bytes, 32u << 20);
    EXPECT_GT(usage.cpu_us, 0u);
}

TEST_F(Kernel, ProcessThatKeepsToItsMemoryIsNotBlamed) {
    EXPECT_EQ(end_of(start({.memory_bytes = 32u << 20}, [] { return 7; })), 7 << 8);
    EXPECT_FALSE(groups_.usage("w").out_of_memory);
}

// With version 1 the first process lives on; with version 2 it ends with its child.
TEST_F(Kernel, AChildThatIsEndedForItsMemoryIsSeen) {
    const pid_t child = start({.memory_bytes = 32u << 20}, [] {
        const pid_t eater = ::fork();
        if (eater < 0) return 1;
        if (eater == 0) {
            for (int i = 0; i < 256; ++i) {
                char* const block = static_cast<char*>(std::malloc(1 << 20));
                if (block == nullptr) ::_exit(2);
                std::memset(block, 1, 1 << 20);
                asm volatile("" : : "r"(block) : "memory");
            }
            ::_exit(3);
        }
        int state = 0;
        if (::waitpid(eater, &state, 0) != eater) return 4;
        return WIFSIGNALED(state) ? 0 : 5;
    });
    const int state = end_of(child);
    if (groups_.hierarchy().version == Version::v1) {
        EXPECT_EQ(state, 0);
    } else {
        EXPECT_TRUE(WIFSIGNALED(state)) << state;
    }
    EXPECT_TRUE(groups_.lost_a_process("w"));
}

TEST_F(Kernel, ForkBombStopsAtItsLimitAndIsEndedAsAWhole) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start({.memory_bytes = 256u << 20, .pids_max = 12}, [&ends] {
        std::int32_t made = 0;
        for (; made < 100; ++made) {
            const pid_t next = ::fork();
            if (next < 0) break;
            if (next == 0)
                while (true) ::pause();
        }
        if (errno != EAGAIN) return 1;
        if (::write(ends[1], &made, sizeof made) != sizeof made) return 2;
        while (true) ::pause();
    });
    std::int32_t made = 0;
    ASSERT_EQ(::read(ends[0], &made, sizeof made), static_cast<ssize_t>(sizeof made));
    EXPECT_EQ(made, 11) << "with the first process";
    EXPECT_FALSE(groups_.remove("w")) << "while it has processes";
    groups_.kill("w");
    EXPECT_TRUE(WIFSIGNALED(end_of(child)));
    const auto deadline = Clock::now() + std::chrono::seconds(20);
    bool gone = false;
    while (!(gone = groups_.remove("w")) && Clock::now() < deadline) {
        groups_.kill("w");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(gone);
    ::close(ends[0]);
    ::close(ends[1]);
}

// As a ratio and by the kernel's own counts: how fast this machine is, and what else runs, says
// nothing.
TEST_F(Kernel, QuotaThrottles) {
    const auto began = Clock::now();
    const pid_t child = start({.memory_bytes = 64u << 20, .cpu_percent = 20}, [] {
        const auto end = Clock::now() + std::chrono::milliseconds(1000);
        while (Clock::now() < end) {
        }
        return 0;
    });
    EXPECT_EQ(end_of(child), 0);
    const auto wall_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began).count());
    const Usage usage = groups_.usage("w");
    EXPECT_GT(usage.throttled, 2u);
    EXPECT_GT(usage.cpu_us, 0u);
    EXPECT_LT(static_cast<double>(usage.cpu_us) / static_cast<double>(wall_us), 0.45);
}

// Two that want all of one CPU: by what each got of it, whatever else runs there.
TEST_F(Kernel, WeightIsAShareOfABusyCpu) {
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    std::size_t cpu = 0;
    while (!CPU_ISSET(cpu, &allowed)) ++cpu;
    const auto end = Clock::now() + std::chrono::milliseconds(1500);
    const auto spin = [cpu, end] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (::sched_setaffinity(0, sizeof one, &one) != 0) return 1;
        while (Clock::now() < end) {
        }
        return 0;
    };
    const pid_t light = start({.memory_bytes = 64u << 20, .cpu_weight = 50}, spin, "light");
    const pid_t heavy = start({.memory_bytes = 64u << 20, .cpu_weight = 400}, spin, "heavy");
    EXPECT_EQ(end_of(light), 0);
    EXPECT_EQ(end_of(heavy), 0);
    EXPECT_GT(groups_.usage("heavy").cpu_us, 3 * groups_.usage("light").cpu_us);
}

}  // namespace
}  // namespace skerry::cgroup
