// HTTP through the loop: a client's TCP, the core's own, and invocations between them; and clients
// that go at every moment.
#include "tests/dataplane/frames.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/http_rig.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

TEST_F(HttpTest, AnInvocationAndItsAnswer) {
    targets[0].max_payload_bytes = 10000;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 16384);
    const net::tcp::Handle connection = connect();
    const std::string body(9000, 'b');
    say(connection, post("f0", body));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(worker.request(0), body);
    worker.respond(0, "well done");
    const std::string text = answer(connection);
    EXPECT_EQ(text.substr(0, 15), "HTTP/1.1 200 OK");
    EXPECT_EQ(body_of(text), "well done");
    EXPECT_EQ(count(Reason::served_local), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
    // The connection goes on, and an error of the function is told as such.
    say(connection, post("f0", "again"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "{}", 1);
    EXPECT_NE(answer(connection).find("X-Amz-Function-Error: Unhandled"), std::string::npos);
}

// Behind the payload, whether that ends where a buffer does or not, and beyond the function's
// limit.
TEST_F(HttpTest, AClientContextComesWithThePayload) {
    targets[0].max_payload_bytes = 10000;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 16384);
    const net::tcp::Handle connection = connect();
    std::string large = "eyJhIjoi";  // {"a":"bbb…b"}
    while (large.size() < 3572) large += "YmJi";
    large += "YiJ9";
    for (const std::size_t bytes : {0u, 2u, 4000u, 4240u, 4352u, 9999u, 10000u}) {
        const std::string body(bytes, 'b');
        for (const auto& [field, context] :
             {std::pair<std::string, std::string>{"eyJhIjoxfQ==", R"({"a":1})"},
              {large, ""},
              {"", ""}}) {
            std::string text = post("f0", body);
            say(connection,
                text.insert(text.find("\r\n") + 2, "X-Amz-Client-Context: " + field + "\r\n"));
            ASSERT_TRUE(step_until([&] { return worker.take() == 1; })) << bytes;
            const std::string given = body.empty() ? "{}" : body;  // as Lambda has it
            EXPECT_EQ(worker.request(0), given);
            const std::uint32_t length = worker.slot(0).context_bytes;
            if (context.empty() && !field.empty()) {
                EXPECT_EQ(length, 2682u);
            } else {
                EXPECT_EQ(
                    std::string(reinterpret_cast<const char*>(worker.channel.request_area(0)) +
                                    given.size(),
                                length),
                    context);
            }
            worker.respond(0, "ok");
            EXPECT_EQ(body_of(answer(connection)), "ok");
        }
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(HttpTest, DatagramsInBetween) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = connect();
    for (std::uint64_t round = 1; round <= 3; ++round) {
        say(connection, post("f0", "x"));
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, "by http");
        EXPECT_EQ(body_of(answer(connection)), "by http");
        send(client(), request_header(shared, client(), round), "y");
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, "by datagram");
        ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
        EXPECT_EQ(next().payload, "by datagram");
    }
}

TEST_F(HttpTest, WhatIsRefusedIsToldAtOnce) {
    start();
    const net::tcp::Handle connection = connect();
    say(connection, post("nobody", "x"));
    EXPECT_NE(answer(connection).find("404"), std::string::npos);
    say(connection, post("f0:" + std::string(16, 'f'), "x"));
    EXPECT_NE(answer(connection).find("404"), std::string::npos);
    say(connection, post("f0", std::string(1025, 'x')));  // its function takes 1024
    EXPECT_NE(answer(connection).find("413"), std::string::npos);
    EXPECT_EQ(count(Reason::refused_no_function), 1u);
    EXPECT_EQ(count(Reason::refused_no_version), 1u);
    EXPECT_EQ(count(Reason::refused_too_large), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(HttpTest, WhatAFunctionsRuntimeCannotReadIsRefused) {
    targets[0].takes_json = true;
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = connect();
    for (const char* payload : {"{\"a\":", "x", "[1] 2", "\"\xff\""}) {
        say(connection, post("f0", payload));
        const std::string text = answer(connection);
        EXPECT_EQ(text.substr(9, 3), "400") << payload;
        EXPECT_NE(text.find("x-amzn-ErrorType: InvalidRequestContentException"), std::string::npos);
        EXPECT_NE(text.find("Could not parse request body into json"), std::string::npos);
    }
    EXPECT_EQ(count(Reason::refused_not_json), 4u);
    EXPECT_EQ(worker.take(), 0u);
    // The connection is as good as before; and no payload at all is an event with nothing in it.
    for (const char* payload : {"{\"a\": [1]}", ""}) {
        say(connection, post("f0", payload));
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, "y");
        EXPECT_EQ(answer(connection).substr(9, 3), "200");
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(HttpTest, AClientThatGoesWhileItsRequestWaits) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle busy = connect(), waits = connect();
    say(busy, post("f0", "1"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    say(waits, post("f0", "2"));
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 2; }));
    client_->abort(waits);
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 1; }));
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
    worker.respond(0, "done");
    EXPECT_EQ(body_of(answer(busy)), "done");
    EXPECT_EQ(worker.take(), 0u);  // nobody executes what nobody waits for
}

