// Limits of sources and of functions, and who may invoke by datagram at all.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/http_rig.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

constexpr std::string_view kHealth = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

class Limits : public HttpTest {
  protected:
    // A rate so small that nothing comes back while a test runs.
    void limit(std::uint32_t burst, std::uint32_t connections = 0) {
        info.source_limits.per_second = burst == 0 ? 0 : 1;
        info.source_limits.burst = burst;
        info.source_limits.connections = connections;
        info.source_limits.shed_ms = 60000;
    }
    std::string ask(net::tcp::Handle connection) {
        say(connection, std::string(kHealth));
        return answer(connection);
    }
    // What becomes of an attempt to connect.
    std::uint32_t refused(std::size_t from) {
        const std::uint32_t before = closed;
        (void)connect(kPort, from);
        EXPECT_TRUE(step_until([&] { return closed != before; }));
        return closed - before;
    }
};

TEST_F(Limits, RequestsOfOneSource) {
    limit(4);
    start();
    const net::tcp::Handle greedy = connect(kPort, 0), other = connect(kPort, 1);  // one token each
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(greedy).substr(9, 3), "200");
    const std::string text = ask(greedy);
    EXPECT_EQ(text.substr(0, 30), "HTTP/1.1 429 Too Many Requests");
    EXPECT_NE(text.find("Retry-After: 1\r\n"), std::string::npos);
    EXPECT_NE(text.find("x-amzn-ErrorType: TooManyRequestsException\r\n"), std::string::npos);
    EXPECT_NE(text.find(R"("Reason":"CallerRateLimitExceeded")"), std::string::npos);
    EXPECT_EQ(count(Reason::refused_source_rate), 1u);
    EXPECT_EQ(ask(other).substr(9, 3), "200");
    // The connection goes on, and is not asked who has signed what, nor for what.
    say(greedy, post("nobody", "x"));
    EXPECT_EQ(answer(greedy).substr(9, 3), "429");
}

TEST_F(Limits, WhoIsFarAboveIsShed) {
    limit(2);
    start();
    const net::tcp::Handle greedy = connect(kPort, 0), other = connect(kPort, 1);
    EXPECT_EQ(ask(greedy).substr(9, 3), "200");
    EXPECT_EQ(ask(greedy).substr(9, 3), "429");
    EXPECT_EQ(ask(greedy).substr(9, 3), "429");
    EXPECT_EQ(ask(greedy).substr(9, 3), "429");  // the last word: shed from here on
    say(greedy, std::string(kHealth));
    for (int i = 0; i < 50; ++i) step();
    EXPECT_EQ(heard(greedy), "");
    EXPECT_GT(count(Reason::drop_source_shed), 0u);
    EXPECT_EQ(ask(other).substr(9, 3), "200");
}

TEST_F(Limits, WhatIsExempt) {
    limit(1, 1);
    info.source_limits.exempt = {*net::IpPrefix::parse("10.0.0.8/30")};
    start();
    const net::tcp::Handle first = connect(kPort, 0), second = connect(kPort, 0);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(first).substr(9, 3), "200");
    EXPECT_EQ(ask(second).substr(9, 3), "200");
}

TEST_F(Limits, ConnectionsOfOneSource) {
    limit(0, 2);
    start();
    const net::tcp::Handle first = connect(kPort, 0);
    const net::tcp::Handle second = connect(kPort, 0);
    EXPECT_EQ(refused(0), 1u);
    EXPECT_EQ(count(Reason::tcp_closed_source), 1u);
    EXPECT_EQ(ask(first).substr(9, 3), "200");
    EXPECT_EQ(ask(connect(kPort, 1)).substr(9, 3), "200");
    // One goes, another may come; whichever way it goes.
    leave(second, true);
    const net::tcp::Handle third = connect(kPort, 0);
    EXPECT_EQ(ask(third).substr(9, 3), "200");
    EXPECT_EQ(refused(0), 1u);
    leave(third, false);
    EXPECT_EQ(ask(connect(kPort, 0)).substr(9, 3), "200");
}

