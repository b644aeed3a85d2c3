// Workers with a network: what they reach, what they don't, and that nothing of it is left. Needs
// root. All traffic is between network namespaces of this test's own.
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/wait.h>

#include <csignal>
#include <set>
#include <tuple>

#include "tests/sandbox/warden/egress_rig.hpp"

namespace skerry::test {
namespace {

using warden::MessageKind;

// The worker's view: what is needed to reach the service, by protocol and address.
const std::string kTcp4 = "tcp 10.99.0.1 7000";
const std::string kTcp6 = "tcp fd99::1 7000";
const std::string kUdp4 = "udp 10.99.0.1 7000";
const std::string kUdp6 = "udp fd99::1 7000";

class Egress : public ::testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        outside_.emplace();
        network_ = outside_->network();
        begin();
    }
    void begin() {
        auto client = warden::Client::start({.artifacts_dir = folder_.path(),
                                             .runtimes_dir = images_.path(),
                                             .server_name = "pop-1",
                                             .networks = {network_}});
        ASSERT_TRUE(client) << client.error().text;
        client_.emplace(std::move(client).value());
    }
    warden::Event try_start(ApiWorker& worker) {
        EXPECT_TRUE(client_->spawn(worker.order));
        return next_event(*client_).value_or(warden::Event{});
    }
    // "10.66.0.7 fd66::7" as two.
    static std::pair<std::string, std::string> two(const std::string& addresses) {
        const auto space = addresses.find(' ');
        return {addresses.substr(0, space), addresses.substr(space + 1)};
    }
    bool start(ApiWorker& worker, bool granted = true) {
        if (granted) worker.order.egress = "outside";
        auto event = try_start(worker);
        if (event.kind != MessageKind::spawned) {
            ADD_FAILURE() << event.text;
            return false;
        }
        pid_ = event.pid;
        std::tie(address4_, address6_) = two(event.addresses);
        worker.listener = std::move(event.listener);
        return worker.accept();
    }
    std::string ask(ApiWorker& worker, const std::string& what) {
        return worker.ask(what)["reach"];
    }

    std::optional<OperatorsNamespace> outside_;
    egress::Network network_;
    Images images_;
    Folder folder_{api_bootstrap()};
    std::optional<warden::Client> client_;
    pid_t pid_ = 0;  // of the last one started
    std::string address4_, address6_;
};

TEST_F(Egress, GrantedWorkerReachesAndIsKnownByItsAddress) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_TRUE(address4_.starts_with("10.66.")) << address4_;
    EXPECT_TRUE(address6_.starts_with("fd66::")) << address6_;
    EXPECT_EQ(ask(worker, kTcp4), "ok " + address4_);
    EXPECT_EQ(ask(worker, kUdp4), "ok " + address4_);
    EXPECT_EQ(ask(worker, kTcp6), "ok " + address6_);
    EXPECT_EQ(ask(worker, kUdp6), "ok " + address6_);
}

TEST_F(Egress, OthersReachNothing) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker, false));
    for (const std::string& each : {kTcp4, kTcp6, kUdp4, kUdp6})
        EXPECT_EQ(ask(worker, each), "Network is unreachable") << each;
    EXPECT_EQ(outside_->links(), 0u);
}

TEST_F(Egress, IsForWhatItNamesAlone) {
    network_.to = {prefix("10.99.0.0/16"), prefix("fd99::/16")};
    begin();
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(ask(worker, kTcp4), "ok " + address4_);
    EXPECT_EQ(ask(worker, kUdp6), "ok " + address6_);
    EXPECT_EQ(ask(worker, "tcp 10.97.0.1 7000"), "Network is unreachable");
    EXPECT_EQ(ask(worker, "udp fd97::1 7000"), "Network is unreachable");
}

TEST_F(Egress, ExceptionsAndWhatIsNeverRoutedAreRefused) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    for (const char* address : {"10.98.0.1", "169.254.169.254", "169.254.1.1", "224.0.0.1",
                                "239.1.2.3", "255.255.255.255", "240.0.0.1"}) {
        const std::string said = ask(worker, std::string("udp ") + address + " 7000");
        EXPECT_TRUE(said == "Permission denied" || said == "Network is unreachable")
            << address << ": " << said;
    }
    EXPECT_EQ(ask(worker, "udp fd98::1 7000"), "Permission denied");
    EXPECT_EQ(ask(worker, "udp fe80::1 7000"), "Invalid argument") << "without an interface";
    // The server's own addresses, whatever they are.
    for (const egress::Prefix& own : egress::host_addresses())
        EXPECT_NE(ask(worker, "tcp " + to_string(own) + " 7000").substr(0, 2), "ok");
}

