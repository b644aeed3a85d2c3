// HTTP through the loop: a client's TCP, the core's own, and invocations between them. The client
// is a Stack, too; each test ends by proving that no buffer of either pool was lost.
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/net/tcp/stack.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/harness.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

constexpr std::uint16_t kPort = 8080;

std::string post(const std::string& function, const std::string& body) {
    return "POST /2015-03-31/functions/" + function +
           "/invocations HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

class HttpTest : public LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        info.http.port = kPort;
        info.http.connections = 64;
        info.http.send_blocks = 512;
        info.http.receive_bytes = 1 << 20;
        info.http.secret = {1, 2, 3};
        client_pool_ = rte_pktmbuf_pool_create("http-client", 1023, 0, 0, 2176, SOCKET_ID_ANY);
        ASSERT_NE(client_pool_, nullptr);
        own_ = {*net::IpPrefix::parse("10.0.0.9/24")};
        view_.mac = {{2, 0, 0, 0, 0, 9}};
        view_.tcp = true;
        view_.addresses = own_;
        net::tcp::Options options;
        options.limits.connections = 64;
        options.limits.send_blocks = 512;
        options.limits.connection_receive_bytes = window;
        options.delayed_ack = false;
        net::tcp::Environment around;
        around.ports = {&view_, 1};
        around.pool = client_pool_;
        around.counters = &counters_;
        around.sink = {[](void* self, rte_mbuf* frame, std::uint8_t) {
                           static_cast<HttpTest*>(self)->out_.push_back(frame);
                       },
                       this};
        auto stack = net::tcp::Stack::create(options, around, now_us());
        ASSERT_TRUE(stack);
        client_ = std::move(*stack);
    }
    void TearDown() override {
        for (const net::tcp::Handle each : connections_) client_->abort(each);
        step();
        step();
        client_.reset();
        for (rte_mbuf* frame : out_) rte_pktmbuf_free(frame);
        EXPECT_EQ(rte_mempool_in_use_count(client_pool_), 0u);
        rte_mempool_free(client_pool_);
        LoopTest::TearDown();
    }

    static std::uint64_t now_us() { return rte_rdtsc() / (rte_get_tsc_hz() / 1000000); }

    // Everything that the client has to say, one turn of the core, and what it said.
    void step() {
        (void)client_->advance(now_us());
        (void)client_->flush(now_us());
        for (rte_mbuf* frame : std::exchange(out_, {})) {
            const auto* bytes = rte_pktmbuf_mtod(frame, const std::uint8_t*);
            send_frame({bytes, bytes + frame->data_len});
            rte_pktmbuf_free(frame);
        }
        turn();
        for (const std::vector<std::uint8_t>& frame : std::exchange(other_sent, {})) take(frame);
        net::tcp::Event events[16];
        for (std::uint32_t n = client_->poll(events); n-- > 0;)
            if ((events[n].bits & net::tcp::kClosed) != 0) ++closed;
    }
    template <typename Condition>
    bool step_until(Condition&& condition) {
        const std::uint64_t limit = now_us() + 5'000'000;
        while (!condition()) {
            if (now_us() > limit) return false;
            step();
        }
        return true;
    }

    net::tcp::Handle connect() {
        const net::tcp::Handle made = client_->connect({.local = own_[0].address,
                                                        .peer = *net::IpAddress::parse("10.0.0.1"),
                                                        .next_hop = info.ports[0].mac,
                                                        .peer_port = kPort},
                                                       now_us());
        EXPECT_TRUE(bool(made));
        connections_.push_back(made);
        EXPECT_TRUE(
            step_until([&] { return client_->info(made).state == net::tcp::State::established; }));
        return made;
    }
    void say(net::tcp::Handle connection, const std::string& text) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
        ASSERT_EQ(client_->write(connection, {bytes, text.size()}), text.size());
    }
    std::string heard(net::tcp::Handle connection) {
        std::string text;
        std::span<const std::uint8_t> spans[4];
        while (const std::uint32_t count = client_->read(connection, spans)) {
            std::uint32_t bytes = 0;
            for (std::uint32_t i = 0; i < count; ++i) {
                text.append(reinterpret_cast<const char*>(spans[i].data()), spans[i].size());
                bytes += static_cast<std::uint32_t>(spans[i].size());
            }
            client_->consume(connection, bytes);
        }
        return text;
    }
    // Until an answer's end, as its Content-Length has it.
    std::string answer(net::tcp::Handle connection) {
        std::string text;
        EXPECT_TRUE(step_until([&] {
            text += heard(connection);
            const std::size_t end = text.find("\r\n\r\n");
            const std::size_t field = text.find("Content-Length: ");
            return end != std::string::npos && field != std::string::npos &&
                   text.size() >= end + 4 + std::stoul(text.substr(field + 16));
        })) << text;
        return text;
    }
    static std::string body_of(const std::string& answer) {
        return answer.substr(answer.find("\r\n\r\n") + 4);
    }

    std::uint32_t window = 256 * 1024;
    std::uint32_t closed = 0;
    std::unique_ptr<net::tcp::Stack> client_;

  private:
    void take(const std::vector<std::uint8_t>& bytes) {
        rte_mbuf* mbuf = rte_pktmbuf_alloc(client_pool_);
        ASSERT_NE(mbuf, nullptr);
        std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size())),
                    bytes.data(), bytes.size());
        const net::Frame frame = net::classify(mbuf, 0, view_, 4600, neighbours_, 0);
        if (frame.kind == net::FrameKind::tcp)
            client_->input(mbuf, frame, now_us());
        else
            rte_pktmbuf_free(mbuf);
    }

    rte_mempool* client_pool_ = nullptr;
    std::vector<net::IpPrefix> own_;
    net::PortView view_;
    net::Neighbours neighbours_;
    CoreCounters counters_;
    std::vector<rte_mbuf*> out_;
    std::vector<net::tcp::Handle> connections_;
};

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
