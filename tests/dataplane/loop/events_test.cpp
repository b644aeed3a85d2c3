// Event invocations through the loop; the queue that keeps them is played.
#include <bit>
#include <cstring>

#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/event_queue.hpp"
#include "tests/dataplane/loop/http_rig.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class EventsTest : public HttpTest {
  protected:
    void SetUp() override {
        HttpTest::SetUp();
        targets[0].max_payload_bytes = 6 << 20;
        payload_buffers = 600;
        keeps_events = true;
    }
    EventSubmission submitted() {
        EventSubmission submission;
        EXPECT_TRUE(step_until([&] { return queue.submitted(submission); }));
        return submission;
    }
    EventResult ended() {
        EventResult result;
        EXPECT_TRUE(step_until([&] { return queue.ended(result); }));
        return result;
    }
    PlayedEventQueue queue{shared};
};

TEST_F(EventsTest, AcceptedWhenTheQueueSaysSo) {
    start();
    const net::tcp::Handle connection = connect();
    for (const std::size_t bytes : {0u, 10u, 100'000u, 1u << 20}) {
        std::string body(bytes, 'b');
        const std::string request = post_event("f0", body);
        if (body.empty()) body = "{}";  // as Lambda has it
        std::size_t sent_bytes = 0;
        ASSERT_TRUE(step_until([&] {  // it is more than a connection takes at once
            const auto* from = reinterpret_cast<const std::uint8_t*>(request.data());
            sent_bytes +=
                client_->write(connection, {from + sent_bytes, request.size() - sent_bytes});
            return sent_bytes == request.size();
        }));
        const EventSubmission submission = submitted();
        EXPECT_TRUE(PlayedEventQueue::payload_of(submission) == body);
        const auto* header = rte_pktmbuf_mtod(submission.message, const wire::Header*);
        EXPECT_EQ(header->function_key.get(), kFunctionKey);
        EXPECT_EQ(header->payload_bytes.get(), body.size());
        for (int i = 0; i < 10; ++i) step();
        EXPECT_EQ(heard(connection), "");  // nothing is promised yet
        queue.say(submission, EventFate::accepted);
        const std::string text = answer(connection);
        EXPECT_TRUE(text.starts_with("HTTP/1.1 202 Accepted\r\n")) << text;
        EXPECT_NE(text.find("\r\nx-amzn-RequestId: "), std::string::npos);
        EXPECT_EQ(body_of(text), "");
        EXPECT_EQ(payload_buffers_in_use(), 0u);
    }
    EXPECT_EQ(count(Reason::event_accepted), 4u);
}

// Each way out, with the error that AWS's clients make the right exception of.
TEST_F(EventsTest, WhatTheQueueDoesNotTake) {
    start();
    const net::tcp::Handle connection = connect();
    const struct {
        EventFate fate;
        const char *status, *type, *also;
        Reason reason;
    } rows[] = {
        {EventFate::full, "429", "TooManyRequestsException",
         "\"Reason\":\"ConcurrentInvocationLimitExceeded\"", Reason::refused_events_full},
        {EventFate::failed, "500", "ServiceException", "\"Message\":", Reason::failed_event_store},
        {EventFate::unknown, "502", "ServiceException",
         "\"Message\":", Reason::failed_event_unknown},
    };
    for (const auto& row : rows) {
        say(connection, post_event("f0", "x"));
        queue.say(submitted(), row.fate);
        const std::string text = answer(connection);
        EXPECT_EQ(text.substr(9, 3), row.status);
        EXPECT_NE(text.find(std::string("x-amzn-ErrorType: ") + row.type), std::string::npos);
        EXPECT_NE(text.find(row.also), std::string::npos) << text;
        EXPECT_EQ(count(row.reason), 1u);
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// With an id it is handed to the queue once, and every try is told what became of that.
TEST_F(EventsTest, AnEventThatIsTriedAgainIsKeptOnce) {
    info.http.retry_window_ms = 60'000;
    info.http.retry_entries = 64;
    info.http.retry_bytes = 1 << 20;
    start();
    const auto request = [](const std::string& id) {
        std::string text = post_event("f0", "x");
        return text.insert(text.find("\r\n") + 2, "amz-sdk-invocation-id: " + id + "\r\n");
    };
    const std::string field = "x-amzn-RequestId: ";
    const net::tcp::Handle first = connect(), second = connect();
    say(first, request("a"));
    const EventSubmission submission = submitted();
    say(second, request("a"));
    ASSERT_TRUE(step_until([&] { return count(Reason::retry_joined) == 1; }));
    queue.say(submission, EventFate::accepted);
    const std::string told = answer(first);
    EXPECT_TRUE(told.starts_with("HTTP/1.1 202 Accepted\r\n")) << told;
    say(first, request("a"));
    for (const net::tcp::Handle each : {second, first}) {
        const std::string again = answer(each);
        EXPECT_TRUE(again.starts_with("HTTP/1.1 202 Accepted\r\n")) << again;
        EXPECT_EQ(again.substr(again.find(field), 54), told.substr(told.find(field), 54));
    }
    EventSubmission none;
    EXPECT_FALSE(queue.submitted(none));
    // One that its client does not wait for is kept all the same; the next try is told so.
    const net::tcp::Handle third = connect();
    say(third, request("b"));
    const EventSubmission left = submitted();
    leave(third, true);
    queue.say(left, EventFate::accepted);
    for (int i = 0; i < 5; ++i) step();
    say(first, request("b"));
    EXPECT_TRUE(answer(first).starts_with("HTTP/1.1 202 Accepted\r\n"));
    // What was not kept is tried anew; of what may have been kept, that is said once more.
    say(first, request("c"));
    queue.say(submitted(), EventFate::full);
    EXPECT_EQ(answer(first).substr(9, 3), "429");
    say(first, request("c"));
    queue.say(submitted(), EventFate::unknown);
    EXPECT_EQ(answer(first).substr(9, 3), "502");
    say(first, request("c"));
    EXPECT_EQ(answer(first).substr(9, 3), "502");
    EXPECT_FALSE(queue.submitted(none));
    // The same id is another request if its answer is waited for.
    PlayedWorker worker(shared, 0, 1);
    std::string text = request("a");
    text.erase(text.find("X-Amz-Invocation-Type"), std::strlen("X-Amz-Invocation-Type: Event\r\n"));
    say(first, text);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "now");
    EXPECT_EQ(body_of(answer(first)), "now");
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(EventsTest, AClientContextIsKeptWithTheEvent) {
    start();
    const net::tcp::Handle connection = connect();
    std::string text = post_event("f0", std::string(1u << 12, 'b'));
    say(connection, text.insert(text.find("\r\n") + 2, "X-Amz-Client-Context: eyJhIjoxfQ==\r\n"));
    const EventSubmission submission = submitted();
    EXPECT_TRUE(PlayedEventQueue::payload_of(submission) ==
                std::string(1u << 12, 'b') + R"({"a":1})");
    EXPECT_EQ(wire::context_of(*rte_pktmbuf_mtod(submission.message, const wire::Header*)), 7u);
    queue.say(submission, EventFate::accepted);
    EXPECT_TRUE(answer(connection).starts_with("HTTP/1.1 202 "));
    PlayedWorker worker(shared, 0, 1);
    const std::string all = R"(payload{"a":1})";
    queue.context_bytes = 7;
    queue.run(3, all);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(worker.request(0), "payload");
    EXPECT_EQ(worker.slot(0).context_bytes, 7u);
    worker.respond(0, "");
    EXPECT_EQ(ended().status, ReplyStatus::ok);
}

TEST_F(EventsTest, WhatIsRefusedWithoutTheQueue) {
    start();
    const auto asked = [this](const std::string& request) {
        const net::tcp::Handle connection = connect();
        say(connection, request);
        return answer(connection);
    };
    EXPECT_NE(asked(post_event("nobody", "x")).find(" 404 "), std::string::npos);
    std::string large = post_event("f0", "x");
    large.replace(large.find("Content-Length: 1"), 17, "Content-Length: 1048577");
    const std::string text = asked(large);
    EXPECT_NE(text.find(" 413 "), std::string::npos);
    EXPECT_NE(text.find("1048576"), std::string::npos) << text;
    publish(true);
    EXPECT_NE(asked(post_event("f0", "x")).find(" 503 "), std::string::npos);
    EXPECT_EQ(count(Reason::refused_draining), 1u);
    EventSubmission none;
    EXPECT_FALSE(queue.submitted(none));
}

TEST_F(EventsTest, WhereThereIsNoQueue) {
    keeps_events = false;
    start();
    const net::tcp::Handle connection = connect();
    say(connection, post_event("f0", "x"));
    EXPECT_NE(answer(connection).find(" 429 "), std::string::npos);
    EXPECT_EQ(count(Reason::refused_no_events), 1u);
}

// As many as may wait for the queue, and one more.
TEST_F(EventsTest, MoreThanMayWaitForTheQueue) {
    info.http.connections = 256;
    start();
    std::vector<net::tcp::Handle> clients;
    std::vector<EventSubmission> all;
    EventSubmission submission;
    // The client's stack has room for 64: those that have spoken go, and their events stay.
    for (std::uint32_t i = 0; i < kEventsSubmitted; ++i) {
        const net::tcp::Handle connection = connect();
        say(connection, post_event("f0", std::to_string(i)));
        all.push_back(submitted());
        leave(connection, true);
    }
    const net::tcp::Handle connection = connect();
    say(connection, post_event("f0", "one more"));
    EXPECT_NE(answer(connection).find(" 429 "), std::string::npos);
    EXPECT_EQ(count(Reason::refused_events_full), 1u);
    EXPECT_FALSE(queue.submitted(submission));
    EXPECT_EQ(payload_buffers_in_use(), kEventsSubmitted);
    for (std::uint32_t i = 0; i < kEventsSubmitted; ++i) {
        EXPECT_EQ(PlayedEventQueue::payload_of(all[i]), std::to_string(i));
        queue.say(all[i], EventFate::accepted);
    }
    ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() == 0; }));
    say(connection, post_event("f0", "again"));
    queue.say(submitted(), EventFate::accepted);
    EXPECT_NE(answer(connection).find(" 202 "), std::string::npos);
}

