// X-Amz-Log-Type: Tail through the loop: the answer waits for the end of its invocation's log, and
// nothing else does. The test plays the log collector.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/http_rig.hpp"
#include "tests/dataplane/loop/log_collector.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

std::string decoded(const std::string& text) {
    static const std::string kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0, held = 0;
    for (const char c : text.substr(0, text.find('='))) {
        held = held << 6 | static_cast<std::uint32_t>(kDigits.find(c));
        if ((bits += 6) < 8) continue;
        bits -= 8;
        out += static_cast<char>(held >> bits & 255);
    }
    return out;
}

class HttpTail : public HttpTest {
  protected:
    void start() {
        HttpTest::start();
        collector_.attach(shared);
    }
    void TearDown() override {
        collector_.detach();
        HttpTest::TearDown();
    }
    net::tcp::Handle ask(PlayedWorker& worker) {
        const net::tcp::Handle connection = connect();
        ask_again(connection, worker);
        return connection;
    }
    void ask_again(net::tcp::Handle connection, PlayedWorker& worker) {
        std::string text = post("f0", "in");
        say(connection, text.insert(text.find("\r\n") + 2, "X-Amz-Log-Type: Tail\r\n"));
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    }
    TailRequest asked() {
        std::optional<TailRequest> wanted;
        EXPECT_TRUE(step_until([&] { return (wanted = collector_.asked()).has_value(); }));
        return wanted.value_or(TailRequest{});
    }
    static std::string tail_of(const std::string& answer) {
        const std::string name = "\r\nX-Amz-Log-Result: ";
        const std::size_t at = answer.find(name);
        if (at == std::string::npos || at > answer.find("\r\n\r\n")) return "none";
        const std::size_t from = at + name.size();
        return decoded(answer.substr(from, answer.find("\r\n", from) - from));
    }
    bool is_free() const { return shared.capacity->entries[0].free_slots.load() != 0; }
    std::uint64_t missed() const { return core->context().counters.tails_missed.get(); }

    PlayedCollector collector_;
};

TEST_F(HttpTail, ComesAsAField) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = ask(worker);
    worker.respond(0, "out");
    const TailRequest wanted = asked();
    EXPECT_TRUE(collector_.rung());
    EXPECT_EQ(wanted.room_bytes, kTailBytes) << "whatever the payload has";
    EXPECT_EQ(heard(connection), "");
    EXPECT_FALSE(is_free()) << "what the worker writes belongs to this one until then";
    collector_.tell(wanted, "first\nlast\n");
    const std::string text = answer(connection);
    EXPECT_EQ(body_of(text), "out");
    EXPECT_EQ(tail_of(text), "first\nlast\n");
    EXPECT_TRUE(is_free());
    EXPECT_EQ(payload_buffers_in_use(), 0u);
    // The next one on this connection has its own.
    ask_again(connection, worker);
    worker.respond(0, "again");
    collector_.tell(asked(), "");
    const std::string second = answer(connection);
    EXPECT_EQ(body_of(second), "again");
    EXPECT_EQ(tail_of(second), "none");
}

TEST_F(HttpTail, OfTheLargestSize) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = ask(worker);
    worker.respond(0, "out");
    std::string tail(kTailBytes, ' ');
    for (std::size_t i = 0; i < tail.size(); ++i) tail[i] = static_cast<char>(i * 31);
    collector_.tell(asked(), tail);
    EXPECT_EQ(tail_of(answer(connection)), tail);
}

TEST_F(HttpTail, IsKeptWithALargeAnswer) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 512;
    info.http.send_blocks = 16;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle connection = ask(worker);
    const std::string large(500'000, 'z');
    worker.respond(0, large);
    const TailRequest wanted = asked();
    EXPECT_NE(payload_buffers_in_use(), 0u);
    worker.respond(0, std::string(500'000, '!'));  // read once
    collector_.tell(wanted, "log");
    const std::string text = answer(connection);
    EXPECT_TRUE(body_of(text) == large);
    EXPECT_EQ(tail_of(text), "log");
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(HttpTail, IsNotWaitedForForLong) {
    start();
    PlayedWorker worker(shared, 0, 1);
    const net::tcp::Handle connection = ask(worker);
    worker.respond(0, "out");
    const TailRequest wanted = asked();
    const std::string text = answer(connection);
    EXPECT_EQ(body_of(text), "out");
    EXPECT_EQ(tail_of(text), "none");
    EXPECT_EQ(missed(), 1u);
    collector_.tell(wanted, "too late");
    for (int i = 0; i < 10; ++i) step();
    EXPECT_EQ(heard(connection), "");
    EXPECT_TRUE(is_free());
}

TEST_F(HttpTail, AClientThatGoesMeanwhile) {
    start();
    PlayedWorker worker(shared, 0, 1);
    for (const bool reset : {true, false}) {
        const net::tcp::Handle connection = ask(worker);
        worker.respond(0, "out");
        const TailRequest wanted = asked();
        EXPECT_NE(payload_buffers_in_use(), 0u);
        leave(connection, reset);
        EXPECT_TRUE(step_until([&] { return payload_buffers_in_use() == 0; }));
        collector_.tell(wanted, "for nobody");
        EXPECT_TRUE(step_until([&] { return is_free(); }));
    }
    EXPECT_EQ(core->context().invocations.used(), 0u);
}

TEST_F(HttpTail, NoBufferToKeepTheAnswerIn) {
    targets[0].max_payload_bytes = 1 << 20;
    payload_buffers = 8;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    const net::tcp::Handle connection = ask(worker);
    worker.respond(0, std::string(100'000, 'z'));
    collector_.tell(asked(), "log");
    EXPECT_NE(answer(connection).find("HTTP/1.1 500 "), std::string::npos);
    EXPECT_EQ(count(Reason::failed_answer_no_room), 1u);
    EXPECT_TRUE(is_free());
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

}  // namespace
}  // namespace skerry::test
