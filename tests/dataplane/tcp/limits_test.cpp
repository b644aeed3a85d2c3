// What happens when something is full: connections, half-open ones, the backlog, memory, blocks,
// records.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/ends.hpp"

namespace skerry::net::tcp::test {
namespace {

[[maybe_unused]] const auto* environment = skerry::test::add_eal();

TEST(Limit, ConnectionsAndTimeWait) {
    Options options = default_options();
    options.limits.connections = 8;
    World world(default_options(), options);
    Ends ends(world);
    world.server.stack->listen(80);
    std::vector<Handle> handles;
    for (int i = 0; i < 8; ++i) handles.push_back(world.connect(80));
    world.run_for(100'000);
    EXPECT_EQ(ends.accepted.size(), 8u);
    EXPECT_EQ(world.server.stack->stats().connections.get(), 8u);
    // A ninth gets a cookie, and finds no room when it comes back with it.
    const Handle ninth = world.connect(80);
    world.run_for(100'000);
    EXPECT_EQ(world.server.count(Reason::drop_tcp_full), 1u);
    world.client.stack->abort(ninth);
    // The server closes first: its ends wait in TIME-WAIT, and make room when somebody wants in.
    for (const Handle handle : ends.accepted) world.server.stack->close(handle);
    world.run_for(100'000);
    for (const Handle handle : handles) world.client.stack->close(handle);
    world.run_for(100'000);
    EXPECT_EQ(world.server.stack->stats().time_waits.get(), 8u);
    ends.accepted.clear();
    for (int i = 0; i < 5; ++i) world.connect(80);
    world.run_for(kSecond);
    EXPECT_EQ(ends.accepted.size(), 5u);
    EXPECT_EQ(world.server.count(Reason::tcp_closed_recycled), 5u);
}

TEST(Limit, HalfOpenThenCookies) {
    Options options = default_options();
    options.limits.half_open = 4;
    World world(default_options(), options);
    Ends ends(world);
    world.server.stack->listen(80);
    // The handshake's last segment is lost for a while.
    world.watch = [&](rte_mbuf* frame, bool to_server) {
        const auto flags = rte_pktmbuf_mtod_offset(frame, std::uint8_t*, 14 + 20 + 13)[0];
        return !to_server || (flags & 2) != 0;
    };
    for (int i = 0; i < 10; ++i) world.connect(80);
    world.run_for(10'000);
    EXPECT_EQ(world.server.count(Reason::tcp_syn_taken), 4u);
    EXPECT_EQ(world.server.count(Reason::tcp_cookie_sent), 6u);
    EXPECT_EQ(world.server.stack->stats().connections.get(), 4u) << "cookies cost nothing";
    world.watch = nullptr;
    // Data brings what was lost.
    for (const Event& event : ends.client_events)
        world.client.stack->write(event.connection, std::vector<std::uint8_t>(3000));
    world.run_for(5 * kSecond);
    EXPECT_EQ(ends.accepted.size(), 10u);
    EXPECT_EQ(world.server.count(Reason::tcp_cookie_taken), 6u);
    for (const Handle handle : ends.accepted)
        EXPECT_EQ(world.server.stack->readable_bytes(handle), 3000u);
}

TEST(Limit, BacklogThatNobodyPolls) {
    Options options = default_options();
    options.limits.backlog = 3;
    World world(default_options(), options);
    Ends ends(world);
    ends.server_polls = false;
    world.server.stack->listen(80);
    for (int i = 0; i < 6; ++i) world.connect(80);
    world.run_for(100'000);
    EXPECT_GE(world.server.count(Reason::drop_tcp_backlog), 3u);
    ends.server_polls = true;
    // Clients think that they are connected; what they send completes the handshake.
    for (const Event& event : ends.client_events)
        world.client.stack->write(event.connection, std::vector<std::uint8_t>(10));
    world.run_for(10 * kSecond);
    EXPECT_EQ(ends.accepted.size(), 6u);
}

TEST(Limit, ReceiveMemoryOfTheCore) {
    Options options = default_options();
    options.limits.core_receive_bytes = 128 * 1024;
    World world(default_options(), options);
    Ends ends(world);
    world.server.stack->listen(80);
    std::vector<Handle> handles;
    for (int i = 0; i < 8; ++i) handles.push_back(world.connect(80));
    world.run_for(100'000);
    for (const Handle handle : handles)
        world.client.stack->write(handle, std::vector<std::uint8_t>(200'000));
    world.run_for(5 * kSecond);
    EXPECT_LE(world.server.stack->stats().receive_bytes.get(), 128u * 1024);
    // As soon as it is read, everything flows.
    std::uint64_t read = 0;
    world.applications = [&] {
        ends.poll();
        for (const Handle handle : ends.accepted) {
            const std::uint32_t bytes = world.server.stack->readable_bytes(handle);
            world.server.stack->consume(handle, bytes);
            read += bytes;
        }
    };
    EXPECT_TRUE(world.run([&] { return read == 8 * 200'000; }, 200 * kSecond)) << read;
}

// One whose window is shut because of what others hold has nothing to read, so nothing of its own
// tells it that there is room again.
TEST(Limit, WindowsOpenWhenTheCoreHasMemoryAgain) {
    Options options = default_options();
    options.limits.core_receive_bytes = 128 * 1024;
    World world(default_options(), options);
    Ends ends(world);
    world.server.stack->listen(80);
    std::vector<Handle> handles;
    for (int i = 0; i < 6; ++i) handles.push_back(world.connect(80));
    world.run_for(100'000);
    ASSERT_EQ(ends.accepted.size(), 6u);
    // Nobody reads what five have sent; of the sixth all is read at once.
    for (std::size_t i = 0; i < 5; ++i)
        world.client.stack->write(handles[i], std::vector<std::uint8_t>(14'000));
    world.run_for(kSecond);
    ASSERT_GT(world.server.stack->stats().receive_bytes.get(), 100u * 1024);
    std::uint64_t read = 0;
    world.applications = [&] {
        ends.poll();
        const std::uint32_t bytes = world.server.stack->readable_bytes(ends.accepted[5]);
        world.server.stack->consume(ends.accepted[5], bytes);
        read += bytes;
    };
    world.client.stack->write(handles[5], std::vector<std::uint8_t>(250'000));
    world.run_for(60 * kSecond);
    // What it sent beyond what was lost did not keep out what filled the gap.
    EXPECT_GT(read, 60'000u);
    ASSERT_LT(read, 250'000u);
    // Its peer asks once in a while, and ever less often.
    for (std::size_t i = 0; i < 5; ++i) world.server.stack->consume(ends.accepted[i], 14'000);
    EXPECT_TRUE(world.run([&] { return read == 250'000; }, kSecond)) << read;
}

// Of each byte in a segment of its own a buffer is held: unless they are gathered.
TEST(Limit, OneByteSegmentsDoNotPinABufferEach) {
    World world;
    Ends ends(world);
    world.server.stack->listen(80);
    const Handle handle = world.connect(80);
    world.run_for(100'000);
    for (int i = 0; i < 3000; ++i) {
        world.client.stack->write(handle, std::vector<std::uint8_t>(1));
        world.step();
    }
    world.run_for(kSecond);
    EXPECT_EQ(world.server.stack->readable_bytes(ends.accepted[0]), 3000u);
    EXPECT_LE(world.server.stack->stats().receive_bytes.get(), 4u * 2300);
}

TEST(Limit, SendBlocksOfTheCore) {
    Options options = default_options();
    options.limits.send_blocks = 40;
    World world(options, default_options());
    Ends ends(world);
    world.server.stack->listen(80);
    const Handle a = world.connect(80);
    const Handle b = world.connect(80);
    world.run_for(100'000);
    EXPECT_EQ(world.client.stack->write(a, std::vector<std::uint8_t>(100'000)), 40u * 2048);
    EXPECT_EQ(world.client.stack->write(b, std::vector<std::uint8_t>(1000)), 0u);
    ends.client_events.clear();
    world.run_for(kSecond);
    // b has nothing out, and hears all the same that there is room.
    bool told = false;
    for (const Event& event : ends.client_events)
        told |= event.connection == b && (event.bits & kWritable);
    EXPECT_TRUE(told);
}

// Who reads nothing holds much while there is much, and leaves the rest to the others.
TEST(Limit, SlowReadersLeaveBlocksToOthers) {
    Options options = default_options();
    options.limits.send_blocks = 1024;
    options.limits.connection_send_bytes = 256 * 1024;
    World world(default_options(), options);
    Ends ends(world);
    world.server.stack->listen(80);
    for (int i = 0; i < 40; ++i) world.connect(80);
    world.run_for(100'000);
    ASSERT_EQ(ends.accepted.size(), 40u);
    std::uint64_t most = 0;
    for (int i = 0; i < 39; ++i) {
        const std::uint32_t took = world.server.stack->write(
            ends.accepted[static_cast<std::size_t>(i)], std::vector<std::uint8_t>(300'000));
        EXPECT_EQ(took, i < 5 ? 256u * 1024 : 16u * 1024) << i;
        most += took;
    }
    const Handle last = ends.accepted[39];
    EXPECT_EQ(world.server.stack->write(last, std::vector<std::uint8_t>(10'000)), 10'000u);
    // All of it arrives.
    std::uint64_t read = 0;
    world.applications = [&] {
        ends.poll();
        for (const Event& event : ends.client_events) {
            const std::uint32_t bytes = world.client.stack->readable_bytes(event.connection);
            world.client.stack->consume(event.connection, bytes);
            read += bytes;
        }
    };
    EXPECT_TRUE(world.run([&] { return read == most + 10'000; }, 10 * kSecond)) << read;
}

// A peer that takes a byte at a time holds what it is sent for no longer than one that is gone,
// whether anybody here still waits for it or not.
TEST(Limit, WhoTakesAlmostNothingIsGone) {
    for (const bool closed : {false, true}) {
        Options options = default_options();
        options.limits.connection_receive_bytes = 4096;
        World world(options, default_options());
        Ends ends(world);
        world.server.stack->listen(80);
        const Handle client = world.connect(80);
        world.run_for(100'000);
        world.server.stack->write(ends.accepted.at(0), std::vector<std::uint8_t>(100'000));
        if (closed) world.server.stack->close(ends.accepted[0]);
        for (int i = 0; i < 11; ++i) {
            world.run_for(10 * kSecond);
            world.client.stack->consume(client, 1500);
        }
        EXPECT_EQ(world.server.stack->stats().connections.get(), 1u);
        for (int i = 0; i < 3; ++i) {
            world.run_for(10 * kSecond);
            world.client.stack->consume(client, 1500);
        }
        EXPECT_EQ(world.server.stack->stats().connections.get(), 0u) << closed;
        EXPECT_EQ(world.server.count(Reason::tcp_closed_timeout) +
                      world.server.count(Reason::tcp_closed_window),
                  1u);
        EXPECT_EQ(world.server.stack->stats().send_blocks_used.get(), 0u);
    }
}

// Slow is something else: 64 KiB in two minutes.
TEST(Limit, WhoTakesALittleIsServed) {
    Options options = default_options();
    options.limits.connection_receive_bytes = 16384;
    World world(options, default_options());
    Ends ends(world);
    world.server.stack->listen(80);
    const Handle client = world.connect(80);
    world.run_for(100'000);
    world.server.stack->write(ends.accepted.at(0), std::vector<std::uint8_t>(250'000));
    std::uint32_t read = 0;
    for (int i = 0; i < 44 && read != 250'000; ++i) {
        world.run_for(10 * kSecond);
        const std::uint32_t bytes = std::min(6000u, world.client.stack->readable_bytes(client));
        world.client.stack->consume(client, bytes);
        read += bytes;
    }
    EXPECT_EQ(read, 250'000u);
}

// Asking for packet buffers again and again makes none: it is worth a turn once in a while.
TEST(Limit, WithoutPacketBuffersThereIsNoHurry) {
    World world;
    Ends ends(world);
    world.server.stack->listen(80);
    const Handle handle = world.connect(80);
    world.run_for(100'000);
    world.client.stack->write(handle, std::vector<std::uint8_t>(5000));
    world.run_for(100'000);
    Stack& server = *world.server.stack;
    server.consume(ends.accepted[0], 5000);
    std::vector<rte_mbuf*> all;
    while (rte_mbuf* mbuf = rte_pktmbuf_alloc(world.pool.get())) all.push_back(mbuf);
    EXPECT_EQ(server.write(ends.accepted[0], std::vector<std::uint8_t>(5000)), 5000u);
    EXPECT_TRUE(server.flush(world.now_us)) << "nothing to be done in the next turn";
    EXPECT_GT(server.next_due_us(), world.now_us);
    EXPECT_LE(server.next_due_us(), world.now_us + 1000);
    for (rte_mbuf* mbuf : all) rte_pktmbuf_free(mbuf);
    world.run_for(2000);
    EXPECT_EQ(world.client.stack->readable_bytes(handle), 5000u);
}

TEST(Limit, FlightRecordsOfTheCore) {
    Options options = default_options();
    options.limits.flights = 32;
    World world(options, default_options());
    world.both({.delay_us = 1000, .loss = 0.02});
    Exchange e(world, 300'000, 0);
    EXPECT_TRUE(world.run([&] { return e.done(); }, 300 * kSecond));
    e.close();
    world.run_for(300 * kSecond);
}

}  // namespace
}  // namespace skerry::net::tcp::test