TEST_F(Limits, ConnectionsCostAsMuchAsRequests) {
    limit(3);
    start();
    for (int i = 0; i < 3; ++i) {
        const net::tcp::Handle connection = connect(kPort, 0);
        for (int turns = 0; turns < 3; ++turns) step();  // its last ACK is on its way only now
        leave(connection, true);
    }
    EXPECT_EQ(refused(0), 1u);
    EXPECT_EQ(ask(connect(kPort, 1)).substr(9, 3), "200");
}

TEST_F(Limits, DatagramsOfOneSource) {
    limit(2);
    start();
    PlayedWorker worker(shared, 0, 1);
    for (std::uint64_t id = 1; id <= 2; ++id) {
        send(client(), request_header(shared, client(), id), "x");
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, "y");
        ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
        EXPECT_EQ(next().status(), ReplyStatus::ok);
    }
    // What has been executed is told again, however often it is asked for.
    send(client(), request_header(shared, client(), 2), "x");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::ok);
    send(client(), request_header(shared, client(), 3), "x");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::caller_rate);
    EXPECT_EQ(count(Reason::refused_source_rate), 1u);
    // Nobody is limited for what others say in his name.
    wire::Header forged = request_header(shared, client6(), 4);
    forged.cookie.set(forged.cookie.get() ^ 1);
    for (int i = 0; i < 10; ++i) send(client6(), forged, "x");
    ASSERT_TRUE(step_until([&] { return sent.size() == 10; }));
    while (!sent.empty()) EXPECT_EQ(next().kind(), wire::Kind::challenge);
    send(client6(), request_header(shared, client6(), 5), "x");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "y");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::ok);
}

TEST_F(Limits, ARegionDoesNotCountWhatPopsSend) {
    limit(1);
    info.is_pop = false;
    start();
    PlayedWorker worker(shared, 0, 1);
    for (std::uint64_t id = 1; id <= 5; ++id) {
        send(client(), request_header(shared, client(), id), "x");
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, "y");
        ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
        EXPECT_EQ(next().status(), ReplyStatus::ok);
    }
}

TEST_F(Limits, RequestsForOneFunction) {
    extras.rates = {{.max_per_s = 1, .max_burst = 2}};
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = connect();
    say(connection, post("f0", "x"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "y");
    EXPECT_EQ(answer(connection).substr(9, 3), "200");
    send(client(), request_header(shared, client(), 1), "x");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "y");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::ok);

    say(connection, post("f0", "x"));
    const std::string text = answer(connection);
    EXPECT_EQ(text.substr(9, 3), "429");
    EXPECT_NE(text.find(R"("Reason":"FunctionInvocationRateLimitExceeded")"), std::string::npos);
    EXPECT_NE(text.find("Retry-After: 1\r\n"), std::string::npos);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
    send(client(), request_header(shared, client(), 2), "x");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::function_rate);
    EXPECT_EQ(count(Reason::refused_function_rate), 2u);
    EXPECT_EQ(shared.counters[0]->functions[0].throttled.get(), 2u);
    // Nothing was executed, so the same request may come again.
    send(client(), request_header(shared, client(), 2), "x");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::function_rate);
}

TEST_F(Limits, DatagramsFromNowhereButThere) {
    info.anyone_invokes = false;
    info.invoke_from = {*net::IpPrefix::parse("fd00::/8")};
    start();
    PlayedWorker worker(shared, 0, 1);
    send(client(), request_header(shared, client(), 1), "x");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::not_allowed);
    EXPECT_EQ(count(Reason::refused_datagram), 1u);
    EXPECT_EQ(worker.take(), 0u);
    send(client6(), request_header(shared, client6(), 1), "x");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "y");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    EXPECT_EQ(next().status(), ReplyStatus::ok);
    // HTTP has signatures for that.
    EXPECT_EQ(ask(connect()).substr(9, 3), "200");
}

}  // namespace
}  // namespace skerry::test
