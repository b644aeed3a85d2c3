// The short way of a flood's SYNs: what is answered there is answered as it always is, and nothing
// else is touched.
#include <vector>

#include "dataplane/net/tcp/segment.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/world.hpp"

namespace skerry::net::tcp::test {
namespace {

using frames::Bytes;

[[maybe_unused]] const auto* environment = skerry::test::add_eal();

constexpr std::uint64_t kNow = 1'000'000'000;
constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint16_t kService = 80;

Options pressed() {
    Options options = default_options();
    options.limits.half_open = 1;
    return options;
}

// A server with one handshake open, which is as many as it may have.
struct Pressed {
    explicit Pressed(const Options& options = pressed())
        : host("10.0.0.2", "2001:db8::2", 2, pool.get(), options, kNow) {
        host.stack->listen(kService);
        long_way(syn({.from = 999, .flags = kSyn}));
        drain();
    }
    Bytes syn(const frames::Tcp& h, bool v6 = false, const Bytes& payload = {}) const {
        const IpAddress from = v6 ? ip("2001:db8::77") : ip("10.0.0.77");
        const Bytes l4 = frames::tcp(h, from, host.address(v6), payload);
        return frames::ethernet(
            {.to = host.mac(),
             .from = {{2, 0, 0, 0, 0, 9}},
             .type = std::uint16_t(v6 ? 0x86dd : 0x0800)},
            v6 ? frames::ipv6({.from = from, .to = host.address(v6), .next_header = 6}, l4)
               : frames::ipv4({.from = from, .to = host.address(v6), .protocol = 6}, l4));
    }
    rte_mbuf* received(const Bytes& frame) {
        rte_mbuf* mbuf = rte_pktmbuf_alloc(pool.get());
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())),
                    frame.data(), frame.size());
        return mbuf;
    }
    void long_way(const Bytes& frame) {
        host.receive(received(frame));
        host.take_burst(now);
    }
    // How many are left, and the frames that they are.
    std::vector<Bytes> short_way(const std::vector<Bytes>& some) {
        std::vector<rte_mbuf*> burst;
        for (const Bytes& frame : some) burst.push_back(received(frame));
        const std::size_t left = host.stack->answer_flood(burst, 0, now);
        std::vector<Bytes> frames;
        for (rte_mbuf* mbuf : std::span(burst).first(left)) frames.push_back(taken(mbuf));
        return frames;
    }
    std::vector<Bytes> drain() {
        std::vector<Bytes> frames;
        for (rte_mbuf* mbuf : host.take_out()) frames.push_back(taken(mbuf));
        return frames;
    }
    static Bytes taken(rte_mbuf* mbuf) {
        const auto* start = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
        Bytes frame(start, start + mbuf->data_len);
        rte_pktmbuf_free(mbuf);
        return frame;
    }

    Mempool pool;
    Host host;
    std::uint64_t now = kNow;
};

std::vector<Bytes> all_kinds_of_options() {
    const Bytes mss = {2, 4, 5, 0xb4}, scale = {1, 3, 3, 7}, sack = {1, 1, 4, 2};
    const Bytes stamps = {1, 1, 8, 10, 0, 0, 9, 9, 0, 0, 0, 0};
    std::vector<Bytes> all;
    for (unsigned which = 0; which < 16; ++which) {
        Bytes options;
        unsigned bit = 1;
        for (const Bytes* one : {&mss, &sack, &stamps, &scale}) {
            if ((which & bit) != 0) frames::put(options, *one);
            bit <<= 1;
        }
        all.push_back(options);
    }
    // A kernel's.
    all.push_back({2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7});
    return all;
}

TEST(Flood, AnswersAreTheSameByEitherWay) {
    Pressed by_long, by_short;
    for (const bool v6 : {false, true}) {
        std::vector<Bytes> burst;
        std::uint16_t from = 2000;
        for (const Bytes& options : all_kinds_of_options())
            burst.push_back(by_long.syn(
                {.from = ++from, .seq = from * 77u, .flags = kSyn, .options = options}, v6));
        burst.push_back(by_long.syn({.from = ++from, .flags = kSyn | kEce | kCwr}, v6, {1, 2, 3}));
        for (const Bytes& frame : burst) by_long.long_way(frame);
        EXPECT_TRUE(by_short.short_way(burst).empty());
        const auto expected = by_long.drain();
        ASSERT_EQ(expected.size(), burst.size());
        EXPECT_EQ(by_short.drain(), expected);
    }
    for (std::size_t i = 0; i < kReasonCount; ++i)
        EXPECT_EQ(by_short.host.count(static_cast<Reason>(i)),
                  by_long.host.count(static_cast<Reason>(i)))
            << kReasons[i].name;
    const Stats &one = by_short.host.stack->stats(), &other = by_long.host.stack->stats();
    EXPECT_EQ(one.segments_in.get(), other.segments_in.get());
    EXPECT_EQ(one.segments_out.get(), other.segments_out.get());
}