TEST_F(Egress, WorkersDoNotReachEachOther) {
    ApiWorker one(folder_, 1);
    ApiWorker two(folder_, 2);
    ASSERT_TRUE(start(one));
    EXPECT_EQ(one.ask("listen 7001")["listen"], "0");
    EXPECT_EQ(ask(one, "udp " + address4_ + " 7001"), "ok worker") << "the service is there";
    const std::string first4 = address4_, first6 = address6_;
    ASSERT_TRUE(start(two));
    EXPECT_NE(address4_, first4);
    EXPECT_NE(address6_, first6);
    EXPECT_EQ(ask(two, "udp " + first4 + " 7001"), "Permission denied");
    EXPECT_EQ(ask(two, "udp " + first6 + " 7001"), "Permission denied");
    EXPECT_EQ(ask(two, "udp 127.0.0.1 7001"), "Connection refused") << "its loopback is its own";
    EXPECT_EQ(ask(two, kTcp4), "ok " + address4_) << "both are there at the same time";
    EXPECT_EQ(ask(one, kTcp4), "ok " + first4);
}

TEST_F(Egress, NoSourceButItsOwn) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    for (const std::string& source :
         {std::string("10.66.0.250"), std::string("10.99.0.1"), std::string("8.8.8.8")}) {
        EXPECT_EQ(ask(worker, "from " + source + " 0 10.99.0.1 7000"),
                  "Cannot assign requested address");
        EXPECT_EQ(ask(worker, "as " + source + " 10.99.0.1 7000"), "Network is unreachable");
    }
    EXPECT_EQ(ask(worker, "from 127.0.0.1 0 10.99.0.1 7000"), "Invalid argument");
    EXPECT_EQ(ask(worker, "from fd66::fafa 0 fd99::1 7000"), "Cannot assign requested address");
    EXPECT_EQ(ask(worker, "as fd66::fafa fd99::1 7000"), "Invalid argument");
    // What it may say, so that what came is known to be all.
    EXPECT_EQ(ask(worker, kUdp4), "ok " + address4_);
    EXPECT_EQ(ask(worker, kUdp6), "ok " + address6_);
    const std::vector<std::string> all = {address4_ + " hello", address6_ + " hello"};
    EXPECT_EQ(outside_->heard(), all);
}

// What a worker could send that had all rights over its network. It has none: this is the fence
// behind that one.
TEST_F(Egress, ForgedIpv4PacketsAreDroppedAtTheOtherEnd) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    struct {
        iphdr ip;
        udphdr udp;
        char text[6];
    } packet{};
    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.ttl = 64;
    packet.ip.protocol = IPPROTO_UDP;
    packet.udp.source = htons(7002);
    packet.udp.dest = htons(kServicePort);
    packet.udp.len = htons(8 + 6);
    std::memcpy(packet.text, "forged", 6);
    sockaddr_in place{};
    place.sin_family = AF_INET;
    ASSERT_EQ(::inet_pton(AF_INET, "10.99.0.1", &place.sin_addr), 1);
    packet.ip.daddr = place.sin_addr.s_addr;
    in_namespace("/proc/" + std::to_string(pid_) + "/ns/net", [&] {
        const UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
        for (const std::string& source : {std::string("10.66.0.250"), std::string("10.99.0.1"),
                                          std::string("192.0.2.1"), address4_}) {
            ASSERT_EQ(::inet_pton(AF_INET, source.c_str(), &packet.ip.saddr), 1);
            EXPECT_EQ(::sendto(raw.get(), &packet, sizeof packet, 0,
                               reinterpret_cast<sockaddr*>(&place), sizeof place),
                      static_cast<ssize_t>(sizeof packet));
        }
    });
    EXPECT_EQ(ask(worker, kUdp4), "ok " + address4_);
    const std::vector<std::string> all = {address4_ + " forged", address4_ + " hello"};
    EXPECT_EQ(outside_->heard(), all) << "the honest ones alone";
}

