// [[egress]]: what is taken, what is refused, and what --check finds. The last needs root.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "control/config/preflight.hpp"

namespace skerry::config {
namespace {

constexpr char kServer[] = R"(name = "pop-1"
state_dir = "/var/lib/skerry"
[[port]]
devargs = "net_af_packet0,iface=eth0"
addresses = ["10.0.0.2/24"]
)";

constexpr char kInternet[] = R"([[egress]]
name = "internet"
netns = "/run/netns/internet"
subnet4 = "10.66.0.0/20"
subnet6 = "fd66::/64"
mtu = 1400
resolvers = ["192.0.2.53", "2001:db8::53"]
to = ["0.0.0.0/0", "::/0"]
except = ["10.0.0.0/8"]
tcp_ports = [443, 5432]
)";

std::string errors_of(const std::string& egress) {
    auto result = parse(kServer + egress, "s.toml");
    return result ? "" : result.error().text;
}

// With one of its lines another.
std::string errors_with(const std::string& key, const std::string& line) {
    std::string text = kInternet;
    const auto at = text.find("\n" + key + " = ") + 1;
    EXPECT_NE(at, 0u) << key;
    return errors_of(text.replace(at, text.find('\n', at) - at, line));
}

TEST(ConfigEgress, IsTaken) {
    auto config = parse(std::string(kServer) + kInternet, "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    ASSERT_EQ(config->egress.size(), 1u);
    const egress::Network& network = config->egress[0];
    EXPECT_EQ(network.name, "internet");
    EXPECT_EQ(network.netns, "/run/netns/internet");
    EXPECT_EQ(to_string(*network.subnet4), "10.66.0.0/20");
    EXPECT_EQ(to_string(*network.subnet6), "fd66::/64");
    EXPECT_EQ(network.mtu, 1400u);
    ASSERT_EQ(network.resolvers.size(), 2u);
    EXPECT_EQ(to_string(network.resolvers[1]), "2001:db8::53");
    EXPECT_EQ(network.to.size(), 2u);
    EXPECT_EQ(to_string(network.except.at(0)), "10.0.0.0/8");
    EXPECT_EQ(network.tcp_ports, (std::vector<std::uint16_t>{443, 5432}));
}

TEST(ConfigEgress, LeastThatIsNeeded) {
    EXPECT_EQ(errors_of("[[egress]]\nname = \"a\"\nnetns = \"/run/netns/a\"\n"
                        "subnet6 = \"fd66::/64\"\nto = [\"fd00::/8\"]\n"),
              "");
    const std::string all = errors_of("[[egress]]\n");
    for (const char* key :
         {"egress[0].name", "egress[0].netns", "egress[0].subnet4", "egress[0].to"})
        EXPECT_NE(all.find(key), std::string::npos) << key << " in " << all;
}

TEST(ConfigEgress, WrongValuesAreRefused) {
    const std::pair<const char*, const char*> wrong[] = {
        {"name", "name = \"In ter\""},
        {"netns", "netns = \"internet\""},
        {"subnet4", "subnet4 = \"10.66.0.1/20\""},
        {"subnet4", "subnet4 = \"10.66.0.0/31\""},
        {"subnet4", "subnet4 = \"127.0.0.0/16\""},
        {"subnet4", "subnet4 = \"169.254.0.0/16\""},
        {"subnet4", "subnet4 = \"fd66::/64\""},
        {"subnet6", "subnet6 = \"fd66::/127\""},
        {"subnet6", "subnet6 = \"fe80::/64\""},
        {"subnet6", "subnet6 = \"10.66.0.0/20\""},
        {"mtu", "mtu = 1279"},
        {"resolvers", "resolvers = [\"10.66.0.1\"]"},
        {"resolvers", "resolvers = [\"127.0.0.53\"]"},
        {"resolvers", "resolvers = [\"192.0.2.0/24\"]"},
        {"resolvers", "resolvers = [\"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\", \"1.1.1.4\"]"},
        {"to", "to = [\"10.0.0.1/8\"]"},
        {"to", "to = [\"everything\"]"},
        {"to", "to = [\"0.0.0.0/0\", \"0.0.0.0/0\"]"},
        {"to", "to = \"0.0.0.0/0\""},
        {"except", "except = [7]"},
        {"tcp_ports", "tcp_ports = []"},
        {"tcp_ports", "tcp_ports = [0]"},
        {"tcp_ports", "tcp_ports = [65536]"},
        {"tcp_ports", "tcp_ports = [\"https\"]"},
        {"tcp_ports", "tcp_ports = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]"},
    };
    for (const auto& [key, line] : wrong)
        EXPECT_NE(errors_with(key, line).find("egress[0]." + std::string(key)), std::string::npos)
            << line << ": " << errors_with(key, line);
    EXPECT_NE(errors_with("subnet6", "").find("a family that the network has a subnet of"),
              std::string::npos);
    EXPECT_NE(errors_with("mtu", "mut = 1400").find("egress[0].mut"), std::string::npos);
}

TEST(ConfigEgress, NetworksDoNotShareNamesOrAddresses) {
    const std::string twice = errors_of(std::string(kInternet) + kInternet);
    EXPECT_NE(twice.find("egress[1].name: found \"internet\" again"), std::string::npos) << twice;
    EXPECT_NE(twice.find("egress[1].subnet4"), std::string::npos) << twice;
    EXPECT_NE(twice.find("egress[1].subnet6"), std::string::npos) << twice;
}

class EgressCheck : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root";
        config_.workers.max = 4;
        config_.egress.resize(1);
        egress::Network& network = config_.egress[0];
        network.name = "internet";
        network.netns = place_;
        network.subnet4 = egress::parse_prefix("10.66.0.0/29");
        network.subnet6 = egress::parse_prefix("fd66::/64");
    }
    void TearDown() override {
        umount2(place_.c_str(), MNT_DETACH);
        std::filesystem::remove(place_);
    }
    Need need() {
        for (const Need& each : preflight(config_))
            if (each.what == "egress network internet") return each;
        ADD_FAILURE() << "no need of that name";
        return {};
    }
    // Binds a namespace there, as ip-netns(8) does. `arrange` runs in it.
    template <typename Arrange>
    void make(Arrange arrange) {
        std::ofstream(config_.egress[0].netns).put('\n');
        std::thread([&] {
            ASSERT_EQ(unshare(CLONE_NEWNET), 0);
            arrange();
            ASSERT_EQ(mount("/proc/thread-self/ns/net", config_.egress[0].netns.c_str(), nullptr,
                            MS_BIND, nullptr),
                      0);
        }).join();
    }
    std::string place_ = "/tmp/skerry-egress-check-" + std::to_string(getpid());
    Config config_;
};

