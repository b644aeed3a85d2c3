// What is found in /proc/self/mountinfo and /proc/self/cgroup, as different machines have them.
#include "sandbox/cgroup/hierarchy.hpp"

#include <gtest/gtest.h>

#include "tests/sandbox/cgroup/fake_tree.hpp"

namespace skerry::cgroup {
namespace {

TEST(Hierarchy, OfVersion1FollowsTheGroupOfEachController) {
    const Hierarchy found = discover(
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
        "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n",
        "8:pids:/\n4:memory:/a/b\n2:cpu,cpuacct:/c\n1:name=systemd:/d\n");
    EXPECT_EQ(found.version, Version::v1);
    EXPECT_EQ(found.memory, "/sys/fs/cgroup/memory/a/b");
    EXPECT_EQ(found.cpu, "/sys/fs/cgroup/cpu,cpuacct/c");
    EXPECT_EQ(found.cpuacct, found.cpu);
    EXPECT_EQ(found.pids, "/sys/fs/cgroup/pids");
    EXPECT_TRUE(found.complete());
    EXPECT_EQ(describe(found), "version 1: memory, cpu, pids");
}

TEST(Hierarchy, OfVersion2NeedsTheMemoryController) {
    FakeTree tree;
    const std::string mounts =
        "24 23 0:21 / " + tree.path() + " rw - cgroup2 cgroup2 rw,nsdelegate\n";
    const std::string own = "0::/system.slice/skerry.service\n";
    EXPECT_EQ(discover(mounts, own).version, Version::none);
    tree.write("system.slice/skerry.service/cgroup.controllers", "cpuset cpu io memory pids\n");
    const Hierarchy found = discover(mounts, own);
    EXPECT_EQ(found.version, Version::v2);
    EXPECT_EQ(found.unified, tree.path() + "/system.slice/skerry.service");
    EXPECT_TRUE(found.complete());
    tree.write("system.slice/skerry.service/cgroup.controllers", "cpuset memory\n");
    EXPECT_EQ(describe(discover(mounts, own)), "version 2: memory; not enforced: cpu, pids");
}

TEST(Hierarchy, OfAServerThatHasMovedItselfIsWhereItWas) {
    FakeTree tree;
    tree.write("a/cgroup.controllers", "memory\n");
    const Hierarchy found =
        discover("1 1 0:1 / " + tree.path() + " rw - cgroup2 c rw\n", "0::/a/skerry-server\n");
    EXPECT_EQ(found.unified, tree.path() + "/a");
}

TEST(Hierarchy, Version2WithoutControllersDoesNotHideVersion1) {
    FakeTree tree;
    tree.write("cgroup.controllers", "\n");
    const Hierarchy found = discover(
        "1 1 0:1 / " + tree.path() + " rw - cgroup2 c rw\n2 1 0:2 / /m rw - cgroup c rw,memory\n",
        "4:memory:/\n0::/\n");
    EXPECT_EQ(found.version, Version::v1);
    EXPECT_EQ(found.memory, "/m");
    EXPECT_EQ(describe(found), "version 1: memory; not enforced: cpu, pids");
}

// A container's mount begins at its own group, whose path may be told in full or from there.
TEST(Hierarchy, OfAContainerBeginsAtItsMount) {
    const char* mount = "2 1 0:2 /docker/12ab /m rw - cgroup c rw,memory\n";
    EXPECT_EQ(discover(mount, "4:memory:/docker/12ab\n").memory, "/m");
    EXPECT_EQ(discover(mount, "4:memory:/docker/12ab/x\n").memory, "/m/x");
    EXPECT_EQ(discover(mount, "4:memory:/\n").memory, "/m");
    EXPECT_EQ(discover(mount, "4:memory:/docker/12abc\n").memory, "/m");
    EXPECT_EQ(discover("2 1 0:2 / /m rw - cgroup c rw,memory\n", "4:memory:/../up\n").memory, "/m");
}

TEST(Hierarchy, PlacesMayHaveSpaces) {
    EXPECT_EQ(discover("2 1 0:2 / /m\\040n rw - cgroup c rw,memory\n", "4:memory:/\n").memory,
              "/m n");
}

TEST(Hierarchy, NonsenseHasNone) {
    for (const char* text : {"", "\n\n", "a b c", "- - - - - - - -", "1 1 0:1 / /m rw -",
                             "1 1 0:1 / /m rw - cgroup", "1 1 0:1 / /m rw - ext4 x rw,memory"}) {
        EXPECT_EQ(discover(text, text).version, Version::none) << text;
        EXPECT_EQ(describe(discover(text, text)), "none; not enforced: memory, cpu, pids");
    }
}

}  // namespace
}  // namespace skerry::cgroup