// RFC 8200 §8.1, RFC 1071: of UDP over IPv6 a checksum is asked for.
std::uint16_t udp_checksum(const ip6_hdr& ip, const void* udp, std::size_t bytes) {
    std::uint32_t sum = 0;
    const auto add = [&sum](const void* from, std::size_t count) {
        const auto* at = static_cast<const std::uint8_t*>(from);
        for (std::size_t i = 0; i < count; ++i) sum += std::uint32_t{at[i]} << (i % 2 == 0 ? 8 : 0);
    };
    add(&ip.ip6_src, 16);
    add(&ip.ip6_dst, 16);
    sum += static_cast<std::uint32_t>(bytes) + IPPROTO_UDP;
    add(udp, bytes);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return htons(static_cast<std::uint16_t>(~sum));
}

TEST_F(Egress, ForgedIpv6PacketsAreDroppedAtTheOtherEnd) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    struct {
        ip6_hdr ip;
        udphdr udp;
        char text[6];
    } packet{};
    packet.ip.ip6_vfc = 0x60;
    packet.ip.ip6_plen = htons(8 + 6);
    packet.ip.ip6_nxt = IPPROTO_UDP;
    packet.ip.ip6_hlim = 64;
    packet.udp.source = htons(7002);
    packet.udp.dest = htons(kServicePort);
    packet.udp.len = htons(8 + 6);
    std::memcpy(packet.text, "forged", 6);
    sockaddr_in6 place{};
    place.sin6_family = AF_INET6;
    ASSERT_EQ(::inet_pton(AF_INET6, "fd99::1", &place.sin6_addr), 1);
    packet.ip.ip6_dst = place.sin6_addr;
    in_namespace("/proc/" + std::to_string(pid_) + "/ns/net", [&] {
        const UniqueFd raw(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
        for (const std::string& source : {std::string("fd66::fafa"), std::string("fd99::53"),
                                          std::string("2001:db8::1"), address6_}) {
            ASSERT_EQ(::inet_pton(AF_INET6, source.c_str(), &packet.ip.ip6_src), 1);
            packet.udp.check = 0;
            packet.udp.check = udp_checksum(packet.ip, &packet.udp, 8 + 6);
            EXPECT_EQ(::sendto(raw.get(), &packet, sizeof packet, 0,
                               reinterpret_cast<sockaddr*>(&place), sizeof place),
                      static_cast<ssize_t>(sizeof packet));
        }
    });
    EXPECT_EQ(ask(worker, kUdp6), "ok " + address6_);
    const std::vector<std::string> all = {address6_ + " forged", address6_ + " hello"};
    EXPECT_EQ(outside_->heard(), all) << "the honest ones alone";
}

TEST_F(Egress, HasItsNetworksResolver) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    auto told = worker.ask("resolver");
    EXPECT_EQ(told["resolver0"], "nameserver 10.99.0.1");
    EXPECT_EQ(told.count("resolver1"), 0u);
    EXPECT_EQ(told["writable"], std::to_string(EACCES));
}

TEST_F(Egress, EndsWithItsWorker) {
    ApiWorker worker(folder_);
    ASSERT_TRUE(start(worker));
    EXPECT_EQ(outside_->links(), 1u);
    worker.say("exit 0");
    EXPECT_EQ(next_event(*client_)->kind, MessageKind::exited);
    worker.listener.reset();
    worker.connection.reset();
    EXPECT_TRUE(outside_->wait_for_links(0)) << outside_->links();
}

TEST_F(Egress, EndsWithTheWarden) {
    ApiWorker one(folder_, 1);
    ApiWorker two(folder_, 2);
    ASSERT_TRUE(start(one));
    ASSERT_TRUE(start(two));
    EXPECT_EQ(outside_->links(), 2u);
    ::kill(client_->pid(), SIGKILL);
    client_.reset();
    for (ApiWorker* each : {&one, &two}) {
        each->listener.reset();
        each->connection.reset();
    }
    EXPECT_TRUE(outside_->wait_for_links(0)) << outside_->links();
}

