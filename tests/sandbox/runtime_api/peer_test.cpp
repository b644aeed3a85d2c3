// One worker's conversation, byte for byte.
#include <gtest/gtest.h>

#include "tests/sandbox/runtime_api/wire.hpp"

namespace {

using namespace skerry::test;

constexpr const char* kAccepted =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    "{\"status\":\"OK\"}";

TEST(RuntimeApi, AnInvocationOnOneConnection) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
        Wire worker;
        const std::uint32_t c = worker.connect();
        ASSERT_TRUE(worker.say(c, kNext, piece));
        EXPECT_EQ(worker.take_news(), kAsked);
        EXPECT_EQ(worker.hear(c), "");
        worker.begin("{\"a\":1}");
        EXPECT_EQ(worker.hear(c, piece),
                  "HTTP/1.1 200 OK\r\n"
                  "Content-Type: application/json\r\n"
                  "Lambda-Runtime-Aws-Request-Id: 01234567-89ab-cdef-0000-000000000001\r\n"
                  "Lambda-Runtime-Deadline-Ms: 1700000000123\r\n"
                  "Lambda-Runtime-Invoked-Function-Arn: "
                  "arn:aws:lambda:here:000000000000:function:f:1\r\n"
                  "Lambda-Runtime-Invocation-Id: 0000000000000077\r\n"
                  "Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0\r\n"
                  "Content-Length: 7\r\n\r\n{\"a\":1}");
        ASSERT_TRUE(worker.say(c, post("response", "\"done\""), piece));
        EXPECT_EQ(worker.take_news(), kAnswered);
        EXPECT_EQ(worker.peer.outcome(), Outcome::ok);
        EXPECT_EQ(worker.answer(), "\"done\"");
        EXPECT_EQ(worker.hear(c), kAccepted);
        ASSERT_TRUE(worker.say(c, kNext, piece));
        EXPECT_EQ(worker.take_news(), kAsked);
    }
}

// The caller's bytes end no line; what is a character of UTF-8 stays one.
TEST(RuntimeApi, AClientContextIsOneFieldWhateverIsInIt) {
    const auto heard = [](const std::string& context) {
        Wire worker;
        const std::uint32_t c = worker.connect();
        worker.say(c, kNext);
        worker.context = context;
        worker.begin("{}");
        const std::string all = worker.hear(c);
        EXPECT_TRUE(all.ends_with("Content-Length: 2\r\n\r\n{}")) << all;
        const std::string field = "\r\nLambda-Runtime-Client-Context: ";
        const std::size_t at = all.find(field);
        if (at == std::string::npos) return std::string("none");
        const std::size_t from = at + field.size();
        return all.substr(from, all.find("\r\n", from) - from);
    };
    EXPECT_EQ(heard(""), "none");
    EXPECT_EQ(heard("{\"custom\":{\"k\":\"ä\"}}"), "{\"custom\":{\"k\":\"ä\"}}");
    EXPECT_EQ(heard("{\r\n\t\"a\":1}"), "{   \"a\":1}");
    EXPECT_EQ(heard(std::string("\0\x1f\x7f\r\n\r\nX: y\r\n", 13)), "       X: y  ");
    const std::string long_one(kContextBytesMax, 'c');
    EXPECT_EQ(heard(long_one), long_one);
    EXPECT_EQ(heard(std::string(kContextBytesMax, '\n')), std::string(kContextBytesMax, ' '));
}

TEST(RuntimeApi, AConnectionForEachCallAsCurlDoesIt) {
    Wire worker;
    std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    worker.take_news();
    worker.begin("x");
    EXPECT_NE(worker.hear(c).find("200 OK"), std::string::npos);
    worker.lose(c);
    EXPECT_EQ(worker.take_news(), 0);
    c = worker.connect();
    worker.say(c, post("response", "y"));
    EXPECT_EQ(worker.take_news(), kAnswered);
    EXPECT_EQ(worker.answer(), "y");
}

TEST(RuntimeApi, AnInvocationWhoseConnectionWasLostIsGivenToTheNextNext) {
    Wire worker;
    const std::uint32_t first = worker.connect();
    worker.say(first, kNext);
    worker.begin("again");
    worker.lose(first);  // before a byte was sent
    const std::uint32_t second = worker.connect();
    worker.say(second, kNext);
    EXPECT_NE(worker.hear(second).find("\r\n\r\nagain"), std::string::npos);
}

