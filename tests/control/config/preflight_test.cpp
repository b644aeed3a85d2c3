#include "control/config/preflight.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "control/config/preflight_kernel.hpp"

namespace skerry::config {
namespace {

class Preflight : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        config_.name = "p";
        config_.state_dir = folder_;
        config_.dataplane.memory = Memory::no_huge;
        config_.dataplane.memory_mib = 64;
        config_.dataplane.idle = Idle::sleep;
        config_.ports.resize(1);
        config_.ports[0].devargs = "net_af_packet0,iface=lo";
    }
    void TearDown() override { rmdir(folder_); }

    Need need(const std::string& what) {
        for (const auto& n : preflight(config_))
            if (n.what == what) return n;
        ADD_FAILURE() << "no need is called " << what;
        return {};
    }

    char folder_[32] = "/tmp/skerry-preflight-XXXXXX";
    Config config_;
};

TEST_F(Preflight, EveryFailureSaysWhatMendsIt) {
    config_.ports[0].devargs = "net_af_packet0,iface=skerry-none";
    config_.state_dir = "/proc/skerry/none";
    config_.management = {"", "/nonexistent/c", "/nonexistent/k", "/nonexistent/a"};
    const auto needs = preflight(config_);
    for (const auto& n : needs) {
        EXPECT_FALSE(n.what.empty());
        EXPECT_FALSE(n.found.empty()) << n.what;
        EXPECT_EQ(n.mend.empty(), n.state == Need::ok) << n.what;
    }
    EXPECT_FALSE(may_start(needs));
    EXPECT_EQ(need("state_dir").state, Need::failed);
    EXPECT_EQ(need("management.tls_key").state, Need::failed);
    const auto text = render(needs);
    EXPECT_NE(text.find("FAILED   port[0]: no interface skerry-none; needed: "), std::string::npos)
        << text;
    EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), needs.size());
}

TEST_F(Preflight, DevicesAreLookedUp) {
    EXPECT_NE(need("port[0]").found.find("interface lo"), std::string::npos);
    config_.ports[0].devargs = "ffff:ff:1f.7";
    EXPECT_EQ(need("port[0]").found, "no PCI device ffff:ff:1f.7");
    config_.ports[0].devargs = "net_ring0";
    EXPECT_EQ(need("port[0]").state, Need::ok);
}

TEST_F(Preflight, CapturesAreLookedUp) {
    const std::string capture = std::string(folder_) + "/in.pcap";
    config_.ports[0].devargs =
        "net_pcap0,rx_pcap=" + capture + ",tx_pcap=" + folder_ + "/none/out.pcap";
    Need found = need("port[0]");
    EXPECT_EQ(found.state, Need::failed);
    EXPECT_NE(found.found.find(capture + ": No such file"), std::string::npos) << found.found;
    EXPECT_NE(found.mend.find("install -d " + std::string(folder_) + "/none"), std::string::npos)
        << found.mend;
    std::ofstream(capture) << "x";
    config_.ports[0].devargs = "net_pcap0,rx_pcap=" + capture + ",tx_pcap=" + folder_ + "/out.pcap";
    EXPECT_EQ(need("port[0]").state, Need::ok);
    config_.ports[0].devargs = "net_pcap0,rx_pcap=" + capture + ",rx_pcap=" + folder_;
    EXPECT_NE(need("port[0]").found.find("Is a directory"), std::string::npos);
    config_.ports[0].devargs = "net_pcap0,iface=skerry-none";
    EXPECT_EQ(need("port[0]").found, "no interface skerry-none");
    unlink(capture.c_str());
}

TEST_F(Preflight, MemifWorksWithoutHugePagesButNotWithoutCopies) {
    config_.ports[0].devargs = "net_memif0,role=client,zero-copy=no";
    EXPECT_EQ(need("port[0]").state, Need::ok);
    EXPECT_NE(need("port[0]").found.find("without"), std::string::npos);
    config_.ports[0].devargs = "net_memif0,role=client,zero-copy=yes";
    EXPECT_EQ(need("port[0]").state, Need::failed);
}

TEST_F(Preflight, ImpossibleSizesFail) {
    config_.dataplane.memory_mib = 1u << 20;  // a TiB
    EXPECT_EQ(need("memory").state, Need::failed);
    config_.dataplane.memory = Memory::huge;
    EXPECT_EQ(need("hugepages").state, Need::failed);
    EXPECT_NE(need("hugepages").mend.find("vm.nr_hugepages=524288"), std::string::npos);
    config_.dataplane.cpus = {1023};
    EXPECT_EQ(need("CPUs").state, Need::failed);
    config_.workers.max = 100000000;
    EXPECT_EQ(need("open files").state, Need::failed);
}

TEST_F(Preflight, StateFolder) {
    EXPECT_EQ(need("state_dir").state, geteuid() == 0 ? Need::ok : need("state_dir").state);
    config_.state_dir = std::string(folder_) + "/new";
    EXPECT_EQ(need("state_dir").state, Need::ok) << "its parent can be written";
    config_.state_dir = std::string(folder_) + "/new/deeper";
    EXPECT_EQ(need("state_dir").state, Need::failed);
    EXPECT_EQ(need("state_dir").mend, "install -d -m 0755 " + config_.state_dir);
}