TEST(Flood, AllElseIsLeftInItsOrder) {
    Pressed server;
    const Bytes other_port = server.syn({.from = 1, .to = 81, .flags = kSyn});
    const Bytes ack = server.syn({.from = 2, .flags = kAck});
    const Bytes damaged = server.syn({.from = 3, .flags = kSyn, .checksum_off_by = 1});
    const Bytes broken_option = server.syn({.from = 4, .flags = kSyn, .options = {2, 9, 0, 0}});
    const Bytes half_open = server.syn({.from = 999, .flags = kSyn});
    std::vector<Bytes> burst;
    for (std::uint16_t i = 0; i < 60; ++i) {  // more than are looked at together
        const auto from = static_cast<std::uint16_t>(5000 + i);
        burst.push_back(server.syn({.from = from, .flags = kSyn}, i % 2 == 0));
        if (i == 20) burst.push_back(other_port);
        if (i == 21) burst.push_back(ack);
        if (i == 40) burst.push_back(damaged);
        if (i == 41) burst.push_back(broken_option);
    }
    burst.push_back(half_open);
    EXPECT_EQ(server.short_way(burst),
              (std::vector<Bytes>{other_port, ack, damaged, broken_option, half_open}));
    EXPECT_EQ(server.drain().size(), 60u);
    EXPECT_EQ(server.host.count(Reason::tcp_cookie_sent), 60u);
    EXPECT_TRUE(server.short_way({}).empty());
}

TEST(Flood, WithoutPressureNothingIsTaken) {
    Pressed server(default_options());
    const std::vector<Bytes> burst = {server.syn({.from = 1, .flags = kSyn})};
    EXPECT_EQ(server.short_way(burst), burst);
    server.host.stack->unlisten(kService);
    EXPECT_EQ(server.short_way(burst), burst);
    EXPECT_EQ(server.host.count(Reason::tcp_cookie_sent), 0u);
    Pressed closed;
    closed.host.stack->unlisten(kService);
    EXPECT_EQ(closed.short_way(burst), burst);
}

// One cookie in each 1/64 s, and one for who asks again.
TEST(Flood, BeyondTheBudgetOnlyWhoAsksAgainIsAnswered) {
    Options options = pressed();
    options.limits.cookies_per_second = 64;
    for (const bool v6 : {false, true}) {
        Pressed by_long(options), by_short(options);
        std::vector<Bytes> burst;
        for (std::uint16_t from = 2000; from < 2003; ++from)
            burst.push_back(by_long.syn({.from = from, .flags = kSyn}, v6));
        const std::size_t expected[] = {1, 2};
        for (const std::size_t answers : expected) {
            for (const Bytes& frame : burst) by_long.long_way(frame);
            EXPECT_TRUE(by_short.short_way(burst).empty());
            const auto answered = by_long.drain();
            EXPECT_EQ(answered.size(), answers);
            EXPECT_EQ(by_short.drain(), answered);
            by_long.now = by_short.now = kNow + kSecond;
        }
        for (Pressed* one : {&by_long, &by_short}) {
            EXPECT_EQ(one->host.count(Reason::drop_tcp_syn_budget), 3u);
            EXPECT_EQ(one->host.count(Reason::tcp_cookie_sent), 3u);
            EXPECT_EQ(one->host.stack->stats().segments_in.get(), 7u);
        }
    }
}

// What one way has seen, the other knows; what is no plain SYN to a listener costs nothing.
TEST(Flood, BothWaysHaveOneBudget) {
    Options options = pressed();
    options.limits.cookies_per_second = 64;
    Pressed server(options);
    const Bytes first = server.syn({.from = 1, .flags = kSyn}),
                again = server.syn({.from = 2, .flags = kSyn}),
                other_port = server.syn({.from = 3, .to = 81, .flags = kSyn}),
                data = server.syn({.from = 4, .flags = kAck}, true);
    EXPECT_TRUE(server.short_way({first, again}).empty());
    EXPECT_EQ(server.drain().size(), 1u);
    EXPECT_EQ(server.short_way({other_port, data}), (std::vector<Bytes>{other_port, data}));
    server.long_way(again);
    EXPECT_EQ(server.drain().size(), 1u);
    EXPECT_EQ(server.host.count(Reason::drop_tcp_syn_budget), 1u);
}

// A buffer that somebody else reads, too, is not written to.
TEST(Flood, SharedBuffersAreNotWrittenTo) {
    Pressed server;
    const Bytes frame = server.syn({.from = 1, .flags = kSyn});
    rte_mbuf* mbuf = server.received(frame);
    rte_mbuf_refcnt_update(mbuf, 1);
    rte_mbuf* burst[] = {mbuf};
    EXPECT_EQ(server.host.stack->answer_flood(burst, 0, kNow), 0u);
    EXPECT_EQ(Pressed::taken(mbuf), frame);
    EXPECT_EQ(server.drain().size(), 1u);
}

}  // namespace
}  // namespace skerry::net::tcp::test