TEST(RuntimeApi, CallsOutOfOrderAreRefused) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, post("response", "early"));
    EXPECT_NE(worker.hear(c).find("400 Bad Request"), std::string::npos);
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    // Lambda tells a worker again that asks again: its connection may have been lost.
    for (int i = 1; i < kDeliveries; ++i) {
        worker.say(c, kNext);
        EXPECT_NE(worker.hear(c).find("\r\n\r\nx"), std::string::npos);
    }
    worker.say(c, kNext);
    const std::string refused = worker.hear(c);
    EXPECT_NE(refused.find("403 Forbidden"), std::string::npos);
    EXPECT_NE(refused.find("InvalidStateTransition"), std::string::npos);
    worker.say(c, post("response", "x", "", "01234567-89ab-cdef-0000-000000000002"));
    EXPECT_NE(worker.hear(c).find("InvalidRequestID"), std::string::npos);
    worker.say(c, post("response", "x", "Lambda-Runtime-Invocation-Id: 0000000000000076\r\n"));
    EXPECT_NE(worker.hear(c).find("InvalidRequestID"), std::string::npos);
    worker.say(c, post("response", "x", "lambda-runtime-invocation-id: 0000000000000077\r\n"));
    EXPECT_EQ(worker.hear(c), kAccepted);
    worker.say(c, post("response", "twice"));
    EXPECT_NE(worker.hear(c).find("InvalidRequestID"), std::string::npos);
    EXPECT_EQ(worker.answer(), "x");
}

TEST(RuntimeApi, AnAnswerThatIsTooLargeIsSaidToBoth) {
    Wire worker(8);
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    worker.take_news();
    ASSERT_TRUE(worker.say(c, post("response", std::string(100000, 'a'))));
    EXPECT_EQ(worker.take_news(), kAnswered);
    EXPECT_EQ(worker.peer.outcome(), Outcome::too_large);
    EXPECT_NE(worker.hear(c).find("413 Request Entity Too Large"), std::string::npos);
    worker.say(c, kNext);
    EXPECT_EQ(worker.take_news(), kAsked);
}

TEST(RuntimeApi, AStreamedResponseIsPutTogether) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    const std::string head =
        "POST /2018-06-01/runtime/invocation/01234567-89AB-CDEF-0000-000000000001/response "
        "HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n";
    worker.say(c, head + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", 1);
    EXPECT_EQ(worker.peer.outcome(), Outcome::ok);
    EXPECT_EQ(worker.answer(), "hello world");
    worker.hear(c);
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    worker.say(c, head +
                      "5\r\nhello\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Broke\r\n"
                      "Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n\r\n");
    EXPECT_EQ(worker.peer.outcome(), Outcome::function_error);
    EXPECT_EQ(worker.answer(), "{\"a\":1}");
    EXPECT_EQ(worker.peer.error_type(), "Function.Broke");
}

TEST(RuntimeApi, AResponseThatBreaksOffIsTruncated) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    worker.take_news();
    const std::string whole = post("response", "0123456789");
    worker.say(c, whole.substr(0, whole.size() - 3));
    worker.lose(c);
    EXPECT_EQ(worker.take_news(), kAnswered);
    EXPECT_EQ(worker.peer.outcome(), Outcome::truncated);
}

TEST(RuntimeApi, ErrorsKeepTheirType) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c,
               "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nLambda-Runtime-Function-Error-Type:"
               " Runtime.ImportModuleError\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(worker.take_news(), kAnswered);
    EXPECT_EQ(worker.peer.outcome(), Outcome::init_failed);
    EXPECT_EQ(worker.peer.error_type(), "Runtime.ImportModuleError");
    EXPECT_EQ(worker.hear(c), kAccepted);
}

TEST(RuntimeApi, ErrorsOfInvocationsToo) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    worker.say(c, post("error", "{\"errorMessage\":\"m\"}",
                       "Lambda-Runtime-Function-Error-Type: unhandled\r\n"
                       "Lambda-Runtime-Function-XRay-Error-Cause: " +
                           std::string(700000, 'x') + "\r\n"));
    EXPECT_EQ(worker.peer.outcome(), Outcome::function_error);
    EXPECT_EQ(worker.peer.error_type(), "Runtime.Unknown");
    EXPECT_EQ(worker.answer(), "{\"errorMessage\":\"m\"}");
}

TEST(RuntimeApi, ExpectContinueIsAnsweredBeforeTheBody) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    worker.begin("x");
    worker.hear(c);
    const std::string whole = post("response", "0123456789", "Expect: 100-continue\r\n");
    worker.say(c, whole.substr(0, whole.size() - 10));
    EXPECT_EQ(worker.hear(c), "HTTP/1.1 100 Continue\r\n\r\n");
    worker.say(c, "0123456789");
    EXPECT_EQ(worker.hear(c), kAccepted);
}

