// HTTP over TCP back to back: clients on one Stack, a Server on the other, and links of every kind
// between them.
#include <gtest/gtest.h>

#include "dataplane/http/over_tcp.hpp"
#include "tests/dataplane/http/memory.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/tcp/world.hpp"

namespace skerry::http::testing {
namespace {

[[maybe_unused]] const auto* environment = skerry::test::add_eal();

using net::tcp::Event;
using net::tcp::Handle;
using net::tcp::Stack;
using net::tcp::test::LinkRules;
using net::tcp::test::World;

constexpr std::uint64_t kSecond = 1'000'000;

struct Client {
    Handle handle;
    std::string to_send, heard;
    bool shut_when_sent = false, shut = false;
    bool peer_closed = false, closed = false;
    std::uint32_t read_limit = ~0u;  // bytes of one turn
    Reason reason = Reason::tcp_closed_done;
};

// Functions echo what they are sent, in the turn after it is complete.
class Town {
  public:
    explicit Town(std::uint64_t seed = 1, const Options& options = {})
        : world(net::tcp::test::default_options(), net::tcp::test::default_options(), seed),
          over(*world.server.stack, 1024),
          server(
              [&] {
                  Options all = options;
                  all.connections = 1024;
                  return all;
              }(),
              over, invocations, world.server.counters()) {
        world.server.stack->listen(80);
        world.applications = [this] { turn(); };
    }
    ~Town() {
        world.applications = [] {};
    }

    Client& client(std::string to_send, bool v6 = false) {
        Client& made = *clients.emplace_back(std::make_unique<Client>());
        made.handle = world.connect(80, v6);
        made.to_send = std::move(to_send);
        return made;
    }
    bool run(const std::function<bool()>& done, std::uint64_t limit_us = 600 * kSecond) {
        return world.run(done, limit_us);
    }

    World world;
    TestInvocations invocations;
    OverTcp over;
    Server server;
    std::vector<std::unique_ptr<Client>> clients;
    bool answering = true;