// Nobody gets the answer, and its place's next client gets its own.
TEST_F(EventsTest, AClientThatGoesBeforeItIsTold) {
    start();
    const net::tcp::Handle gone = connect();
    say(gone, post_event("f0", "1"));
    const EventSubmission first = submitted();
    leave(gone, true);
    const net::tcp::Handle connection = connect();
    say(connection, post_event("f0", "2"));
    const EventSubmission second = submitted();
    queue.say(first, EventFate::failed);
    queue.say(second, EventFate::accepted);
    EXPECT_NE(answer(connection).find(" 202 "), std::string::npos);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(EventsTest, ExecutedAsAnyRequestIs) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    for (const std::size_t bytes : {0u, 5u, 70'000u, 1u << 20}) {
        const std::string body(bytes, 'e');
        queue.run(9, body);
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        EXPECT_EQ(worker.request(0), body);
        worker.respond(0, std::string(1000, 'r'));
        const EventResult result = ended();
        EXPECT_EQ(result.slot, 9u);
        EXPECT_EQ(result.status, ReplyStatus::ok);
        EXPECT_EQ(payload_buffers_in_use(), 0u);
    }
    const std::string refused = "x";
    queue.run(3, refused);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "no", 1);
    EXPECT_EQ(ended().status, ReplyStatus::function_error);
    EXPECT_EQ(count(Reason::served_local), 4u);
}

