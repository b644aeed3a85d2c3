// Connections from begin to end as an application sees them, and what happens when something is
// full.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/ends.hpp"

namespace skerry::net::tcp::test {
namespace {

[[maybe_unused]] const auto* environment = skerry::test::add_eal();

struct Life : ::testing::Test {
    Handle open(std::uint16_t port = 80) {
        world.server.stack->listen(port);
        const Handle handle = world.connect(port);
        EXPECT_TRUE(world.run([&] { return !ends.accepted.empty(); }, 5 * kSecond));
        return handle;
    }
    void nothing_is_left() {
        world.run_for(400 * kSecond);
        EXPECT_EQ(world.client.stack->stats().connections.get(), 0u);
        EXPECT_EQ(world.server.stack->stats().connections.get(), 0u);
        EXPECT_EQ(world.server.stack->next_due_us(), ~std::uint64_t{0}) << "a timer was forgotten";
    }
    Stack& client() { return *world.client.stack; }
    Stack& server() { return *world.server.stack; }

    World world;
    Ends ends{world};
};

TEST_F(Life, TagsComeWithEvents) {
    world.server.stack->listen(80);
    const Handle handle = client().connect({.local = world.client.address(false),
                                            .peer = world.server.address(false),
                                            .next_hop = world.server.mac(),
                                            .peer_port = 80,
                                            .tag = 77},
                                           world.now_us);
    world.run_for(kSecond);
    ASSERT_EQ(ends.client_events.size(), 1u);
    EXPECT_EQ(ends.client_events[0].tag, 77u);
    EXPECT_EQ(ends.server_events[0].local_port, 80);
    EXPECT_TRUE(server().set_tag(ends.accepted[0], 5));
    client().abort(handle);
    world.run_for(kSecond);
    EXPECT_EQ(ends.server_events.back().tag, 5u);
    EXPECT_EQ(ends.last_reason(ends.server_events), Reason::tcp_closed_reset);
    nothing_is_left();
}

TEST_F(Life, AHandleOfSomethingGoneDoesNothing) {
    const Handle handle = open();
    const Handle there = ends.accepted[0];
    client().abort(handle);
    EXPECT_FALSE(client().alive(handle));
    EXPECT_EQ(client().write(handle, std::vector<std::uint8_t>(10)), 0u);
    client().close(handle);
    client().abort(handle);
    world.run_for(kSecond);
    EXPECT_FALSE(server().alive(there)) << "told of its end, so dead";
    server().close(there);
    EXPECT_FALSE(server().set_tag(there, 1));
    nothing_is_left();
}

TEST_F(Life, HalfClosedEitherWay) {
    const Handle handle = open();
    client().shutdown(handle);
    world.run_for(kSecond);
    EXPECT_TRUE(Ends::bits(ends.server_events) & kPeerClosed);
    const std::vector<std::uint8_t> data(5000, 9);
    EXPECT_EQ(server().write(ends.accepted[0], data), 5000u);
    world.run_for(kSecond);
    EXPECT_EQ(client().readable_bytes(handle), 5000u);
    EXPECT_EQ(client().write(handle, data), 0u) << "nothing after shutdown()";
    client().consume(handle, 5000);
    server().close(ends.accepted[0]);
    world.run_for(kSecond);
    EXPECT_TRUE(Ends::bits(ends.client_events) & kPeerClosed);
    EXPECT_EQ(client().info(handle).state, State::time_wait);
    client().close(handle);
    nothing_is_left();
    EXPECT_EQ(world.server.count(Reason::tcp_closed_done), 1u);
}

TEST_F(Life, BothCloseAtOnce) {
    const Handle handle = open();
    client().close(handle);
    server().close(ends.accepted[0]);
    nothing_is_left();
    EXPECT_EQ(world.server.count(Reason::tcp_closed_done), 1u);
    EXPECT_EQ(world.client.count(Reason::tcp_closed_done), 1u);
}

TEST_F(Life, BothOpenAtOnce) {
    world.both({.delay_us = 5000});
    const Handle a = client().connect({.local = world.client.address(false),
                                       .peer = world.server.address(false),
                                       .next_hop = world.server.mac(),
                                       .peer_port = 1000,
                                       .local_port = 2000},
                                      world.now_us);
    const Handle b = server().connect({.local = world.server.address(false),
                                       .peer = world.client.address(false),
                                       .next_hop = world.client.mac(),
                                       .peer_port = 2000,
                                       .local_port = 1000},
                                      world.now_us);
    world.run_for(kSecond);
    EXPECT_EQ(client().info(a).state, State::established);
    EXPECT_EQ(server().info(b).state, State::established);
    EXPECT_TRUE(Ends::bits(ends.client_events) & kConnected);
    EXPECT_TRUE(Ends::bits(ends.server_events) & kConnected);
    client().write(a, std::vector<std::uint8_t>(3000));
    world.run_for(kSecond);
    EXPECT_EQ(server().readable_bytes(b), 3000u);
    server().consume(b, 3000);
    client().close(a);
    server().close(b);
    nothing_is_left();
}

TEST_F(Life, NobodyListens) {
    world.connect(81);
    world.run_for(kSecond);
    ASSERT_EQ(ends.client_events.size(), 1u);
    EXPECT_EQ(ends.client_events[0].bits, kClosed);
    EXPECT_EQ(ends.client_events[0].reason, Reason::tcp_closed_refused);
    EXPECT_EQ(world.server.count(Reason::drop_tcp_listener), 1u);
    nothing_is_left();
}

TEST_F(Life, NobodyAnswers) {
    world.rules.loss = 1;
    world.connect(80);
    world.run_for(60 * kSecond);
    ASSERT_EQ(ends.client_events.size(), 1u);
    EXPECT_EQ(ends.client_events[0].reason, Reason::tcp_closed_unanswered);
    nothing_is_left();
}

TEST_F(Life, TheSynAckIsNeverAnswered) {
    server().listen(80);
    world.rules_back.loss = 1;
    world.connect(80);
    world.run_for(60 * kSecond);
    EXPECT_EQ(world.server.count(Reason::tcp_closed_handshake), 1u);
    EXPECT_TRUE(ends.server_events.empty()) << "nobody was told of half a connection";
    nothing_is_left();
}

TEST_F(Life, ThePeerVanishes) {
    open();
    world.rules.loss = world.rules_back.loss = 1;
    server().write(ends.accepted[0], std::vector<std::uint8_t>(100000));
    world.run_for(400 * kSecond);
    EXPECT_EQ(Ends::last_reason(ends.server_events), Reason::tcp_closed_timeout);
    EXPECT_GT(server().stats().timeouts.get(), 5u);
    client().abort(Handle{0, 0});
}

TEST_F(Life, TheWindowStaysShut) {
    open();
    std::vector<std::uint8_t> data(200'000);
    std::uint32_t written = 0;
    while (const std::uint32_t took = server().write(ends.accepted[0], data)) {
        written += took;
        world.run_for(kSecond);
        if (written > 500'000) break;
    }
    world.run_for(kSecond);
    EXPECT_FALSE(Ends::bits(ends.server_events) & kClosed);
    // The client never reads, so probes are answered for ever: it is given up all the same.
    world.run_for(300 * kSecond);
    EXPECT_EQ(Ends::last_reason(ends.server_events), Reason::tcp_closed_window);
    EXPECT_GT(server().stats().window_probes.get(), 3u);
    world.run_for(kSecond);
    EXPECT_EQ(Ends::last_reason(ends.client_events), Reason::tcp_closed_reset);
    nothing_is_left();
}

TEST_F(Life, WhatIsUnreadAtCloseIsToldByAReset) {
    const Handle handle = open();
    client().write(handle, std::vector<std::uint8_t>(10));
    world.run_for(kSecond);
    server().close(ends.accepted[0]);
    world.run_for(kSecond);
    EXPECT_EQ(Ends::last_reason(ends.client_events), Reason::tcp_closed_reset);
    EXPECT_EQ(world.server.count(Reason::tcp_closed_unread), 1u);
    nothing_is_left();
}

TEST_F(Life, WhatComesAfterCloseIsToldByAReset) {
    const Handle handle = open();
    server().close(ends.accepted[0]);
    world.run_for(kSecond);
    EXPECT_TRUE(Ends::bits(ends.client_events) & kPeerClosed);
    client().write(handle, std::vector<std::uint8_t>(10));
    world.run_for(kSecond);
    EXPECT_EQ(Ends::last_reason(ends.client_events), Reason::tcp_closed_reset);
    nothing_is_left();
}

TEST_F(Life, ClosedHereAndThePeerNeverDoes) {
    open();
    server().close(ends.accepted[0]);
    world.run_for(100 * kSecond);
    EXPECT_EQ(world.server.count(Reason::tcp_closed_fin_wait), 1u);
    EXPECT_EQ(server().stats().connections.get(), 0u);
    client().abort(ends.client_events[0].connection);
    nothing_is_left();
}

TEST_F(Life, WritableIsToldWhenHalfIsFree) {
    Options options = default_options();
    options.limits.connection_receive_bytes = 65536;
    world.server.start(options, world.now_us);
    const Handle handle = open();
    std::vector<std::uint8_t> data(300'000, 1);
    const std::uint32_t took = client().write(handle, data);
    EXPECT_EQ(took, 256u * 1024);
    EXPECT_EQ(client().writable_bytes(handle), 0u);
    ends.client_events.clear();
    world.run_for(kSecond);
    EXPECT_FALSE(Ends::bits(ends.client_events) & kWritable) << "nobody has read";
    for (int i = 0; i < 3; ++i) {
        server().consume(ends.accepted[0], 300'000);
        world.run_for(kSecond);
    }
    EXPECT_TRUE(Ends::bits(ends.client_events) & kWritable);
    client().abort(handle);
    nothing_is_left();
}

TEST_F(Life, WantWritableIsToldAtOnceIfThereIsRoom) {
    const Handle handle = open();
    ends.client_events.clear();
    client().want_writable(handle);
    world.step();
    EXPECT_EQ(Ends::bits(ends.client_events), unsigned{kWritable});
    client().abort(handle);
    nothing_is_left();
}

TEST_F(Life, UnlistenRefusesNewOnes) {
    open();
    server().unlisten(80);
    world.connect(80);
    world.run_for(kSecond);
    EXPECT_EQ(Ends::last_reason(ends.client_events), Reason::tcp_closed_refused);
    EXPECT_TRUE(server().alive(ends.accepted[0]));
    server().abort(ends.accepted[0]);
    nothing_is_left();
}

TEST_F(Life, ListenersAreLimited) {
    for (std::uint16_t port = 1; port <= 16; ++port) EXPECT_TRUE(server().listen(port));
    EXPECT_TRUE(server().listen(16)) << "again is no other one";
    EXPECT_FALSE(server().listen(17));
    server().unlisten(3);
    EXPECT_TRUE(server().listen(17));
}

TEST(KeepAlive, FindsThatThePeerIsGone) {
    Options options = default_options();
    options.keep_alive_us = 10'000'000;
    options.keep_alive_interval_us = 1'000'000;
    options.keep_alive_probes = 3;
    World world(default_options(), options);
    Ends ends(world);
    world.server.stack->listen(80);
    world.connect(80);
    world.run_for(100 * kSecond);
    EXPECT_GE(world.server.stack->stats().keep_alives.get(), 8u);
    EXPECT_FALSE(Ends::bits(ends.server_events) & kClosed) << "it answers";
    world.rules.loss = world.rules_back.loss = 1;
    world.run_for(20 * kSecond);
    EXPECT_EQ(Ends::last_reason(ends.server_events), Reason::tcp_closed_keep_alive);
}

TEST(PathMtu, ABlackHoleIsLeft) {
    World world;
    world.both({.delay_us = 1000, .mtu = 1300});
    Exchange e(world, 200'000, 200'000);
    EXPECT_TRUE(world.run([&] { return e.done(); }, 600 * kSecond));
    EXPECT_LE(world.client.stack->info(e.client.handle).mss, 1240u);
    e.close();
    world.run_for(300 * kSecond);
}

// Thousands opened and closed in every way, over a bad link.
TEST(Many, OpenedAndClosed) {
    Options options = default_options();
    options.time_wait_us = 2'000'000;
    World world(options, options, 77);
    world.both(
        {.delay_us = 500, .loss = 0.02, .duplicate = 0.02, .reorder = 0.02, .corrupt = 0.01});
    world.server.stack->listen(80);
    std::vector<Handle> clients, servers;
    std::uint64_t opened = 0;
    const auto end_some = [&](Stack& stack, std::vector<Handle>& handles) {
        for (std::size_t i = 0; i < handles.size();) {
            const std::uint64_t dice = world.random() % 64;
            stack.consume(handles[i], ~0u);
            if (dice < 8) stack.write(handles[i], std::vector<std::uint8_t>(world.random() % 5000));
            if (dice == 10) stack.shutdown(handles[i]);
            if (dice == 11) stack.abort(handles[i]);
            if (dice == 12 || dice == 13) stack.close(handles[i]);
            if (dice >= 11 && dice <= 13) {
                handles[i] = handles.back();
                handles.pop_back();
            } else {
                ++i;
            }
        }
    };
    world.applications = [&] {
        Event events[64];
        for (std::uint32_t n = world.client.stack->poll(events), i = 0; i < n; ++i)
            if (events[i].bits & kConnected) clients.push_back(events[i].connection);
        for (std::uint32_t n = world.server.stack->poll(events), i = 0; i < n; ++i)
            if (events[i].bits & kAccepted) servers.push_back(events[i].connection);
        end_some(*world.client.stack, clients);
        end_some(*world.server.stack, servers);
        if (opened < 5000 && clients.size() < 100 && world.connect(80)) ++opened;
    };
    EXPECT_TRUE(world.run([&] { return opened == 5000; }, 2000 * kSecond)) << opened;
    world.applications = [&] {
        Event events[64];
        for (std::uint32_t n = world.client.stack->poll(events), i = 0; i < n; ++i)
            clients.push_back(events[i].connection);
        for (std::uint32_t n = world.server.stack->poll(events), i = 0; i < n; ++i)
            servers.push_back(events[i].connection);
        for (const Handle handle : clients) world.client.stack->abort(handle);
        for (const Handle handle : servers) world.server.stack->abort(handle);
    };
    world.run_for(1000 * kSecond);
    EXPECT_EQ(world.client.stack->stats().receive_bytes.get(), 0u);
    EXPECT_EQ(world.server.stack->stats().receive_bytes.get(), 0u);
    EXPECT_EQ(world.client.stack->stats().send_blocks_used.get(), 0u);
    EXPECT_EQ(world.server.stack->stats().flights_used.get(), 0u);
}

}  // namespace
}  // namespace skerry::net::tcp::test