TEST_F(EgressCheck, NamesWhatIsMissing) {
    EXPECT_EQ(need().state, Need::warning);
    EXPECT_NE(need().found.find("No such file or directory"), std::string::npos);
    std::ofstream(config_.egress[0].netns).put('\n');
    EXPECT_NE(need().found.find("is no namespace"), std::string::npos);
    config_.egress[0].netns = "/run/netns/skerry-is-not-there";
    EXPECT_EQ(need().mend, "ip netns add skerry-is-not-there");
    config_.egress[0].netns = "/proc/self/ns/net";
    EXPECT_NE(need().found.find("is the server's own network"), std::string::npos);
    config_.egress[0].netns = "/proc/self/ns/uts";
    EXPECT_NE(need().found.find("can't be entered"), std::string::npos);
}

TEST_F(EgressCheck, LooksInside) {
    make([] {});
    const std::string netns = config_.egress[0].netns;
    const Need found = need();
    EXPECT_EQ(found.state, Need::warning);
    EXPECT_EQ(found.found, netns +
                               ", does not forward IPv4, does not forward IPv6, has no interface "
                               "that is up but its loopback");
    EXPECT_NE(found.mend.find("nsenter --net=" + netns + " sysctl -w net.ipv4.ip_forward=1; "),
              std::string::npos)
        << found.mend;
    config_.workers.max = 7;
    EXPECT_NE(need().found.find("6 addresses for up to 7 workers"), std::string::npos);
}

TEST_F(EgressCheck, IsContentWithOneThatIsReady) {
    make([] {
        EXPECT_EQ(std::system("ip link add up0 type veth peer name up1 && ip link set up0 up && "
                              "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"),
                  0);
    });
    EXPECT_EQ(need().state, Need::ok) << need().found;
}

}  // namespace
}  // namespace skerry::config