// And one that is tried again goes where it went before.
TEST_F(EventsTest, SomeAreAnotherVersionsIfTheirAliasSaysSo) {
    targets[0].split = 1;
    targets.push_back(targets[0]);
    targets[1].split = 0;
    targets[1].entry = 1;
    targets[1].qualifier = 0x77;
    targets[1].version_key = 0xbbbb;
    extras.splits = {{0xbbbb, kWholeSplit / 2}};
    start();
    PlayedWorker first(shared, 0, 1, 0, 1 << 20), second(shared, 1, 1, 1, 1 << 20);
    const std::string payload = "x";
    std::uint64_t by_second[2] = {};
    for (std::uint64_t& which : by_second) {
        for (std::uint32_t i = 0; i < 64; ++i) {
            queue.run(i, payload);
            bool taken_by_second = false;
            ASSERT_TRUE(step_until([&] {
                taken_by_second = second.take() == 1;
                return taken_by_second || first.take() == 1;
            }));
            (taken_by_second ? second : first).respond(0, "");
            EXPECT_EQ(ended().status, ReplyStatus::ok);
            which |= std::uint64_t{taken_by_second} << i;
        }
    }
    EXPECT_EQ(by_second[0], by_second[1]);
    EXPECT_GT(std::popcount(by_second[0]), 10);
    EXPECT_LT(std::popcount(by_second[0]), 54);
}