TEST_F(HttpTest, AClientThatGoesWhileItsRequestRuns) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = connect();
    say(connection, post("f0", "1"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    client_->abort(connection);
    for (int i = 0; i < 20; ++i) step();
    // The next client's connection may get its place: it must not get its answer.
    const net::tcp::Handle next_one = connect();
    say(next_one, post("f0", "2"));
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 2; }));
    worker.respond(0, "for who has gone");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "for who is there");
    EXPECT_EQ(body_of(answer(next_one)), "for who is there");
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
}

TEST_F(HttpTest, AnAnswerForWhoReadsSlowly) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    info.http.send_blocks = 16;  // 32 KiB of the answer, the rest is kept
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle connection = connect();
    say(connection, post("f0", "x"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    std::string long_answer(700'000, 'z');
    for (std::size_t i = 0; i < long_answer.size(); ++i)
        long_answer[i] = static_cast<char>('a' + i * 7 % 26);
    worker.respond(0, long_answer);
    ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() != 0; }));
    worker.respond(0, std::string(700'000, '!'));  // a hostile worker: what is kept does not change
    EXPECT_EQ(body_of(answer(connection)), long_answer);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(HttpTest, NoBufferForAnAnswer) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 8;
    info.http.send_blocks = 16;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle connection = connect();
    say(connection, post("f0", "x"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, std::string(700'000, 'z'));
    EXPECT_NE(answer(connection).find("HTTP/1.1 5"), std::string::npos);
    EXPECT_EQ(count(Reason::failed_answer_no_room), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(HttpTest, AClientThatGoesInTheMiddleOfItsAnswer) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    info.http.send_blocks = 16;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle connection = connect();
    say(connection, post("f0", "x"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, std::string(700'000, 'z'));
    ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() != 0; }));
    client_->abort(connection);
    EXPECT_TRUE(step_until([&] { return payload_buffers_in_use() == 0; }));
}

TEST_F(HttpTest, WhenNoBufferIsLeftTheOldestRequestMakesRoom) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 4;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle slow = connect(), quick = connect();
    say(slow, post("f0", std::string(20'000, 's')).substr(0, 16'000));
    ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() == 4; }));
    say(quick, post("f0", "q"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(worker.request(0), "q");
    EXPECT_EQ(count(Reason::refused_no_buffer), 1u);
    worker.respond(0, "served");
    EXPECT_EQ(body_of(answer(quick)), "served");
}

class SlowReaders : public HttpTest {
  protected:
    SlowReaders() { window = 16 * 1024; }
    void SetUp() override {
        HttpTest::SetUp();
        targets[0].max_payload_bytes = 1 << 20;
        info.http.send_blocks = 64;
        info.http.reader_patience_ms = 50;
    }
    net::tcp::Handle ask(PlayedWorker& worker, std::size_t answer_bytes) {
        const net::tcp::Handle connection = connect();
        say(connection, post("f0", "x"));
        EXPECT_TRUE(step_until([&] { return worker.take() == 1; }));
        const std::uint32_t before = payload_buffers_in_use();
        worker.respond(0, std::string(answer_bytes, 'z'));
        EXPECT_TRUE(step_until([&] { return payload_buffers_in_use() > before + 30; }));
        return connection;
    }
    void wait_ms(std::uint64_t ms) {
        const std::uint64_t end = now_us() + ms * 1000;
        while (now_us() < end) step();
    }
};

TEST_F(SlowReaders, TheSlowestMakesRoomForAnAnswer) {
    payload_buffers = 200;  // two answers of 69
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle better = ask(worker, 300'000), slow = ask(worker, 300'000);
    std::string read;
    EXPECT_TRUE(step_until([&] { return (read += heard(better)).size() > 100'000; }));
    wait_ms(60);
    const net::tcp::Handle third = connect();
    say(third, post("f0", "x"));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, std::string(500'000, 'y'));
    EXPECT_EQ(body_of(answer(third)).size(), 500'000u);
    EXPECT_EQ(count(Reason::http_reader_gave_way), 1u);
    EXPECT_EQ(client_->info(slow).state, net::tcp::State::closed);
    EXPECT_EQ(body_of(answer_rest(better, read)).size(), 300'000u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(SlowReaders, AndForARequest) {
    payload_buffers = 105;  // of which the answer keeps 70, when TCP has taken what it takes
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    ask(worker, 450'000);
    wait_ms(60);
    const net::tcp::Handle quick = connect();
    say(quick, post("f0", std::string(200'000, 'q')));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(count(Reason::http_reader_gave_way), 1u);
    EXPECT_EQ(count(Reason::refused_no_buffer), 0u);
    worker.respond(0, "served");
    EXPECT_EQ(body_of(answer(quick)), "served");
}

// Who has just begun to read is left alone, and so is who has held buffers for less long than a
// request that does not come to its end.
TEST_F(SlowReaders, AreLeftAloneForAWhile) {
    payload_buffers = 100;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle holding = connect();
    say(holding, post("f0", std::string(100'000, 'h')).substr(0, 90'000));
    ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() > 20; }));
    const net::tcp::Handle reader = ask(worker, 300'000);
    wait_ms(60);
    const net::tcp::Handle quick = connect();
    say(quick, post("f0", std::string(170'000, 'q')));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(count(Reason::http_reader_gave_way), 0u);
    EXPECT_EQ(count(Reason::refused_no_buffer), 1u);
    worker.respond(0, "served");
    EXPECT_EQ(body_of(answer(quick)), "served");
    EXPECT_EQ(body_of(answer(reader)).size(), 300'000u);
}

// What a flood takes of a turn's burst is made up for: as many requests are served at once.
TEST_F(HttpTest, AFloodIsMadeUpForInTheSameTurn) {
    info.http.connections = 8;
    start();
    std::uint16_t port = 1024;
    const auto flood = [&](std::uint32_t syns) {
        const net::IpAddress from = frames::ip("10.0.0.9"), to = frames::ip("10.0.0.1");
        for (std::uint32_t i = 0; i < syns; ++i) {
            const auto syn = frames::tcp({.from = port++, .to = kPort, .flags = 2}, from, to, {});
            send_frame(frames::ethernet(
                {.to = info.ports[0].mac, .from = {{2, 0, 0, 0, 0, 9}}, .type = 0x0800},
                frames::ipv4({.from = from, .to = to, .protocol = 6}, syn)));
        }
    };
    const auto in_a_turn = [&] {
        const std::uint64_t before = shared.counters[0]->rx_packets.get();
        core->turn();
        collect_sent();
        return shared.counters[0]->rx_packets.get() - before;
    };
    flood(5 * kBurst);
    EXPECT_EQ(in_a_turn(), kBurst) << "that it is a flood is known afterwards";
    EXPECT_GT(count(Reason::tcp_cookie_sent), 0u);
    EXPECT_EQ(in_a_turn(), Core::kBurstsOfFlood * kBurst) << "and no more";
    EXPECT_EQ(in_a_turn(), kBurst) << "what was left";
    EXPECT_EQ(in_a_turn(), 0u);
    other_sent.clear();
}

TEST_F(HttpTest, ADrainedServerIsNotReady) {
    start();
    const net::tcp::Handle connection = connect();
    say(connection, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_NE(answer(connection).find("200"), std::string::npos);
    publish(true);
    say(connection, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_NE(answer(connection).find("503"), std::string::npos);
    say(connection, post("f0", "x"));
    EXPECT_NE(answer(connection).find("HTTP/1.1 503"), std::string::npos);
}

}  // namespace
}  // namespace skerry::test
