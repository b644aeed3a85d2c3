#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "control/config/config.hpp"

namespace skerry::config {
namespace {

constexpr char kPop[] = R"(role = "pop"
name = "pop-1"
state_dir = "/var/lib/skerry"
[[port]]
devargs = "net_af_packet0,iface=eth0"
addresses = ["10.0.0.2/24", "fd00::2/64"]
gateways = ["10.0.0.1"]
[management]
tls_cert = "/etc/skerry/cert.pem"
tls_key = "/etc/skerry/key.pem"
tls_ca = "/etc/skerry/ca.pem"
[[region]]
name = "north"
address = "10.0.0.7"
management = "10.0.0.7:4601"
)";

std::string with(std::string text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

std::string errors_of(const std::string& text) {
    auto result = parse(text, "s.toml");
    return result ? "" : result.error().text;
}

TEST(ConfigParse, TheDefaultsAreThoseOfTheHeader) {
    auto config = parse(kPop, "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    const Config fresh;
    EXPECT_EQ(config->role, Role::pop);
    EXPECT_EQ(config->admin_socket, "/var/lib/skerry/admin.sock");
    EXPECT_EQ(config->udp_port, 4600);
    EXPECT_EQ(config->dataplane.memory_mib, fresh.dataplane.memory_mib);
    EXPECT_EQ(config->dataplane.require_cookie, true);
    EXPECT_EQ(config->workers.max, 64u);
    ASSERT_EQ(config->ports.size(), 1u);
    EXPECT_EQ(config->ports[0].mtu, 1500);
    ASSERT_EQ(config->ports[0].addresses.size(), 2u);
    EXPECT_EQ(config->ports[0].addresses[0].prefix_bits, 24);
    ASSERT_EQ(config->regions.size(), 1u);
    EXPECT_EQ(config->regions[0].udp_port, 4600);
    EXPECT_EQ(config->regions[0].address.to_string(), "10.0.0.7");
    EXPECT_EQ(config->http.port_of(config->role), 8080);
    EXPECT_EQ(fresh.http.port_of(Role::region), 0);
}

TEST(ConfigParse, TrunksAreThereUnlessTheyAreTurnedOff) {
    auto pop = parse(kPop, "s.toml");
    ASSERT_TRUE(pop) << pop.error().text;
    EXPECT_EQ(pop->trunks_to_regions(), 2u);
    EXPECT_EQ(pop->trunks_from_pops(), 0u);
    pop = parse(std::string(kPop) + "[trunks]\nper_core = 0\n", "s.toml");
    ASSERT_TRUE(pop) << pop.error().text;
    EXPECT_EQ(pop->trunks_to_regions(), 0u);
    pop = parse(std::string(kPop) + "[http]\nport = 0\n", "s.toml");
    ASSERT_TRUE(pop) << pop.error().text;
    EXPECT_FALSE(pop->speaks_tcp());
    EXPECT_FALSE(parse(std::string(kPop) + "[trunks]\nper_core = 5\n", "s.toml"));
    EXPECT_FALSE(parse(std::string(kPop) + "[trunks]\nmax = 1025\n", "s.toml"));
    Config region;
    region.role = Role::region;
    EXPECT_TRUE(region.speaks_tcp());
    EXPECT_EQ(region.trunks_from_pops(), 64u);
    EXPECT_EQ(region.trunks_to_regions(), 0u);
}

// Both are kept as microseconds in 32 bits: a longer one would come out as a short one.
TEST(ConfigParse, WaitsOfHttpAreAnHourAtMost) {
    EXPECT_TRUE(parse(std::string(kPop) + "[http]\nidle_ms = 3600000\nhead_ms = 3600000\n", "s"));
    EXPECT_FALSE(parse(std::string(kPop) + "[http]\nidle_ms = 3600001\n", "s"));
    EXPECT_FALSE(parse(std::string(kPop) + "[http]\nhead_ms = 3600001\n", "s"));
}

TEST(ConfigParse, OriginsOfWebPages) {
    const auto taken = [](const std::string& origin) {
        return bool(parse(std::string(kPop) + "[http]\nallow_origin = \"" + origin + "\"\n", "s"));
    };
    for (const char* good : {"*", "http://localhost:3000", "https://[fd00::1]:8443"})
        EXPECT_TRUE(taken(good)) << good;
    for (const char* bad : {"", "null", "app.example", "https://", "https://App.example",
                            "https://a.example/", "https://a, https://b", "https://a\\r\\nX: y"})
        EXPECT_FALSE(taken(bad)) << bad;
    EXPECT_FALSE(taken("https://" + std::string(128, 'a')));
}

TEST(ConfigParse, WhatConnectionsReceiveTakesPacketBuffers) {
    auto config = parse(std::string(kPop) + "[http]\nreceive_mib = 64\n", "s.toml");
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().text.find("dataplane.mbufs"), std::string::npos)
        << config.error().text;
    EXPECT_TRUE(parse(std::string(kPop) + "[http]\nport = 0\nreceive_mib = 64\n", "s.toml"));
}

TEST(ConfigParse, EveryKeyIsTaken) {
    auto config = parse(R"(role = "region"
name = "north"
state_dir = "/srv/s"
admin_socket = "/run/s.sock"
udp_port = 4700
[dataplane]
memory = "no-huge"
memory_mib = 256
cores = 2
cpus = [2, 3]
control_cpu = 1
idle = "sleep"
mbufs = 8000
pending = 100
queue = 200
reply_cache_entries = 1024
reply_cache_mib = 4
reply_window_ms = 1000
function_rows = 40
require_cookie = false
file_prefix = "lab-a"
return_ports = 50000
[workers]
max = 8
first_uid = 300000
idle_timeout_ms = 1000
idle_max_ms = 9000
memory_mib = 4096
cpus = 1.5
spin_us = 5
start_timeout_ms = 2000
standby_nodejs = 7
starts_max = 3
cgroups = "required"
core_scheduling = true
runtimes_dir = "/srv/runtimes"
[prober]
period_ms = 100
failures_to_eject = 2
return_ms = 0
fresh_ms = 500
[admission]
popular_per_s = 2
rate_half_life_ms = 500
[http]
port = 80
connections = 100
body_mib = 3
send_mib = 4
receive_mib = 5
head_bytes = 4096
body_bytes = 1000
idle_ms = 200
head_ms = 300
min_body_bytes_per_s = 10
retry_window_ms = 20
retry_entries = 30
retry_mib = 40
allow_origin = "https://app.example:8443"
[limits]
source_per_s = 10
source_burst = 20
source_connections = 30
sources = 2048
ipv4_prefix = 24
ipv6_prefix = 56
shed_ms = 0
exempt = ["10.0.0.0/8", "fd00::/8"]
function_per_s = 40
function_burst = 50
[trunks]
per_core = 3
max = 9
[management]
listen = "[fd00::7]:4601"
tls_cert = "/c"
tls_key = "/k"
tls_ca = "/a"
[[port]]
devargs = "0000:03:00.0"
addresses = ["192.0.2.1/31"]
mtu = 9000
[[port]]
devargs = "0000:03:00.1"
)",
                        "s.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_EQ(config->role, Role::region);
    EXPECT_EQ(config->udp_port, 4700);
    const Dataplane& d = config->dataplane;
    EXPECT_EQ(d.memory, Memory::no_huge);
    EXPECT_EQ(d.idle, Idle::sleep);
    EXPECT_EQ(d.cpus, (std::vector<std::uint32_t>{2, 3}));
    EXPECT_EQ(d.control_cpu, 1u);
    EXPECT_EQ(d.mbufs + d.pending + d.queue + d.reply_cache_entries + d.reply_cache_mib +
                  d.reply_window_ms,
              8000u + 100 + 200 + 1024 + 4 + 1000);
    EXPECT_EQ(d.function_rows, 40u);
    EXPECT_FALSE(d.require_cookie);
    EXPECT_EQ(d.file_prefix, "lab-a");
    EXPECT_EQ(d.return_ports, 50000);
    EXPECT_EQ(config->workers.first_uid, 300000u);
    EXPECT_EQ(config->workers.idle_max_ms, 9000u);
    EXPECT_EQ(config->workers.memory_mib, 4096u);
    EXPECT_DOUBLE_EQ(config->workers.cpus, 1.5);
    EXPECT_EQ(config->workers.spin_us, 5u);
    EXPECT_EQ(config->workers.standby_nodejs, 7u);
    EXPECT_TRUE(config->workers.core_scheduling);
    EXPECT_EQ(config->prober.return_ms, 0u);
    EXPECT_DOUBLE_EQ(config->admission.popular_per_s, 2.0);
    EXPECT_EQ(config->trunks.per_core, 3u);
    EXPECT_EQ(config->trunks_from_pops(), 9u);
    const Http& h = config->http;
    EXPECT_EQ(h.port_of(Role::region), 80);
    EXPECT_EQ(h.connections + h.body_mib + h.send_mib + h.receive_mib + h.head_bytes +
                  h.body_bytes + h.idle_ms + h.head_ms + h.min_body_bytes_per_s +
                  h.retry_window_ms + h.retry_entries + h.retry_mib,
              100u + 3 + 4 + 5 + 4096 + 1000 + 200 + 300 + 10 + 20 + 30 + 40);
    EXPECT_EQ(h.allow_origin, "https://app.example:8443");
    const Limits& l = config->limits;
    EXPECT_EQ(l.source_per_s + l.source_burst + l.source_connections + l.sources + l.ipv4_prefix +
                  l.ipv6_prefix + l.shed_ms + l.function_per_s + l.function_burst,
              10u + 20 + 30 + 2048 + 24 + 56 + 0 + 40 + 50);
    ASSERT_EQ(l.exempt.size(), 2u);
    EXPECT_EQ(l.exempt[1].prefix_bits, 8);
    EXPECT_FALSE(d.invoke_from);
    EXPECT_EQ(config->management.listen, "[fd00::7]:4601");
    EXPECT_EQ(config->ports.size(), 2u);
    EXPECT_EQ(config->ports[0].mtu, 9000);
}

TEST(ConfigParse, WhoMayInvokeByDatagram) {
    const auto with = [](const char* value) {
        return parse(std::string(kPop) + "[dataplane]\ninvoke_from = " + value + "\n", "s.toml");
    };
    const auto nobody = with("[]"), some = with("[\"10.0.0.0/8\", \"2001:db8::/32\"]");
    ASSERT_TRUE(nobody) << nobody.error().text;
    ASSERT_TRUE(some) << some.error().text;
    ASSERT_TRUE(nobody->dataplane.invoke_from && some->dataplane.invoke_from);
    EXPECT_TRUE(nobody->dataplane.invoke_from->empty());
    EXPECT_EQ(some->dataplane.invoke_from->size(), 2u);
}

struct Bad {
    const char* name;
    const char* what;
    const char* by;
    const char* line;  // how the error line begins
};

class ConfigBad : public testing::TestWithParam<Bad> {};

TEST_P(ConfigBad, NamesTheLineAndWhatIsAllowed) {
    const auto text = errors_of(with(kPop, GetParam().what, GetParam().by));
    EXPECT_NE(text.find(GetParam().line), std::string::npos) << "got: " << text;
    EXPECT_NE(text.find("; allowed: "), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ConfigBad,
    testing::Values(
        Bad{"unknown_key", "name = \"pop-1\"", "name = \"p\"\nnmae = 3",
            "s.toml:3: nmae: found an unknown key; allowed: role, name, "},
        Bad{"unknown_table", "[management]", "[managment]\n[management]",
            "s.toml:8: managment: found an unknown key"},
        Bad{"unknown_in_table", "tls_ca =", "tls_cas = 1\ntls_ca =",
            "s.toml:11: management.tls_cas: found an unknown key; allowed: listen, tls_cert"},
        Bad{"role", "\"pop\"", "\"edge\"",
            "s.toml:1: role: found \"edge\"; allowed: \"pop\" or \"region\""},
        Bad{"wrong_type", "\"pop-1\"", "7", "s.toml:2: name: found 7; allowed: 1 to 15"},
        Bad{"name_long", "pop-1", "a-name-that-is-too-long", "s.toml:2: name: found"},
        Bad{"name_case", "pop-1", "POP", "s.toml:2: name: found \"POP\""},
        Bad{"name_missing", "name = \"pop-1\"", "", "name: found nothing"},
        Bad{"state_relative", "\"/var/lib/skerry\"", "\"var\"", "s.toml:3: state_dir: found"},
        Bad{"port_number", "role", "udp_port = 70000\nrole",
            "s.toml:1: udp_port: found 70000; allowed: a whole number from 1 to 65535"},
        Bad{"negative", "role", "udp_port = -1\nrole", "s.toml:1: udp_port: found -1"},
        Bad{"float_for_integer", "role", "udp_port = 1.5\nrole", "udp_port: found the number 1.5"},
        Bad{"no_port", "[[port]]", "[[prot]]", "port: found nothing; allowed: 1 to 8"},
        Bad{"port_not_table", "role", "port = 3\nrole", "s.toml"},
        Bad{"address_no_length", "10.0.0.2/24", "10.0.0.2",
            "s.toml:6: port[0].addresses: found \"10.0.0.2\""},
        Bad{"address_network", "10.0.0.2/24", "10.0.0.0/24", "s.toml:6: port[0].addresses"},
        Bad{"address_broadcast", "10.0.0.2/24", "10.0.0.255/24", "s.toml:6: port[0].addresses"},
        Bad{"address_multicast", "fd00::2/64", "ff02::1/64", "s.toml:6: port[0].addresses"},
        Bad{"address_length", "10.0.0.2/24", "10.0.0.2/33", "s.toml:6: port[0].addresses"},
        Bad{"address_twice", "\"fd00::2/64\"", "\"10.0.0.2/16\"",
            "s.toml:6: port[0].addresses: found 10.0.0.2/16 again"},
        Bad{"gateway_off_link", "10.0.0.1\"", "10.9.0.1\"",
            "s.toml:7: port[0].gateways: found 10.9.0.1; allowed: an address in the network"},
        Bad{"gateway_two", "\"10.0.0.1\"", "\"10.0.0.1\", \"10.0.0.3\"",
            "s.toml:7: port[0].gateways: found a second gateway"},
        Bad{"gateway_self", "\"10.0.0.1\"", "\"10.0.0.2\"", "this server itself"},
        Bad{"devargs_space", "net_af_packet0,iface=eth0", "eth0 eth1", "s.toml:5: port[0].devargs"},
        Bad{"devargs_twice", "[management]",
            "[[port]]\ndevargs = \"net_af_packet0,iface=eth1\"\n[management]",
            "s.toml:9: port[1].devargs: found \"net_af_packet0,iface=eth1\" again"},
        Bad{"return_ports", "[[port]]", "[dataplane]\nreturn_ports = 4500\n[[port]]",
            "s.toml:5: dataplane.return_ports: found 4500; allowed: 0, or the first of 256 ports"},
        Bad{"mtu", "gateways", "mtu = 1279\ngateways", "s.toml:7: port[0].mtu: found 1279"},
        Bad{"region_address", "\"10.0.0.7\"", "\"north.example\"", "s.toml:14: region[0].address"},
        Bad{"region_is_us", "\"10.0.0.7\"", "\"10.0.0.2\"",
            "s.toml:14: region[0].address: found 10.0.0.2 again"},
        Bad{"region_our_name", "\"north\"", "\"pop-1\"", "s.toml:13: region[0].name"},
        Bad{"region_management", "10.0.0.7:4601", "10.0.0.7", "s.toml:15: region[0].management"},
        Bad{"region_management_host", "10.0.0.7:4601", "host:4601", "region[0].management"},
        Bad{"region_management_missing", "management = \"10.0.0.7:4601\"", "",
            "region[0].management: found nothing"},
        Bad{"tls_missing", "tls_ca = \"/etc/skerry/ca.pem\"", "",
            "s.toml:8: management.tls_ca: found nothing"},
        Bad{"pop_listens", "tls_cert =", "listen = \"10.0.0.2:4601\"\ntls_cert =",
            "s.toml:8: management.listen: found \"10.0.0.2:4601\"; allowed: nothing in a POP"},
        Bad{"region_with_regions", "\"pop\"", "\"region\"", "region: found a region of role"},
        Bad{"region_role_listens", "\"pop\"", "\"region\"",
            "s.toml:8: management.listen: found nothing"},
        Bad{"memory_word", "[management]", "[dataplane]\nmemory = \"some\"\n[management]",
            "dataplane.memory: found \"some\"; allowed: \"huge\" or \"no-huge\""},
        Bad{"cores", "[management]", "[dataplane]\ncores = 17\n[management]",
            "s.toml:9: dataplane.cores: found 17; allowed: a whole number from 1 to 16"},
        Bad{"cpus_count", "[management]", "[dataplane]\ncores = 2\ncpus = [1]\n[management]",
            "s.toml:10: dataplane.cpus: found 1 CPUs"},
        Bad{"cpus_twice", "[management]", "[dataplane]\ncores = 2\ncpus = [1, 1]\n[management]",
            "s.toml:10: dataplane.cpus: found CPU 1 twice"},
        Bad{"cpus_type", "[management]", "[dataplane]\ncpus = [\"a\"]\n[management]",
            "s.toml:9: dataplane.cpus: found \"a\""},
        Bad{"control_cpu", "[management]", "[dataplane]\ncpus = [1]\ncontrol_cpu = 1\n[management]",
            "s.toml:10: dataplane.control_cpu: found 1"},
        Bad{"flag", "[management]", "[dataplane]\nrequire_cookie = 1\n[management]",
            "dataplane.require_cookie: found 1; allowed: true or false"},
        Bad{"invoke_from", "[management]",
            "[dataplane]\ninvoke_from = [\"10.0.0.1\"]\n[management]",
            "s.toml:9: dataplane.invoke_from: found \"10.0.0.1\"; allowed: a list of at most 64"},
        Bad{"invoke_from_unproved", "[management]",
            "[dataplane]\nrequire_cookie = false\ninvoke_from = [\"10.0.0.0/8\"]\n[management]",
            "s.toml:10: dataplane.invoke_from: found networks, without require_cookie"},
        Bad{"source_per_s", "[management]", "[limits]\nsource_per_s = -1\n[management]",
            "s.toml:9: limits.source_per_s: found -1"},
        Bad{"ipv6_prefix", "[management]", "[limits]\nipv6_prefix = 129\n[management]",
            "s.toml:9: limits.ipv6_prefix: found 129"},
        Bad{"exempt", "[management]", "[limits]\nexempt = [3]\n[management]",
            "s.toml:9: limits.exempt: found 3"},
        Bad{"memory_small", "[management]",
            "[dataplane]\nmemory_mib = 64\nmbufs = 1000000\n[management]",
            "s.toml:9: dataplane.memory_mib: found 64; allowed: at least"},
        Bad{"file_prefix", "[management]", "[dataplane]\nfile_prefix = \"../x\"\n[management]",
            "dataplane.file_prefix"},
        Bad{"popular", "[management]", "[admission]\npopular_per_s = nan\n[management]",
            "s.toml:9: admission.popular_per_s: found the number nan"},
        Bad{"fresh", "[management]", "[prober]\nperiod_ms = 1000\n[management]",
            "s.toml:8: prober.fresh_ms: found 1000; allowed: at least 1200"},
        Bad{"ejection", "[management]",
            "[outliers]\nbase_ejection_ms = 9000\nmax_ejection_ms = 8999\n[management]",
            "s.toml:10: outliers.max_ejection_ms: found 8999; allowed: at least "
            "outliers.base_ejection_ms (9000)"},
        Bad{"stdev_regions", "[management]", "[outliers]\nstdev_regions = 1\n[management]",
            "s.toml:9: outliers.stdev_regions: found 1"},
        Bad{"panic", "[management]", "[outliers]\npanic_percent = 101\n[management]",
            "s.toml:9: outliers.panic_percent: found 101"},
        Bad{"outliers_key", "[management]", "[outliers]\nenforcing = 1\n[management]",
            "s.toml:9: outliers.enforcing"},
        Bad{"uids", "[management]", "[workers]\nfirst_uid = 2147483647\n[management]",
            "s.toml:9: workers.first_uid"},
        Bad{"table_not_table", "role", "workers = 3\nrole", "s.toml:1: workers: found 3"},
        Bad{"syntax", "[management]", "[management", "s.toml:8: syntax: found "},
        Bad{"key_twice", "role", "role = \"pop\"\nrole", "s.toml:2: syntax: found "},
        Bad{"nul", "/var/lib/skerry", "/var\\u0000lib", "s.toml:3: state_dir"},
        Bad{"socket_long", "role",
            "admin_socket = "
            "\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nrole",
            "s.toml:1: admin_socket"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ConfigParse, AllProblemsAreReportedInTheOrderOfTheFile) {
    const auto text = errors_of(R"(role = "edge"
name = "UPPER"
state_dir = "x"
typo = 1
[workers]
max = 0
)");
    std::size_t last = 0;
    for (const char* part : {"s.toml:1: role", "s.toml:1: port: found nothing", "s.toml:2: name",
                             "s.toml:3: state_dir", "s.toml:4: typo", "s.toml:6: workers.max"}) {
        const auto at = text.find(part);
        ASSERT_NE(at, std::string::npos) << part << " in\n" << text;
        EXPECT_GE(at, last) << text;
        last = at;
    }
}

TEST(ConfigParse, ARegionMustBeReachable) {
    const std::string off = with(kPop, "\"10.0.0.7\"", "\"10.50.0.7\"");
    EXPECT_EQ(errors_of(off), "") << "through the gateway";
    const std::string cut = with(off, "gateways = [\"10.0.0.1\"]", "");
    EXPECT_NE(errors_of(cut).find("10.50.0.7, which no port leads to"), std::string::npos);
    EXPECT_NE(errors_of(with(kPop, "\"10.0.0.7\"", "\"fd01::7\"")).find("no port leads to"),
              std::string::npos)
        << "an IPv4 gateway does not lead to IPv6";
    EXPECT_EQ(errors_of(with(kPop, "\"10.0.0.7\"", "\"fd00::7\"")), "") << "on link";
}

TEST(ConfigParse, RegionsAreUnique) {
    const auto text = errors_of(std::string(kPop) +
                                "[[region]]\nname = \"north\"\naddress = \"10.0.0.7\"\n"
                                "management = \"10.0.0.8:1\"\n");
    EXPECT_NE(text.find("s.toml:17: region[1].name: found \"north\" again"), std::string::npos);
    EXPECT_NE(text.find("s.toml:18: region[1].address: found 10.0.0.7 again"), std::string::npos);
}

TEST(ConfigParse, PortsAndRegionsHaveLimits) {
    std::string ports, regions;
    for (int i = 0; i < 9; ++i)
        ports += "[[port]]\ndevargs = \"net_ring" + std::to_string(i) + "\"\n";
    EXPECT_NE(errors_of(kPop + ports).find("port: found 10 of them; allowed: at most 8"),
              std::string::npos);
    for (int i = 0; i < 64; ++i)
        regions += "[[region]]\nname = \"r" + std::to_string(i) + "\"\naddress = \"10.0.0." +
                   std::to_string(10 + i) + "\"\nmanagement = \"10.0.0.9:1\"\n";
    EXPECT_NE(errors_of(kPop + regions).find("region: found 65 of them; allowed: at most 64"),
              std::string::npos);
}

TEST(ConfigParse, NoPortHasAnAddress) {
    EXPECT_NE(errors_of("name = \"p\"\nstate_dir = \"/s\"\n[[port]]\ndevargs = \"net_ring0\"\n")
                  .find("port[0].addresses: found no address on any port"),
              std::string::npos);
}

TEST(ConfigParse, HostileFilesAreBounded) {
    std::string deep = "a";
    for (int i = 0; i < 20000; ++i) deep += ".a";
    EXPECT_NE(errors_of(deep + " = 1").find("dots"), std::string::npos);
    EXPECT_NE(errors_of(std::string(100000, '#')).find("100000 bytes"), std::string::npos);
    std::string inline_tables = "a = ";
    for (int i = 0; i < 1000; ++i) inline_tables += "{a = ";
    EXPECT_NE(errors_of(inline_tables).find("\"{\""), std::string::npos);
    EXPECT_NE(errors_of(std::string("a = ") + std::string(30000, '[')).find("syntax"),
              std::string::npos);
    std::string many;
    for (int i = 0; i < 500; ++i) many += "k" + std::to_string(i) + " = 1\n";
    EXPECT_NE(errors_of(many).find("more"), std::string::npos) << "not 500 lines of errors";
    EXPECT_NE(errors_of(std::string("a = \"\xff\xfe\"")), "") << "not UTF-8";
    EXPECT_NE(errors_of(""), "");
}

TEST(ConfigLoad, NamesTheFileThatCantBeRead) {
    char folder[] = "/tmp/skerry-config-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    const std::string path = std::string(folder) + "/s.toml";
    auto missing = load(path);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().text.find(path), std::string::npos);
    auto directory = load(folder);
    ASSERT_FALSE(directory);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_FALSE(load(path)) << "and it must not hang";
    unlink(path.c_str());
    std::ofstream(path) << kPop;
    auto config = load(path);
    EXPECT_TRUE(config) << config.error().text;
    std::ofstream(path) << "name = 1\n";
    auto bad = load(path);
    ASSERT_FALSE(bad);
    EXPECT_NE(bad.error().text.find(path + ":1: name: found 1"), std::string::npos);
    unlink(path.c_str());
    rmdir(folder);
}

}  // namespace
}  // namespace skerry::config