TEST_F(EventsTest, WhatCannotBeExecutedComesBack) {
    targets[0].max_payload_bytes = 100;
    start();
    const std::string small = "x", large(101, 'x');
    queue.run(1, small, 0x9999);
    EXPECT_EQ(ended().status, ReplyStatus::no_such_function);
    queue.run(2, large);
    EXPECT_EQ(ended().status, ReplyStatus::too_large);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// It waits in the queue then, as while there is no room.
TEST_F(EventsTest, AnEventOverTheFunctionsRateComesBack) {
    extras.rates = {{.max_per_s = 1, .max_burst = 1}};
    start();
    PlayedWorker worker(shared, 0, 1);
    const std::string payload = "x";
    queue.run(1, payload);
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "y");
    EXPECT_EQ(ended().status, ReplyStatus::ok);
    queue.run(2, payload);
    EXPECT_EQ(ended().status, ReplyStatus::function_rate);
    EXPECT_EQ(count(Reason::refused_function_rate), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// Clients come first: events have a quarter of the buffers, and wait for each other.
TEST_F(EventsTest, EventsHaveTheirShareOfBuffers) {
    payload_buffers = 100;
    start();
    PlayedWorker worker(shared, 0, 16, 0, 1 << 20);
    const std::string body(60'000, 'e');
    for (std::uint32_t slot = 0; slot < 8; ++slot) queue.run(slot, body);
    for (int i = 0; i < 50; ++i) step();
    EXPECT_EQ(std::popcount(worker.take()), 1);
    worker.respond(0, "done");
    EXPECT_EQ(ended().status, ReplyStatus::ok);
    std::uint32_t done = 1;
    for (; done < 8; ++done) {
        std::uint64_t slots = 0;
        ASSERT_TRUE(step_until([&] { return (slots = worker.take()) != 0; }));
        worker.respond(static_cast<std::uint32_t>(std::countr_zero(slots)), "done");
        EXPECT_EQ(ended().status, ReplyStatus::ok);
    }
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// There is no buffer at all for one: it comes back, to be tried later.
TEST_F(EventsTest, NoBufferForAnEvent) {
    payload_buffers = 8;
    start();
    const std::string body(200'000, 'e');
    queue.run(1, body);
    EXPECT_EQ(ended().status, ReplyStatus::overloaded);
    EXPECT_EQ(count(Reason::refused_no_buffer), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

}  // namespace
}  // namespace skerry::test
