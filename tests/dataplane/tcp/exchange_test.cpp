// Two Stacks over a link that loses, doubles, reorders, damages and delays: what was written
// arrives, all of it, in order, both ways; and nothing is left behind.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/world.hpp"

namespace skerry::net::tcp::test {
namespace {

[[maybe_unused]] const auto* environment = skerry::test::add_eal();

// Both directions, both closed in order, and the table empty after TIME-WAIT.
void exchange(World& world, std::uint64_t client_bytes, std::uint64_t server_bytes,
              std::uint64_t limit_us, bool v6 = false) {
    Exchange e(world, client_bytes, server_bytes, v6);
    ASSERT_TRUE(e.connecting);
    EXPECT_TRUE(world.run([&] { return e.done() || e.client.closed || e.server.closed; }, limit_us))
        << e.client.received << '/' << server_bytes << ' ' << e.server.received << '/'
        << client_bytes;
    EXPECT_TRUE(e.done());
    EXPECT_FALSE(e.client.wrong || e.server.wrong) << "bytes changed on the way";
    e.close();
    world.run_for(300'000'000);
    EXPECT_EQ(world.client.stack->stats().connections.get(), 0u);
    EXPECT_EQ(world.server.stack->stats().connections.get(), 0u);
    EXPECT_EQ(world.client.stack->stats().send_blocks_used.get(), 0u);
    EXPECT_EQ(world.server.stack->stats().flights_used.get(), 0u);
    EXPECT_EQ(world.server.stack->stats().receive_bytes.get(), 0u);
}

TEST(Exchange, NothingButOpenAndClose) {
    World world;
    exchange(world, 0, 0, 10'000'000);
    EXPECT_EQ(world.server.count(Reason::tcp_syn_taken), 1u);
}

TEST(Exchange, AFewBytes) {
    for (const bool v6 : {false, true}) {
        World world;
        exchange(world, 5, 7, 10'000'000, v6);
        EXPECT_EQ(world.client.stack->stats().retransmitted_segments.get(), 0u);
    }
}

TEST(Exchange, AMegabyteOverACleanLink) {
    World world;
    exchange(world, 1 << 20, 1 << 20, 60'000'000);
    EXPECT_EQ(world.client.stack->stats().retransmitted_segments.get(), 0u);
    EXPECT_EQ(world.server.stack->stats().retransmitted_segments.get(), 0u);
}

struct Rule {
    const char* name;
    LinkRules rules;
};
const Rule kRules[] = {
    {"loss 1 %", {.delay_us = 5000, .loss = 0.01}},
    {"loss 10 %", {.delay_us = 5000, .loss = 0.1}},
    {"reordering", {.delay_us = 5000, .reorder = 0.2}},
    {"duplication", {.delay_us = 5000, .duplicate = 0.2}},
    {"corruption", {.delay_us = 5000, .corrupt = 0.05}},
    {"everything",
     {.delay_us = 20000, .loss = 0.05, .duplicate = 0.05, .reorder = 0.1, .corrupt = 0.02}},
    {"far away", {.delay_us = 100'000, .loss = 0.01}},
    {"a narrow line", {.delay_us = 10000, .bytes_per_s = 500'000, .queue_bytes = 30000}},
};

TEST(Exchange, HostileLinks) {
    for (const Rule& rule : kRules)
        for (const std::uint64_t seed : {1, 2, 3}) {
            SCOPED_TRACE(rule.name + std::string(" seed ") + std::to_string(seed));
            World world(default_options(), default_options(), seed);
            world.both(rule.rules);
            exchange(world, 700'000, 500'000, 900'000'000, seed == 2);
        }
}

TEST(Exchange, WithoutEachOption) {
    for (int option = 0; option < 6; ++option) {
        SCOPED_TRACE(option);
        Options options = default_options();
        if (option == 0) options.sack = false;
        if (option == 1) options.timestamps = false;
        if (option == 2) options.window_scaling = false;
        if (option == 3) options.sack = options.timestamps = options.window_scaling = false;
        if (option == 4) options.congestion = CongestionControl::new_reno;
        if (option == 5) options.nagle = true, options.delayed_ack = false;
        for (const double loss : {0.0, 0.03}) {
            World world(options, default_options(), 5);
            world.both({.delay_us = 3000, .loss = loss, .reorder = 0.02});
            exchange(world, 300'000, 300'000, 900'000'000);
        }
    }
}

TEST(Exchange, TinyWindows) {
    Options options = default_options();
    options.limits.connection_receive_bytes = 2048;
    options.limits.connection_send_bytes = 4096;
    World world(options, options, 9);
    world.both({.delay_us = 1000, .loss = 0.02});
    exchange(world, 100'000, 100'000, 900'000'000);
}

TEST(Exchange, ThePortCuts) {
    for (const bool v6 : {false, true})
        for (const std::uint32_t tso_bytes : {3000u, 9000u, 65415u}) {
            SCOPED_TRACE(tso_bytes);
            World world;
            world.client.port_cuts(tso_bytes);
            world.server.port_cuts(tso_bytes);
            exchange(world, 2'000'000, 1 << 20, 60'000'000, v6);
            const Stats& stats = world.client.stack->stats();
            EXPECT_EQ(stats.retransmitted_segments.get(), 0u);
            // Of 1400 segments, most in frames of as many as one may have.
            const std::uint64_t most = std::min(tso_bytes / 1428, 8u);
            EXPECT_GT(world.client.cut_frames(), 1400 / most * 3 / 4);
            EXPECT_LT(world.client.cut_frames(), 1400 / most * 5 / 3);
            EXPECT_GT(stats.segments_out.get(), 1400u) << "counted as they are on the wire";
        }
}

TEST(Exchange, ThePortCutsOnHostileLinks) {
    for (const Rule& rule : kRules)
        for (const std::uint64_t seed : {4, 5}) {
            SCOPED_TRACE(rule.name + std::string(" seed ") + std::to_string(seed));
            Options options = default_options();
            options.sack = seed == 4;
            World world(options, default_options(), seed);
            world.both(rule.rules);
            world.client.port_cuts(65415);
            world.server.port_cuts(9000);
            exchange(world, 700'000, 500'000, 900'000'000, seed == 5);
            EXPECT_GT(world.client.cut_frames(), 0u);
        }
}

// Frames that a port has put together: the same bytes, in fewer of them, and fewer
// acknowledgements.
TEST(Exchange, ThePortMerges) {
    for (const bool v6 : {false, true})
        for (const std::uint64_t seed : {1, 2}) {
            SCOPED_TRACE(seed);
            World world;
            world.client.port_merges(seed);
            world.server.port_merges(seed + 10);
            exchange(world, 3'000'000, 1 << 20, 60'000'000, v6);
            EXPECT_EQ(world.client.stack->stats().retransmitted_segments.get(), 0u);
            EXPECT_EQ(world.server.stack->stats().retransmitted_segments.get(), 0u);
            EXPECT_GT(world.server.merged_frames(), 20u);
            EXPECT_EQ(world.server.count(Reason::drop_chain), 0u);
            EXPECT_EQ(world.server.count(Reason::drop_tcp_checksum), 0u);
            EXPECT_GT(world.server.counters().rx_merged.get(), 20u);
        }
}

TEST(Exchange, ThePortMergesOnHostileLinks) {
    for (const Rule& rule : kRules)
        for (const std::uint64_t seed : {6, 7, 8}) {
            SCOPED_TRACE(rule.name + std::string(" seed ") + std::to_string(seed));
            Options options = default_options();
            options.sack = seed != 7;
            World world(options, default_options(), seed);
            world.both(rule.rules);
            // What is sent as one frame arrives as one, in part: as between two guests of a host.
            if (seed == 8) world.client.port_cuts(65415);
            world.client.port_merges(seed);
            world.server.port_merges(seed + 10);
            exchange(world, 700'000, 500'000, 900'000'000, seed == 7);
        }
}

// Every limit is met by frames of several buffers too: windows, what is out of order, all there is.
TEST(Exchange, ThePortMergesAndMemoryIsScarce) {
    for (const std::uint32_t kib : {24u, 64u, 200u}) {
        SCOPED_TRACE(kib);
        Options options = default_options();
        options.limits.core_receive_bytes = kib * 1024;
        options.limits.reassembly_mbufs = 12;
        World world(default_options(), options, 3);
        world.both({.delay_us = 3000, .loss = 0.02, .reorder = 0.02});
        world.server.port_merges(kib);
        world.client.port_cuts(65415);
        Exchange e(world, 400'000, 1000);
        std::uint64_t most = 0;
        const auto pump = world.applications;
        world.applications = [&] {
            most = std::max(most, world.server.stack->stats().receive_bytes.get());
            pump();
        };
        EXPECT_TRUE(world.run([&] { return e.done(); }, 3'600'000'000));
        EXPECT_FALSE(e.server.wrong);
        EXPECT_LE(most, kib * 1024);
        world.applications = pump;
        e.close();
        world.run_for(300'000'000);
    }
}

// Buffers that are not enough for a whole one: it goes later, and none is lost.
TEST(Exchange, ThePortCutsAndBuffersAreScarce) {
    World world;
    world.client.port_cuts(65415);
    Exchange e(world, 300'000, 0);
    std::vector<rte_mbuf*> held;
    const auto give_back = [&] {
        for (rte_mbuf* mbuf : held) rte_pktmbuf_free(mbuf);
        held.clear();
    };
    int turns = 0;
    const auto pump = world.applications;
    world.applications = [&] {
        give_back();
        pump();
        if (++turns % 2 == 0) return;  // all but three, every other turn
        while (rte_mempool_avail_count(world.pool.get()) > 3)
            held.push_back(rte_pktmbuf_alloc(world.pool.get()));
    };
    EXPECT_TRUE(world.run([&] { return e.done(); }, 900'000'000));
    EXPECT_FALSE(e.server.wrong);
    EXPECT_GT(world.client.count(Reason::drop_no_mbuf), 0u);
    give_back();
    world.applications = pump;
    e.close();
    world.run_for(300'000'000);
}

TEST(Exchange, AHundredMegabytesBothWays) {
    World world(default_options(), default_options(), 3);
    world.both(
        {.delay_us = 2000, .loss = 0.002, .duplicate = 0.002, .reorder = 0.005, .corrupt = 0.001});
    exchange(world, 100'000'000, 100'000'000, 3'600'000'000);
}

}  // namespace
}  // namespace skerry::net::tcp::test
