// What a worker finds in its jail, told by a real one. Needs root.
#include <sys/resource.h>

#include <algorithm>

#include "tests/sandbox/warden/rig.hpp"

namespace skerry::test {
namespace {

class Jail : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        auto client = warden::Client::start(folder_.options());
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
        auto doorbells = channel::create_doorbells();
        ASSERT_TRUE(doorbells);
        doorbells_ = std::move(*doorbells);
        place_.emplace(folder_, doorbells_, 1);
        auto sent = client_->spawn(place_->order);
        ASSERT_TRUE(sent) << sent.error().text;
        const auto event = next_event(*client_);
        ASSERT_TRUE(event);
        ASSERT_EQ(event->kind, warden::MessageKind::spawned) << event->text;
        pid_ = event->pid;
        ASSERT_TRUE(place_->wait_ready()) << read_all(folder_.log());
    }
    std::map<std::string, std::string> ask(const std::string& what) {
        return parse(place_->core.ask(what).bytes);
    }

    Folder folder_;
    channel::Doorbells doorbells_;
    std::optional<warden::Client> client_;
    std::optional<Place> place_;
    pid_t pid_ = 0;
};

TEST_F(Jail, IsNobodyWithoutRights) {
    auto told = ask("identity");
    EXPECT_EQ(told["uid"], "1000");
    EXPECT_EQ(told["euid"], "1000");
    EXPECT_EQ(told["gid"], "1000");
    EXPECT_EQ(told["pid"], "1");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
        EXPECT_EQ(told[set], "0000000000000000") << set;
    EXPECT_EQ(told["NoNewPrivs"], "1");
    EXPECT_EQ(told["Seccomp"], "2");
    EXPECT_EQ(told["Groups"], "");
}

TEST_F(Jail, IsTheGivenUserOutside) {
    struct stat found {};
    ASSERT_EQ(::stat(("/proc/" + std::to_string(pid_)).c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, host_uid());
    EXPECT_EQ(found.st_gid, host_uid());
}

TEST_F(Jail, SeesOnlyWhatItIsGiven) {
    auto told = ask("identity");
    EXPECT_EQ(told["fds"], "0,1,2,3,4,5,6,7,8");  // two cores
    EXPECT_EQ(told["interfaces"], ",lo,");
    EXPECT_EQ(told["hostname"], "worker");
    EXPECT_EQ(told["cwd"], "/var/task");
    EXPECT_EQ(told["function"], "echo");
    EXPECT_EQ(told["version"], "00ff");
    EXPECT_NE(told["task"].find(",bootstrap,"), std::string::npos);
    for (const char* absent : {",etc,", ",home,", ",root,", ",sys,", ",run,"})
        EXPECT_EQ(told["root"].find(absent), std::string::npos) << absent;
    for (const char* present : {",lib,", ",usr,", ",task,", ",var,", ",tmp,", ",proc,", ",dev,"})
        EXPECT_NE(told["root"].find(present), std::string::npos) << present;
    EXPECT_NE(told["proc"].find(",1,"), std::string::npos);
    EXPECT_EQ(told["proc"].find(",2,"), std::string::npos);
    EXPECT_EQ(told["proc"].find(",kallsyms,"), std::string::npos);
}

TEST_F(Jail, CanWriteToTmpOnlyAndNotWithoutEnd) {
    auto told = ask("files");
    const std::string read_only = std::to_string(EROFS);
    EXPECT_EQ(told["write_root"], read_only);
    EXPECT_EQ(told["write_task"], read_only);
    EXPECT_EQ(told["write_data"], read_only);
    EXPECT_EQ(told["write_lib"], read_only);
    EXPECT_EQ(told["read_etc"], std::to_string(ENOENT));
    EXPECT_EQ(told["map_doorbells"], std::to_string(EACCES));
    EXPECT_EQ(told["read_urandom"], "0");
    EXPECT_EQ(told["write_tmp"], "0");
    EXPECT_EQ(told["tmp_mib"], "2");
    EXPECT_EQ(told["memory"], std::to_string(ENOMEM));
    EXPECT_FALSE(std::filesystem::exists(folder_.artifact() + "/new"));
}

TEST_F(Jail, CannotWriteTheDoorbells) {
    doorbells_.lines[0].asleep.store(1);
    auto told = ask("doorbells");
    const std::string refused = std::to_string(EACCES);  // they can't even be opened for it
    for (const char* way : {"write", "map_again", "punch", "truncate"})
        EXPECT_EQ(told[way], refused) << way;
    EXPECT_EQ(told["write_first"], std::to_string(EBADF));
}

TEST_F(Jail, HasEveryLimit) {
    auto told = ask("limits");
    const auto expect = [&told](const char* key, __rlimit_resource resource, std::uint64_t wanted) {
        rlimit ours{};
        ASSERT_EQ(::getrlimit(resource, &ours), 0);
        const std::string value = std::to_string(std::min<std::uint64_t>(wanted, ours.rlim_max));
        EXPECT_EQ(told[key], value + "/" + value) << key;
    };
    expect("as", RLIMIT_AS, (std::uint64_t{256} << 20) + place_->channel.bytes);
    expect("core", RLIMIT_CORE, 1);
    expect("fsize", RLIMIT_FSIZE, 64u << 20);
    expect("nofile", RLIMIT_NOFILE, 256);
    expect("nproc", RLIMIT_NPROC, 64);
    expect("memlock", RLIMIT_MEMLOCK, 64u << 10);
    expect("msgqueue", RLIMIT_MSGQUEUE, 0);
    expect("nice", RLIMIT_NICE, 0);
    expect("rtprio", RLIMIT_RTPRIO, 0);
    expect("sigpending", RLIMIT_SIGPENDING, 128);
}

TEST_F(Jail, SharesNoNamespaceWithTheHost) {
    auto told = ask("namespaces");
    for (const std::string kind : {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
        const std::string ours = std::filesystem::read_symlink("/proc/self/ns/" + kind);
        EXPECT_EQ(told[kind].rfind(kind + ":[", 0), 0u) << kind << ": " << told[kind];
        EXPECT_NE(told[kind], ours) << kind;
    }
}

TEST_F(Jail, LeavesNoMountsOnTheHost) {
    EXPECT_EQ(read_all("/proc/self/mountinfo").find(folder_.artifact()), std::string::npos);
}

}  // namespace
}  // namespace skerry::test
