// What `skerry-load http` makes of its arguments, and whom it refuses to flood.
#include <gtest/gtest.h>

#include <set>

#include "tools/load/http/flood.hpp"
#include "tools/load/http/options.hpp"

namespace skerry::load::http {
namespace {

net::IpAddress ip(const char* text) {
    return *net::IpAddress::parse(text);
}
net::IpPrefix prefix(const char* text) {
    return *net::IpPrefix::parse(text);
}

TEST(Url, Parts) {
    const auto four = parse_url("http://10.0.0.1:8080/a?b=c");
    ASSERT_TRUE(four);
    EXPECT_EQ(four->address, ip("10.0.0.1"));
    EXPECT_EQ(four->port, 8080);
    EXPECT_EQ(four->host, "10.0.0.1:8080");
    EXPECT_EQ(four->path, "/a?b=c");
    const auto six = parse_url("http://[fd00::2]");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->address, ip("fd00::2"));
    EXPECT_EQ(six->port, 80);
    EXPECT_EQ(six->host, "[fd00::2]");
    EXPECT_EQ(six->path, "/");
}

TEST(Url, SaysWhatIsWrong) {
    for (const char* text : {"", "10.0.0.1", "https://10.0.0.1/", "http://", "http://example/",
                             "http://10.0.0.1:/", "http://10.0.0.1:0/", "http://10.0.0.1:65536/",
                             "http://10.0.0.1:80x/", "http://[fd00::2/", "http://[fd00::2]80/",
                             "http://10.0.0.1/a b", "http://10.0.0.1/\r\nX: y"}) {
        const auto url = parse_url(text);
        EXPECT_FALSE(url) << text;
        if (!url) {
            EXPECT_NE(url.error().text.find("http://10.77.1.2:8080/healthz"), std::string::npos);
        }
    }
}

TEST(Request, AsItGoesOverTheWire) {
    const Url url = *parse_url("http://10.0.0.1:8080/x");
    EXPECT_EQ(*build_request(url, {}), "GET /x HTTP/1.1\r\nHost: 10.0.0.1:8080\r\n\r\n");
    RequestText post{.method = "POST", .body = "hi", .fields = {"A: b"}, .close = true};
    EXPECT_EQ(*build_request(url, post),
              "POST /x HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nContent-Length: 2\r\nA: b\r\n"
              "Connection: close\r\n\r\nhi");
    post.body.clear();
    EXPECT_NE(build_request(url, post)->find("Content-Length: 0\r\n"), std::string::npos);
    for (const char* field : {"", "A", ": b", "A: b\r\nC: d", "A B: c"}) {
        post.fields = {field};
        EXPECT_FALSE(build_request(url, post)) << field;
    }
    EXPECT_FALSE(build_request(url, {.method = "GET /", .body = "", .fields = {}}));
}

TEST(Addresses, CountUpWithinTheirNetwork) {
    const auto three = count_up(prefix("10.0.0.3/29"), 3, ip("10.0.0.4"));
    ASSERT_TRUE(three);
    EXPECT_EQ((*three)[0].address, ip("10.0.0.3"));
    EXPECT_EQ((*three)[1].address, ip("10.0.0.5"));  // not the next hop's
    EXPECT_EQ((*three)[2].address, ip("10.0.0.6"));
    EXPECT_FALSE(count_up(prefix("10.0.0.3/29"), 4, ip("10.0.0.4")));  // .7 is for all of them
    const auto carried = count_up(prefix("10.0.0.254/16"), 4, ip("10.0.0.1"));
    ASSERT_TRUE(carried);
    EXPECT_EQ((*carried)[2].address, ip("10.0.1.0"));
    EXPECT_EQ(count_up(prefix("fd00::ffff/64"), 2, ip("fd00::1"))->back().address, ip("fd00::1:0"));
}

TEST(Flood, SourcesAreOfThePrefix) {
    Random random(1);
    for (const char* text : {"198.18.0.0/15", "10.1.2.3/32", "10.0.0.0/9", "2001:db8:f::/48"}) {
        std::set<std::string> seen;
        for (int i = 0; i < 1000; ++i) {
            const net::IpAddress made = address_within(prefix(text), random.next());
            EXPECT_TRUE(prefix(text).contains(made)) << made.to_string();
            seen.insert(made.to_string());
        }
        EXPECT_TRUE(seen.size() == 1 || seen.size() > 900) << text;
    }
}

// As the server's own eyes see them: length, addresses, checksums.
TEST(Flood, EachFrameIsWhole) {
    for (const char* server : {"10.0.0.1", "fd00::1"}) {
        const net::IpPrefix own{ip(server),
                                static_cast<std::uint8_t>(ip(server).is_v4() ? 24 : 64)};
        net::PortView port;
        port.mac = {{2, 0, 0, 0, 0, 1}};
        port.tcp = true;
        port.addresses = {&own, 1};
        net::Path path;
        path.peer = ip(server);
        path.peer_mac = port.mac;
        path.peer_udp = 80;
        net::PortView theirs;
        theirs.mac = {{2, 0, 0, 0, 0, 9}};
        theirs.tx_ip_checksum = theirs.tx_tcp_checksum = true;  // not left to it all the same
        const SynPattern pattern(path, theirs);
        net::Neighbours neighbours;
        Random random(7);
        for (int i = 0; i < 2000; ++i) {
            std::uint8_t frame[256];
            const net::IpAddress source =
                address_within(prefix(path.peer.is_v4() ? "198.18.0.0/15" : "2001:db8::/48"),
                               i == 0 ? 0 : random.next());
            const auto number = static_cast<std::uint16_t>(1 + random.next() % 65535);
            pattern.write(frame, source, __builtin_bswap16(number),
                          static_cast<std::uint32_t>(random.next()));
            rte_mbuf mbuf{};
            mbuf.buf_addr = frame;
            mbuf.buf_len = sizeof frame;
            mbuf.nb_segs = 1;
            mbuf.data_len = static_cast<std::uint16_t>(pattern.bytes());
            mbuf.pkt_len = mbuf.data_len;
            const net::Frame seen = net::classify(&mbuf, 0, port, 0, neighbours, 0);
            ASSERT_EQ(seen.kind, net::FrameKind::tcp) << info(seen.reason).name;
            EXPECT_EQ(seen.path.peer, source);
            EXPECT_EQ(seen.path.peer_udp, number);
        }
    }
}

TEST(Flood, OnlyWhereItHitsNobodyElse) {
    FloodOptions options{.rate_per_s = 1, .from = prefix("198.18.0.0/15"), .network = {}};
    const auto may = [&](const char* devargs, const char* server) {
        return bool(check_flood(devargs, ip(server), options));
    };
    EXPECT_TRUE(may("net_memif0,role=client,socket=/tmp/x", "10.0.0.1"));
    EXPECT_TRUE(may("net_virtio_user0,path=/tmp/vhost.sock", "10.0.0.1"));
    EXPECT_FALSE(may("net_virtio_user0,path=/dev/vhost-net", "10.0.0.1"));
    EXPECT_FALSE(may("net_virtio_user0", "10.0.0.1"));
    EXPECT_FALSE(may("net_af_packet0,iface=eth0", "10.0.0.1"));
    EXPECT_FALSE(may("0000:00:05.0", "10.0.0.1"));
    EXPECT_FALSE(may("net_memif0", "8.8.8.8"));
    EXPECT_FALSE(may("net_memif0", "fd00::1"));  // the sources are of the other family
    options.network = prefix("10.0.0.0/24");
    EXPECT_TRUE(may("net_af_packet0,iface=eth0", "10.0.0.1"));
    EXPECT_FALSE(may("net_af_packet0,iface=eth0", "10.0.1.1"));
    options.network = prefix("0.0.0.0/0");
    EXPECT_FALSE(may("net_af_packet0,iface=eth0", "10.0.0.1"));
    options.network.reset();
    for (const char* from : {"0.0.0.0/0", "8.8.8.0/24", "10.0.0.0/7", "192.0.0.0/8"}) {
        options.from = prefix(from);
        EXPECT_FALSE(may("net_memif0", "10.0.0.1")) << from;
    }
    options.from = prefix("2001:db8:f::/48");
    EXPECT_TRUE(may("net_memif0", "fd00::1"));
}

}  // namespace
}  // namespace skerry::load::http