TEST_F(Egress, SaysWhenAllAddressesAreTaken) {
    network_.subnet4 = prefix("10.66.0.0/30");
    network_.subnet6.reset();
    begin();
    ApiWorker one(folder_, 1);
    ApiWorker two(folder_, 2);
    ApiWorker three(folder_, 3);
    ASSERT_TRUE(start(one));
    ASSERT_TRUE(start(two));
    three.order.egress = "outside";
    auto event = try_start(three);
    EXPECT_EQ(event.kind, MessageKind::failed);
    EXPECT_NE(event.text.find("outside: all 2 addresses of 10.66.0.0/30 have workers"),
              std::string::npos)
        << event.text;
    EXPECT_EQ(ask(one, kTcp6), "Network is unreachable") << "IPv4 alone";
    // One ends, and its place is free again; also when the kernel is not yet done with it.
    two.say("exit 0");
    EXPECT_EQ(next_event(*client_)->kind, MessageKind::exited);
    two.listener.reset();
    two.connection.reset();
    ASSERT_TRUE(outside_->wait_for_links(1));
    ASSERT_TRUE(start(three));
    EXPECT_EQ(ask(three, kTcp4), "ok " + address4_);
}

TEST_F(Egress, AddressesOfOthersArePassedOver) {
    network_.subnet4 = prefix("10.66.0.0/29");
    network_.subnet6.reset();
    begin();
    // Another server's, or of a worker whose end is not complete.
    for (const char* taken : {"sk0a420001", "sk0a420003"})
        OperatorsNamespace::run("ip -n " + outside_->name() + " link add " + taken +
                                " type veth peer name x" + taken);
    std::set<std::string> given;
    std::vector<std::unique_ptr<ApiWorker>> workers;
    for (std::uint64_t id = 1; id <= 4; ++id) {
        workers.push_back(std::make_unique<ApiWorker>(folder_, id));
        ASSERT_TRUE(start(*workers.back()));
        given.insert(address4_);
    }
    const std::set<std::string> free = {"10.66.0.2", "10.66.0.4", "10.66.0.5", "10.66.0.6"};
    EXPECT_EQ(given, free);
}

TEST_F(Egress, NetworkThatIsNotThereIsSaid) {
    ApiWorker worker(folder_);
    worker.order.egress = "inside";
    auto event = try_start(worker);
    EXPECT_EQ(event.text, "spawn: this server has no egress network 'inside'; it has outside");
    network_.netns = "/run/netns/skt-is-not-there";
    begin();
    worker.order.egress = "outside";
    event = try_start(worker);
    EXPECT_EQ(event.kind, MessageKind::failed);
    EXPECT_EQ(event.text,
              "egress network outside: /run/netns/skt-is-not-there: No such file or directory; "
              "make it with: ip netns add skt-is-not-there");
    network_.netns = "/proc/self/ns/net";
    begin();
    EXPECT_NE(try_start(worker).text.find("is the server's own network"), std::string::npos);
    network_.netns = "/proc/self/ns/uts";
    begin();
    EXPECT_NE(try_start(worker).text.find("enter the namespace of its egress network"),
              std::string::npos);
    network_.netns = "/dev/null";
    begin();
    EXPECT_NE(try_start(worker).text.find("is no namespace"), std::string::npos);
}

TEST_F(Egress, NamespaceMadeAnewIsUsedAtOnce) {
    ApiWorker one(folder_, 1);
    ASSERT_TRUE(start(one));
    outside_.reset();
    outside_.emplace();
    ApiWorker two(folder_, 2);
    ASSERT_TRUE(start(two));
    EXPECT_EQ(ask(two, kTcp4), "ok " + address4_);
}

// A native function has sockets when it has a network, and only then.
TEST_F(Egress, NativeFunctionsHaveSocketsThen) {
    const Folder native;
    auto doorbells = channel::create_doorbells();
    ASSERT_TRUE(doorbells);
    auto client = warden::Client::start({.artifacts_dir = native.path(), .networks = {network_}});
    ASSERT_TRUE(client) << client.error().text;
    client_.emplace(std::move(client).value());
    for (const bool granted : {true, false}) {
        Place place(native, *doorbells, granted ? 1 : 2);
        if (granted) place.order.egress = "outside";
        ASSERT_TRUE(client_->spawn(place.order));
        const auto event = next_event(*client_);
        ASSERT_EQ(event->kind, MessageKind::spawned) << event->text;
        ASSERT_TRUE(place.wait_ready()) << read_all(native.log());
        const auto answer = place.core.ask(kTcp4);
        const std::string expected =
            granted ? "reach=ok " + two(event->addresses).first
                    : std::string("reach=Address family not supported by protocol");
        EXPECT_EQ(answer.bytes, expected);
    }
}

}  // namespace
}  // namespace skerry::test