TEST_F(Preflight, AKeyThatOthersMayReadIsAWarning) {
    const std::string key = std::string(folder_) + "/key.pem";
    std::ofstream(key) << "x";
    ASSERT_EQ(chmod(key.c_str(), 0644), 0);
    config_.management.tls_key = key;
    EXPECT_EQ(need("management.tls_key").state, Need::warning);
    ASSERT_EQ(chmod(key.c_str(), 0600), 0);
    EXPECT_EQ(need("management.tls_key").state, Need::ok);
    unlink(key.c_str());
}

TEST_F(Preflight, UnsignedDatagramsBesideSignedRequestsAreAWarning) {
    const auto told = [&] {
        const auto needs = preflight(config_);
        return std::any_of(needs.begin(), needs.end(),
                           [](const Need& n) { return n.what == "datagrams"; });
    };
    config_.role = Role::pop;
    EXPECT_EQ(need("datagrams").state, Need::warning);
    config_.dataplane.invoke_from.emplace();
    EXPECT_EQ(need("datagrams").state, Need::ok);
    EXPECT_EQ(need("datagrams").found, "none invokes");
    config_.dataplane.invoke_from.reset();
    config_.http.require_signature = false;
    EXPECT_FALSE(told()) << "everybody invokes everything: one warning is enough";
    config_.http.require_signature = true;
    config_.role = Role::region;
    EXPECT_FALSE(told());
}

TEST_F(Preflight, CgroupsThatAreSwitchedOffAreAWarning) {
    config_.workers.cgroups = Cgroups::off;
    const Need off = need("cgroups");
    EXPECT_EQ(off.state, Need::warning);
    EXPECT_NE(off.found.find("not enforced: memory, cpu, pids"), std::string::npos) << off.found;
    config_.workers.cgroups = Cgroups::automatic;
    const Need found = need("cgroups");
    EXPECT_NE(found.state, Need::failed) << "workers start without them, too";
    config_.workers.cgroups = Cgroups::required;
    EXPECT_EQ(need("cgroups").state, found.state == Need::ok ? Need::ok : Need::failed);
}

TEST(CoreSchedulingNeed, IsMetByACookieOrByCoresOfOneThread) {
    EXPECT_EQ(judge_core_scheduling(true, {.error = 0, .smt = true}).state, Need::ok);
    const Need alone = judge_core_scheduling(true, {.error = ENODEV, .virtual_machine = true});
    EXPECT_EQ(alone.state, Need::ok);
    EXPECT_NE(alone.found.find("virtual machine"), std::string::npos) << alone.found;
    EXPECT_EQ(judge_core_scheduling(false, {.error = EINVAL}).state, Need::ok);
}

TEST(CoreSchedulingNeed, FailsWhereItIsAskedForAndCannotBe) {
    for (const bool smt : {false, true}) {
        const Need need = judge_core_scheduling(true, {.error = EINVAL, .smt = smt});
        EXPECT_EQ(need.state, Need::failed);
        EXPECT_NE(need.found.find("EINVAL"), std::string::npos) << need.found;
        EXPECT_NE(need.needed.find("CONFIG_SCHED_CORE"), std::string::npos) << need.needed;
        EXPECT_NE(need.mend.find("nosmt"), std::string::npos) << need.mend;
    }
    EXPECT_EQ(judge_core_scheduling(true, {.error = EPERM, .smt = true}).state, Need::failed);
}

TEST(CoreSchedulingNeed, WarnsOfSharedCoresAndOfTheirPrice) {
    const Need can = judge_core_scheduling(false, {.error = 0, .smt = true});
    EXPECT_EQ(can.state, Need::warning);
    EXPECT_EQ(can.mend.find("core_scheduling = true"), 0u) << can.mend;
    const Need cannot = judge_core_scheduling(false, {.error = EINVAL, .smt = true});
    EXPECT_EQ(cannot.state, Need::warning);
    EXPECT_EQ(cannot.mend.find("SMT off"), 0u) << cannot.mend;
    const Need beside = judge_core_scheduling(true, {.error = 0, .smt = true, .beside = "4,5"});
    EXPECT_EQ(beside.state, Need::warning);
    EXPECT_NE(beside.found.find("CPU 4,5"), std::string::npos) << beside.found;
}

TEST_F(Preflight, CoreSchedulingIsTriedForReal) {
    config_.workers.core_scheduling = true;
    const Need found = need("core scheduling");
    EXPECT_EQ(found.state == Need::failed, found.found.find("PR_SCHED_CORE") != std::string::npos)
        << found.found;
    EXPECT_EQ(may_start(preflight(config_)), found.state != Need::failed && geteuid() == 0);
}

TEST_F(Preflight, SaysWhatThisMachineCanDo) {
    // Whether io_uring and namespaces may be used depends on where the test runs; that the probe
    // comes to a verdict does not.
    for (const char* what :
         {"io_uring", "user namespaces", "net namespaces", "pid namespaces", "mount namespaces",
          "IPC namespaces", "UTS namespaces", "cgroup namespaces", "cgroups", "Landlock",
          "core scheduling", "privilege"})
        EXPECT_FALSE(need(what).found.empty()) << what;
    std::cout << render(preflight(config_));
}

}  // namespace
}  // namespace skerry::config
