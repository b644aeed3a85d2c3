// What a worker does by mistake or on purpose, and what must not become of it.
#include <gtest/gtest.h>

#include "tests/sandbox/runtime_api/wire.hpp"

namespace {

using namespace skerry::test;

constexpr const char* kInitErrorHead =
    "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 10\r\n\r\n";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

void ask(Wire& worker, std::uint32_t c, const std::string& payload = "x") {
    worker.say(c, kNext);
    worker.begin(payload);
}

TEST(RuntimeApiHostile, AHalfToldInitErrorDoesNotKeepTheAreaForever) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    worker.say(first, std::string(kInitErrorHead) + "12345");
    const std::uint32_t second = worker.connect();
    ask(worker, second);
    EXPECT_TRUE(worker.closes(first));
    worker.hear(second);
    worker.say(second, post("response", "y"));
    EXPECT_TRUE(has(worker.hear(second), "202 Accepted"));
    EXPECT_EQ(worker.answer(), "y");
}

TEST(RuntimeApiHostile, AnInitErrorIsToldOnce) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, std::string(kInitErrorHead) + "0123456789");
    worker.hear(c);
    worker.say(c, std::string(kInitErrorHead) + "9876543210");
    EXPECT_TRUE(has(worker.hear(c), "403 Forbidden"));
    EXPECT_EQ(worker.answer(), "0123456789");
}

TEST(RuntimeApiHostile, APayloadIsNotSentOnAfterTheAnswer) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    ask(worker, first, std::string(5000, 'p'));
    worker.hear_some(first, 1000);
    const std::uint32_t second = worker.connect();
    worker.say(second, post("response", "y"));
    EXPECT_EQ(worker.take_news() & kAnswered, kAnswered);
    // Its memory belongs to somebody else from here on.
    EXPECT_TRUE(worker.closes(first));
    EXPECT_FALSE(worker.peer.wants_send(first));
}

TEST(RuntimeApiHostile, AnAnswerMayGoOnWhenTheConnectionOfTheQuestionIsLost) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    ask(worker, first, std::string(5000, 'p'));
    worker.hear_some(first, 1000);
    const std::uint32_t second = worker.connect();
    const std::string whole = post("response", "0123456789");
    worker.say(second, whole.substr(0, whole.size() - 3));
    worker.lose(first);
    worker.say(second, "789");
    EXPECT_TRUE(has(worker.hear(second), "202 Accepted"));
    EXPECT_EQ(worker.peer.outcome(), Outcome::ok);
    worker.say(second, kNext);
    EXPECT_EQ(worker.take_news(), kAsked | kAnswered);
}

TEST(RuntimeApiHostile, AWorkerThatWasToldAndLostItsConnectionIsToldAgain) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    ask(worker, first, "again");
    worker.hear(first);  // all of it, as far as we know
    worker.lose(first);
    const std::uint32_t second = worker.connect();
    worker.say(second, kNext);
    EXPECT_TRUE(has(worker.hear(second), "\r\n\r\nagain"));
    EXPECT_EQ(worker.take_news(), kAsked);  // of the first time
    worker.say(second, post("response", "y"));
    EXPECT_EQ(worker.take_news(), kAnswered);
}

TEST(RuntimeApiHostile, OfTwoThatAreToldOnlyTheLastGoesOn) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    ask(worker, first, std::string(5000, 'p'));
    worker.hear_some(first, 1000);
    const std::uint32_t second = worker.connect();
    worker.say(second, kNext);
    EXPECT_TRUE(worker.closes(first));
    EXPECT_TRUE(has(worker.hear(second), std::string(5000, 'p')));
}

TEST(RuntimeApiHostile, AWaitingConnectionIsNotClosedByItsContinue) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c,
               "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nExpect: 100-continue\r\n"
               "Connection: close\r\nContent-Length: 1\r\n\r\n.");
    EXPECT_EQ(worker.hear(c), "HTTP/1.1 100 Continue\r\n\r\n");
    ASSERT_EQ(worker.peer.parked(), static_cast<int>(c));
    worker.begin("x");
    EXPECT_TRUE(has(worker.hear(c), "\r\n\r\nx"));
    EXPECT_TRUE(worker.closes(c));
}