  private:
    void turn() {
        server.begin_turn(world.now_us, Rig::kUnix_s);
        over.take_events(server, 256);
        server.advance();
        for (std::size_t i = 0; answering && i < invocations.all.size(); ++i) {
            const TestInvocations::Started& it = invocations.all[i];
            if (!it.complete || it.cancelled ||
                answered_[it.call.exchange.connection] == it.call.exchange.serial)
                continue;
            answered_[it.call.exchange.connection] = it.call.exchange.serial;
            Answer answer;
            answer.payload = reinterpret_cast<const std::uint8_t*>(it.payload.data());
            answer.payload_bytes = static_cast<std::uint32_t>(it.payload.size());
            server.answered(it.call.exchange, answer);
        }
        Stack& stack = *world.client.stack;
        Event events[16];
        for (std::uint32_t n = stack.poll(events), i = 0; i < n; ++i)
            for (auto& client : clients)
                if (client->handle == events[i].connection) take(*client, events[i]);
        for (auto& client : clients) move(stack, *client);
    }
    static void take(Client& client, const Event& event) {
        client.peer_closed |= (event.bits & net::tcp::kPeerClosed) != 0;
        if ((event.bits & net::tcp::kClosed) == 0) return;
        client.closed = true;
        client.reason = event.reason;
        client.handle = {};
    }
    static void move(Stack& stack, Client& client) {
        if (!client.handle) return;
        for (std::uint32_t left = client.read_limit; left != 0;) {
            std::span<const std::uint8_t> spans[1];
            if (stack.read(client.handle, spans) == 0) break;
            const auto bytes =
                static_cast<std::uint32_t>(std::min<std::size_t>(left, spans[0].size()));
            client.heard.append(reinterpret_cast<const char*>(spans[0].data()), bytes);
            stack.consume(client.handle, bytes);
            left -= bytes;
        }
        const std::uint32_t sent = stack.write(
            client.handle,
            {reinterpret_cast<const std::uint8_t*>(client.to_send.data()), client.to_send.size()});
        client.to_send.erase(0, sent);
        if (client.to_send.empty() && client.shut_when_sent && !client.shut) {
            client.shut = true;
            stack.shutdown(client.handle);
        }
    }
    std::map<std::uint32_t, std::uint32_t> answered_;
};

std::string body_of(std::size_t bytes) {
    std::string body(bytes, ' ');
    for (std::size_t i = 0; i < bytes; ++i)
        body[i] = static_cast<char>(net::tcp::test::byte_at(i, 5));
    return body;
}

TEST(HttpOverTcp, ARequestAndItsAnswer) {
    for (const bool v6 : {false, true}) {
        Town town;
        Client& client = town.client(post("hello"), v6);
        EXPECT_TRUE(town.run([&] { return client.heard.ends_with("hello"); }));
        EXPECT_TRUE(client.heard.starts_with("HTTP/1.1 200 OK\r\n"));
        // The same connection again.
        client.to_send = post("again");
        EXPECT_TRUE(town.run([&] { return client.heard.ends_with("again"); }));
        EXPECT_EQ(town.world.server.count(Reason::tcp_syn_taken), 1u);
    }
}

TEST(HttpOverTcp, SixMebibytesBothWaysOverBadLinks) {
    const std::string body = body_of(6u << 20);
    const LinkRules rules[] = {
        {.delay_us = 1000},
        {.delay_us = 5000, .loss = 0.02, .duplicate = 0.02, .reorder = 0.05, .corrupt = 0.01},
        {.delay_us = 50000, .loss = 0.005},
    };
    for (const LinkRules& rule : rules) {
        Town town;
        town.world.both(rule);
        Client& client = town.client(post(body) + get());
        EXPECT_TRUE(
            town.run([&] { return client.heard.ends_with("\r\n\r\nok\n") || client.closed; },
                     3600 * kSecond));
        const std::size_t at = client.heard.find("\r\n\r\n");
        ASSERT_NE(at, std::string::npos);
        EXPECT_TRUE(client.heard.compare(at + 4, body.size(), body) == 0);
    }
}

TEST(HttpOverTcp, EachByteInASegmentOfItsOwn) {
    Town town;
    const std::string all = post("{}") + get();
    Client& client = town.client("");
    for (const char c : all) {
        client.to_send = c;
        town.run([&] { return client.to_send.empty(); });
        town.world.run_for(100);
    }
    EXPECT_TRUE(town.run([&] { return client.heard.ends_with("ok\n"); }, 10 * kSecond))
        << client.heard;
}

TEST(HttpOverTcp, HundredClientsAtOnce) {
    Town town;
    town.world.both({.delay_us = 3000, .loss = 0.01});
    for (int i = 0; i < 100; ++i) {
        Client& client =
            town.client(post(std::to_string(i)) + get() + get("/healthz", "Connection: close\r\n"));
        client.shut_when_sent = i % 2 == 0;
    }
    EXPECT_TRUE(town.run([&] {
        return std::all_of(town.clients.begin(), town.clients.end(),
                           [](auto& c) { return c->peer_closed; });
    }));
    for (std::size_t i = 0; i < town.clients.size(); ++i) {
        const std::string& heard = town.clients[i]->heard;
        EXPECT_NE(heard.find("\r\n\r\n" + std::to_string(i) + "HTTP/1.1 200 OK"), std::string::npos)
            << heard;
        EXPECT_TRUE(heard.ends_with("ok\n"));
        EXPECT_FALSE(town.clients[i]->closed &&
                     town.clients[i]->reason == Reason::tcp_closed_reset);
        town.world.client.stack->close(town.clients[i]->handle);
    }
    EXPECT_TRUE(town.run([&] { return town.server.sessions() == 0; }, 60 * kSecond));
}

TEST(HttpOverTcp, ARefusedUploadHearsWhy) {
    // The client is still sending when it is refused: a reset must not overtake the answer.
    Town town;
    std::string request = post(body_of(1u << 20));
    request.replace(request.find("Host: h"), 7, "Host :h");
    Client& client = town.client(request);
    client.shut_when_sent = true;
    EXPECT_TRUE(town.run([&] { return client.peer_closed || client.closed; }));
    EXPECT_FALSE(client.closed);
    EXPECT_TRUE(client.heard.starts_with("HTTP/1.1 400 Bad Request\r\n")) << client.heard;
    town.run([&] { return client.to_send.empty(); });
    town.world.client.stack->close(client.handle);
    EXPECT_TRUE(town.run([&] { return town.server.sessions() == 0; }, 60 * kSecond));
}

TEST(HttpOverTcp, AResetCancelsTheInvocation) {
    Town town;
    town.answering = false;
    Client& client = town.client(post("x"));
    EXPECT_TRUE(town.run([&] { return !town.invocations.all.empty(); }));
    town.world.client.stack->abort(client.handle);
    EXPECT_TRUE(town.run([&] { return town.server.sessions() == 0; }, kSecond));
    EXPECT_TRUE(town.invocations.all[0].cancelled);
}

TEST(HttpOverTcp, ReadersThatStopAreReset) {
    Town town;
    Client& client = town.client(post(body_of(2u << 20)));
    EXPECT_TRUE(town.run([&] { return !client.heard.empty(); }));
    client.read_limit = 0;
    EXPECT_TRUE(town.run([&] { return town.server.sessions() == 0; }, 120 * kSecond));
    EXPECT_EQ(town.world.server.count(Reason::http_slow_reader), 1u);
    EXPECT_EQ(town.world.server.stack->stats().send_blocks_used.get(), 0u);
}

TEST(HttpOverTcp, SlowReadersAreNotStalledOnes) {
    // 10 KB/s: it takes longer than a wait until half of what TCP keeps is acknowledged.
    Town town;
    const std::string body = body_of(600000);
    Client& client = town.client(post(body, "Connection: close\r\n"));
    EXPECT_TRUE(town.run([&] { return !client.heard.empty(); }));
    client.read_limit = 0;
    for (int i = 0; i < 1200 && !client.peer_closed && !client.closed; ++i) {
        town.world.run_for(100'000);
        client.read_limit = 1000;
        town.world.step();
        client.read_limit = 0;
    }
    EXPECT_FALSE(client.closed);
    client.read_limit = ~0u;
    EXPECT_TRUE(town.run([&] { return client.heard.ends_with(body); }, 60 * kSecond));
}

TEST(HttpOverTcp, ConsumersWithoutRoomCloseTheWindow) {
    Town town;
    town.invocations.room = 10000;
    const std::string body = body_of(3u << 20);
    Client& client = town.client(post(body));
    town.world.run_for(5 * kSecond);
    // What was taken, the receive window, and what the client's own TCP holds.
    EXPECT_GT(client.to_send.size(), body.size() - (1u << 20));
    for (int i = 0; i < 1000 && !town.invocations.all[0].complete; ++i) {
        town.invocations.room = 100000;
        town.server.begin_turn(town.world.now_us, Rig::kUnix_s);
        town.server.resume(town.invocations.all[0].call.exchange);
        town.world.run_for(200'000);
    }
    EXPECT_TRUE(town.run([&] { return client.heard.ends_with(body); }));
}

TEST(HttpOverTcp, KilledClientsLeaveNothing) {
    Town town;
    town.world.both({.delay_us = 500});
    const std::string request = post(body_of(20000)) + get();
    for (int round = 0; round < 300; ++round) {
        Client& client = town.client(request.substr(0, town.world.random() % request.size() + 1));
        town.world.run_for(town.world.random() % 8000);
        town.world.client.stack->abort(client.handle);
        client.handle = {};
    }
    EXPECT_TRUE(town.run([&] { return town.server.sessions() == 0; }, 120 * kSecond));
    EXPECT_EQ(town.world.server.stack->stats().connections.get(), 0u);
    for (const auto& it : town.invocations.all) EXPECT_TRUE(it.cancelled || it.released);
}

}  // namespace
}  // namespace skerry::http::testing