TEST(RuntimeApi, WhatCannotBeUnderstoodIsAnsweredAndHungUp) {
    const std::pair<std::string, std::string> rows[] = {
        {"GET\r\n\r\n", "400"},
        {"GET / HTTP/1.1\nHost: x\n\n", "400"},
        {"GET / HTTP/2.0\r\n\r\n", "505"},
        {"GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n\r\n", "414"},
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
        {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "413"},
        {"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nA: " + std::string("\x01") + "\r\n\r\n", "400"},
    };
    for (const auto& [text, status] : rows) {
        Wire worker;
        const std::uint32_t c = worker.connect();
        worker.say(c, text);
        EXPECT_EQ(worker.hear(c).substr(0, 12), "HTTP/1.1 " + status) << text.substr(0, 60);
        EXPECT_TRUE(worker.closes(c)) << text.substr(0, 60);
    }
}

TEST(RuntimeApi, ConnectionsAreBounded) {
    Wire worker;
    std::uint32_t last = 0;
    for (std::uint32_t i = 0; i < kConnections; ++i) last = worker.connect();
    worker.say(last, kNext);
    EXPECT_EQ(worker.peer.adopt(5), -1);  // an idle one goes, for the next that comes
    EXPECT_TRUE(worker.closes(0));
    worker.peer.closed(0);
    EXPECT_EQ(worker.peer.adopt(5), 0);
    EXPECT_EQ(worker.peer.parked(), static_cast<int>(last));
}

TEST(RuntimeApi, PipelinedRequestsAreAnsweredInOrder) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, "GET /2018-06-01/ping HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n" + kNext);
    const std::string heard = worker.hear(c);
    EXPECT_LT(heard.find("pong"), heard.find("404"));
    EXPECT_EQ(worker.take_news(), kAsked);
}

constexpr const char* kAssignment = "GET /skerry/assignment HTTP/1.1\r\n\r\n";

TEST(Standby, IsToldWhatItIsForAndThenIsAnOrdinaryWorker) {
    Wire worker(Wire::stands_by);
    const std::uint32_t c = worker.connect();
    ASSERT_TRUE(worker.say(c, kAssignment, 3));
    EXPECT_EQ(worker.take_news(), kStandsBy);
    EXPECT_TRUE(worker.peer.stands_by());
    EXPECT_EQ(worker.hear(c), "");
    const std::string told("A=b\0C=d\0", 8);
    worker.assign(told);
    EXPECT_FALSE(worker.peer.stands_by());
    EXPECT_EQ(worker.hear(c, 5),
              "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
              "Content-Length: 8\r\n\r\n" +
                  told);
    ASSERT_TRUE(worker.say(c, kNext));
    EXPECT_EQ(worker.take_news(), kAsked);
    worker.begin("x");
    EXPECT_NE(worker.hear(c).find("function:f:1"), std::string::npos);
    ASSERT_TRUE(worker.say(c, post("response", "y")));
    EXPECT_EQ(worker.take_news(), kAnswered);
    EXPECT_EQ(worker.answer(), "y");
}

TEST(Standby, IsAllowedNothingElseBeforeThat) {
    Wire worker(Wire::stands_by);
    const std::uint32_t c = worker.connect();
    worker.say(c, kNext);
    EXPECT_NE(worker.hear(c).find("403 Forbidden"), std::string::npos);
    worker.say(c, post("response", "y"));
    EXPECT_NE(worker.hear(c).find("400 Bad Request"), std::string::npos);
    worker.say(c, "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2\r\n\r\nxx");
    EXPECT_NE(worker.hear(c).find("403 Forbidden"), std::string::npos);
    worker.say(c, "POST /skerry/assignment HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    EXPECT_NE(worker.hear(c).find("405 Method"), std::string::npos);
    EXPECT_EQ(worker.take_news(), 0);
    EXPECT_FALSE(worker.peer.stands_by());
}

TEST(Standby, AsksOnAnotherConnectionWhenOneIsLost) {
    Wire worker(Wire::stands_by);
    const std::uint32_t first = worker.connect();
    worker.say(first, kAssignment);
    worker.lose(first);
    EXPECT_FALSE(worker.peer.stands_by());
    const std::uint32_t second = worker.connect();
    worker.say(second, kAssignment);
    const std::uint32_t third = worker.connect();
    worker.say(third, kAssignment);
    EXPECT_TRUE(worker.closes(second));
    worker.assign("A=b");
    EXPECT_NE(worker.hear(third).find("A=b"), std::string::npos);
    worker.say(third, kAssignment);
    EXPECT_NE(worker.hear(third).find("404 Not Found"), std::string::npos) << "once";
}

TEST(Standby, OthersFindNoSuchPath) {
    Wire worker;
    const std::uint32_t c = worker.connect();
    worker.say(c, kAssignment);
    EXPECT_NE(worker.hear(c).find("404 Not Found"), std::string::npos);
    EXPECT_EQ(worker.take_news(), 0);
}

}  // namespace