TEST(RuntimeApiHostile, FourStuckConnectionsDoNotKeepAFifthOut) {
    const std::string stuck[] = {
        "",
        "GET /2018-06-01/runt",
        "GET /2020-01-01/extension/event/next HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        "GET /2018-06-01/ping HTTP/1.1\r\n\r\n",  // and it does not read the answer
    };
    for (const std::string& text : stuck) {
        Wire worker;
        for (std::uint32_t i = 0; i < kConnections; ++i) worker.say(worker.connect(), text);
        int index = -1;
        for (int tries = 0; index < 0 && tries < 2; ++tries) {
            for (std::uint32_t i = 0; i < kConnections; ++i)
                if (worker.closes(i)) worker.peer.closed(i);
            index = worker.peer.adopt(77);
        }
        ASSERT_GE(index, 0) << text;
        worker.say(static_cast<std::uint32_t>(index), kNext);
        EXPECT_EQ(worker.take_news(), kAsked) << text;
    }
}

TEST(RuntimeApiHostile, NoNewcomerTakesThePlaceOfWhoIsServed) {
    Wire worker;
    const std::uint32_t asked = worker.connect();
    ask(worker, asked, "x");
    worker.hear(asked);
    const std::string whole = post("response", "0123456789");
    worker.say(asked, whole.substr(0, whole.size() - 1));
    for (int i = 0; i < 20; ++i) {
        const int index = worker.peer.adopt(100 + i);
        if (index >= 0) worker.say(static_cast<std::uint32_t>(index), "GET /x");
        for (std::uint32_t k = 0; k < kConnections; ++k)
            if (worker.closes(k)) worker.peer.closed(k);
    }
    worker.say(asked, "9");
    EXPECT_EQ(worker.peer.outcome(), Outcome::ok);
}

TEST(RuntimeApiHostile, BytesThatComeLateLandWhereTheyBelong) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext + "GET /2018-06-01/pi");
    // As a core does it: it looks at the waiting connection before it hands the invocation over.
    const iovec space = worker.peer.space(c);
    ASSERT_NE(space.iov_len, 0u);
    worker.begin("x");
    EXPECT_TRUE(has(worker.hear(c), "\r\n\r\nx"));
    const std::string rest = "ng HTTP/1.1\r\n\r\n";
    std::memcpy(space.iov_base, rest.data(), rest.size());
    worker.peer.received(c, rest.size());
    EXPECT_TRUE(has(worker.hear(c), "pong"));
}

TEST(RuntimeApiHostile, BytesThatComeLateDoNotCountAsAnAnswer) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    const std::string whole = post("response", "0123456789");
    worker.say(c, kNext + whole.substr(0, whole.size() - 10));
    const iovec space = worker.peer.space(c);
    worker.begin("x");
    worker.hear(c);  // now the head that lay there is understood
    std::memcpy(space.iov_base, "abcdefghij", 10);
    worker.peer.received(c, 10);
    EXPECT_EQ(worker.answer(), "abcdefghij");
}

TEST(RuntimeApiHostile, ABrokenAnswerFreesTheAreaBeforeItsReaderReads) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    ask(worker, first);
    worker.hear(first);
    worker.say(first,
               "POST /2018-06-01/runtime/invocation/01234567-89ab-cdef-0000-000000000001/response "
               "HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
    EXPECT_EQ(worker.peer.outcome(), Outcome::truncated);
    const std::uint32_t second = worker.connect();
    ask(worker, second);
    EXPECT_TRUE(has(worker.hear(second), "\r\n\r\nx"));
    worker.say(second, post("response", "y"));
    EXPECT_EQ(worker.answer(), "y");
}

TEST(RuntimeApiHostile, AnswersOfTheAttemptBeforeAreNotTakenForThisOne) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    const std::string attempt = "Lambda-Runtime-Invocation-Id: 0000000000000077\r\n";
    ask(worker, c);
    worker.hear(c);
    worker.say(c, post("response", "one", attempt));
    worker.hear(c);
    worker.say(c, kNext);
    worker.begin("x", 1, 0x78);  // the same request, once more
    worker.hear(c);
    worker.take_news();
    worker.say(c, post("response", "late", attempt));
    EXPECT_TRUE(has(worker.hear(c), "InvalidRequestID"));
    EXPECT_EQ(worker.take_news(), 0);
    // Begun while the head said the old one: the body does not reach the area either.
    EXPECT_EQ(worker.answer(), "");
}

TEST(RuntimeApiHostile, ManyTinyChunksAreAnAnswerToo) {
    Wire worker(1u << 20);
    const std::uint32_t c = worker.connect();
    ask(worker, c);
    worker.hear(c);
    std::string text =
        "POST /2018-06-01/runtime/invocation/01234567-89ab-cdef-0000-000000000001/response "
        "HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 600000; ++i) text += "1\r\nx\r\n";
    worker.say(c, text + "0\r\n\r\n");
    EXPECT_EQ(worker.peer.outcome(), Outcome::ok);
    EXPECT_EQ(worker.peer.answer_bytes(), 600000u);
}

}  // namespace
