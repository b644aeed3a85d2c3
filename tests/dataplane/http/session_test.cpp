// Sessions: keep-alive, pipelining, bodies, answers, and how connections end.
#include <gtest/gtest.h>

#include "tests/dataplane/http/memory.hpp"

namespace skerry::http::testing {
namespace {

using ::testing::Test;

const std::string kDate = "Date: Sat, 28 Nov 2026 20:00:00 GMT\r\n";

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(HttpSession, HealthToTheByte) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, get());
    EXPECT_EQ(rig.heard(c), "HTTP/1.1 200 OK\r\n" + kDate +
                                "Content-Type: text/plain\r\nCache-Control: no-store\r\n"
                                "Content-Length: 3\r\n\r\nok\n");
    EXPECT_FALSE(rig.transport.all[c].shut);
    EXPECT_EQ(rig.count(Reason::http_answered), 1u);
}

TEST(HttpSession, HeadIsGetWithoutItsBody) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, "HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n" + get());
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(has(heard, "Content-Length: 3\r\n\r\nHTTP/1.1 200 OK"));
    EXPECT_TRUE(heard.ends_with("\r\n\r\nok\n"));
}

TEST(HttpSession, ReadinessIsAsked) {
    Rig rig;
    rig.invocations.is_ready = false;
    const auto c = rig.open();
    rig.send(c, get("/readyz"));
    EXPECT_TRUE(rig.heard(c).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    rig.invocations.is_ready = true;
    rig.send(c, get("/readyz"));
    EXPECT_TRUE(rig.heard(c).starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpSession, OptionsNameTheMethods) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(rig.heard(c),
              "HTTP/1.1 204 No Content\r\n" + kDate + "Allow: GET, HEAD, POST, OPTIONS\r\n\r\n");
    rig.send(c, "OPTIONS /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(has(rig.heard(c), "Allow: POST, OPTIONS\r\n"));
}

TEST(HttpSession, InvocationToTheByte) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("{\"a\":1}"));
    ASSERT_EQ(rig.invocations.all.size(), 1u);
    TestInvocations::Started& it = rig.invocations.all[0];
    EXPECT_EQ(it.function, "echo");
    EXPECT_EQ(it.qualifier, "");
    EXPECT_EQ(it.payload, "{\"a\":1}");
    EXPECT_EQ(it.call.payload_bytes, 7u);
    EXPECT_TRUE(it.complete);
    EXPECT_EQ(rig.heard(c), "");
    Answer answer{.version_key = 0x0123456789abcdef};
    std::copy_n("pop", 3, answer.place);
    rig.answer(0, "[1]", answer);
    const std::string heard = rig.heard(c);
    const std::string id = heard.substr(heard.find("RequestId: ") + 11, 36);
    EXPECT_EQ(id[14], '4');  // UUID version 4
    // A trace of this second, made for it.
    const std::string trace = heard.substr(heard.find("Trace-Id: ") + 10, 50);
    EXPECT_TRUE(trace.starts_with("Root=1-6b0b32c0-")) << trace;
    EXPECT_EQ(heard, "HTTP/1.1 200 OK\r\n" + kDate + "x-amzn-RequestId: " + id +
                         "\r\nX-Amzn-Trace-Id: " + trace +
                         "\r\nx-skerry-decision: local; place=pop; reason=served_local\r\n"
                         "X-Amz-Executed-Version: 0123456789abcdef\r\n"
                         "Content-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]");
    EXPECT_TRUE(it.released);
    EXPECT_FALSE(it.cancelled);
}

TEST(HttpSession, EveryCutOfAConversationIsTheSame) {
    const std::string chunked =
        "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: h\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: u\r\n\r\n";
    const std::string all = post("first") + get() + chunked + post("");
    const auto converse = [&](std::size_t cut, std::size_t piece) {
        Rig rig;
        const auto c = rig.open(piece);
        const auto answer_all = [&] {
            for (std::size_t i = 0; i < rig.invocations.all.size(); ++i)
                if (rig.invocations.all[i].complete && !rig.invocations.all[i].released)
                    rig.answer(i, "<" + std::string(rig.invocations.all[i].payload) + ">");
        };
        rig.send(c, std::string_view(all).substr(0, cut));
        answer_all();
        rig.send(c, std::string_view(all).substr(cut));
        for (int i = 0; i < 4; ++i) answer_all();
        EXPECT_EQ(rig.invocations.all.size(), 3u);
        return rig.heard(c);
    };
    const std::string whole = converse(0, ~std::size_t{0});
    EXPECT_TRUE(has(whole, "\r\n\r\n<first>HTTP/1.1 200 OK"));
    EXPECT_TRUE(has(whole, "\r\n\r\nok\nHTTP/1.1 200 OK"));
    EXPECT_TRUE(has(whole, "\r\n\r\n<abcde>HTTP/1.1 200 OK"));
    EXPECT_TRUE(whole.ends_with("\r\n\r\n<>"));
    for (std::size_t cut = 0; cut <= all.size(); ++cut)
        ASSERT_EQ(converse(cut, 4096), whole) << cut;
    for (std::size_t piece = 1; piece < 40; ++piece) ASSERT_EQ(converse(0, piece), whole) << piece;
}

TEST(HttpSession, OneInvocationOfAConnectionAtATime) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("1") + post("2") + get());
    EXPECT_EQ(rig.invocations.all.size(), 1u);
    EXPECT_FALSE(rig.transport.all[c].input.empty());  // the window closes
    rig.answer(0, "one");
    EXPECT_EQ(rig.invocations.all.size(), 2u);
    EXPECT_TRUE(rig.heard(c).ends_with("one"));
    rig.answer(1, "two");
    EXPECT_TRUE(rig.heard(c).ends_with("ok\n"));
}

TEST(HttpSession, ManyPipelinedRequestsTakeTurns) {
    Options options;
    options.steps_per_turn = 4;
    Rig rig(options);
    const auto c = rig.open();
    std::string many;
    for (int i = 0; i < 10; ++i) many += get();
    rig.transport.all[c].input = many;
    rig.server.readable(c);
    EXPECT_EQ(rig.count(Reason::http_answered), 4u);
    EXPECT_TRUE(rig.transport.all[c].again);
    rig.settle(c);
    EXPECT_EQ(rig.count(Reason::http_answered), 10u);
}

TEST(HttpSession, ContinueIsSaidBeforeTheBody) {
    Rig rig;
    const auto c = rig.open();
    const std::string request = post("body", "Expect: 100-continue\r\n");
    rig.send(c, request.substr(0, request.size() - 4));
    EXPECT_EQ(rig.heard(c), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.send(c, "body");
    EXPECT_TRUE(rig.invocations.all[0].complete);
    rig.answer(0, "x");
    EXPECT_FALSE(has(rig.heard(c), "Connection: close"));
    EXPECT_FALSE(rig.transport.all[c].shut);
}

TEST(HttpSession, WhoExpectsIsToldWhyNotBeforeTheBody) {
    Rig rig;
    rig.invocations.refusal = {.status = ReplyStatus::no_such_function,
                               .reason = Reason::refused_no_function};
    const auto c = rig.open();
    rig.send(c,
             "POST /2015-03-31/functions/nobody/invocations HTTP/1.1\r\nHost: h\r\n"
             "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 404 Not Found\r\n" + kDate + "Connection: close\r\n"));
    EXPECT_TRUE(rig.transport.all[c].shut);
}

TEST(HttpSession, OldClientsAreHungUpUnlessTheyAskNotTo) {
    Rig rig;
    const auto c = rig.open(), d = rig.open();
    rig.send(c, "GET /healthz HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(has(rig.heard(c), "Connection: close\r\n"));
    EXPECT_TRUE(rig.transport.all[c].shut);
    rig.send(d, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(has(rig.heard(d), "Connection: keep-alive\r\n"));
    EXPECT_FALSE(rig.transport.all[d].shut);
}

TEST(HttpSession, WhatIsRefusedIsTheLastOfItsConnection) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, get() +
                    "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n0\r\n\r\n" +
                    get());
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(has(heard, "ok\nHTTP/1.1 400 Bad Request\r\n"));
    EXPECT_TRUE(heard.ends_with("both Content-Length and Transfer-Encoding\"}"));
    EXPECT_TRUE(rig.transport.all[c].shut);
    EXPECT_EQ(rig.transport.all[c].input, "");  // read past, so that no reset overtakes the answer
    EXPECT_EQ(rig.count(Reason::http_malformed), 1u);
    rig.server.peer_closed(c);
    EXPECT_TRUE(rig.transport.all[c].closed);
    EXPECT_EQ(rig.server.sessions(), 0u);
}

TEST(HttpSession, WhoDoesNotCloseIsHungUp) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, get("/healthz", "Connection: close\r\n"));
    rig.pass(1'900'000);
    EXPECT_FALSE(rig.transport.all[c].over());
    rig.pass(200'000);
    EXPECT_TRUE(rig.transport.all[c].closed);  // not reset: the answer may still be on its way
    EXPECT_EQ(rig.server.sessions(), 0u);
}

TEST(HttpSession, ASmallBodyNobodyWantsIsReadPast) {
    Rig rig;
    const auto c = rig.open();
    std::string request = post("abcdef");
    request.replace(0, 4, "PUT");
    rig.send(c, request + get());
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_TRUE(has(heard, "Allow: POST, OPTIONS\r\n"));
    EXPECT_TRUE(heard.ends_with("ok\n"));
}

TEST(HttpSession, ALargeBodyNobodyWantsEndsTheConnection) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n");
    EXPECT_TRUE(has(rig.heard(c), "Connection: close\r\n"));
    EXPECT_TRUE(rig.transport.all[c].shut);
}

TEST(HttpSession, HalfClosedClientsGetTheirAnswers) {
    Rig rig;
    const auto c = rig.open();
    rig.transport.all[c].input = get() + post("x") + get();
    rig.server.peer_closed(c);
    ASSERT_EQ(rig.invocations.all.size(), 1u);
    rig.answer(0, "late");
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(has(heard, "lateHTTP/1.1 200 OK"));
    EXPECT_TRUE(heard.ends_with("ok\n"));
    EXPECT_TRUE(rig.transport.all[c].closed);
}

TEST(HttpSession, AClientThatGoesCancelsItsInvocation) {
    Rig rig;
    const auto c = rig.open(), d = rig.open(), e = rig.open();
    rig.send(c, post("x"));
    const std::string request = post("body");
    rig.send(d, request.substr(0, request.size() - 1));
    rig.send(e, request.substr(0, 30));
    rig.server.closed(c);
    rig.server.peer_closed(d);  // in the middle of its body
    rig.server.closed(e);       // in the middle of its head: nothing was begun
    EXPECT_TRUE(rig.invocations.all[0].cancelled);
    EXPECT_TRUE(rig.invocations.all[1].cancelled);
    EXPECT_FALSE(rig.invocations.all[1].complete);
    EXPECT_EQ(rig.count(Reason::http_client_gone), 2u);
    EXPECT_EQ(rig.server.sessions(), 0u);
    EXPECT_FALSE(rig.server.answered(rig.invocations.all[0].call.exchange, Answer{}));
}

TEST(HttpSession, AConnectionsIndexIsUsedAgainSafely) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    rig.server.closed(c);
    rig.transport.all[c] = {};
    rig.server.opened(c);
    rig.send(c, post("y"));
    ASSERT_EQ(rig.invocations.all.size(), 2u);
    EXPECT_FALSE(rig.server.answered(rig.invocations.all[0].call.exchange, Answer{}));
    rig.answer(1, "for y");
    EXPECT_TRUE(rig.heard(c).ends_with("for y"));
}

TEST(HttpSession, BodiesWaitForTheirConsumer) {
    Rig rig;
    rig.invocations.room = 3;
    const auto c = rig.open();
    rig.send(c, post("abcdefgh"));
    EXPECT_EQ(rig.invocations.all[0].payload, "abc");
    EXPECT_EQ(rig.transport.all[c].input, "defgh");  // the window closes
    rig.pass(60'000'000);                            // which is not the client's fault
    EXPECT_FALSE(rig.transport.all[c].over());
    rig.invocations.room = 100;
    rig.server.resume(rig.invocations.all[0].call.exchange);
    rig.settle(c);
    EXPECT_EQ(rig.invocations.all[0].payload, "abcdefgh");
    EXPECT_TRUE(rig.invocations.all[0].complete);
}

TEST(HttpSession, AConsumerMayHaveHadEnough) {
    Rig rig;
    rig.invocations.refuse_payload_at = 3;
    const auto c = rig.open();
    rig.send(c,
             "POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: h\r\n"
             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n3\r\nghi\r\n");
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 413 Content Too Large\r\n"));
    EXPECT_TRUE(
        has(heard, "Request must be smaller than 3 bytes for the InvokeFunction operation"));
    EXPECT_TRUE(rig.transport.all[c].shut);
    rig.server.closed(c);
}

TEST(HttpSession, AnswersWaitForTheirReader) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x") + get());
    rig.transport.all[c].room = 1000;  // not enough for a head
    const std::string payload(10000, 'p');
    rig.answer(0, payload);
    EXPECT_EQ(rig.heard(c), "");
    EXPECT_TRUE(rig.transport.all[c].wants_room);
    std::string heard;
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(rig.invocations.all[0].released);
        rig.give_room(c, 2000);
        heard += rig.heard(c);
    }
    EXPECT_TRUE(rig.invocations.all[0].released);
    rig.give_room(c, 4000);
    heard += rig.heard(c);
    EXPECT_TRUE(has(heard, "\r\n\r\n" + payload + "HTTP/1.1 200 OK"));
    EXPECT_TRUE(heard.ends_with("ok\n"));
}

TEST(HttpSession, AnswersInPiecesAreChunked) {
    for (const bool old : {false, true}) {
        Rig rig;
        const auto c = rig.open();
        std::string request = post("x", old ? "Connection: keep-alive\r\n" : "");
        if (old) request.replace(request.find("1.1"), 3, "1.0");
        rig.send(c, request);
        Answer first;
        first.more = true;
        const std::string one = "one", two(20, '2');
        rig.answer(0, one, first);
        const Exchange exchange = rig.invocations.all[0].call.exchange;
        EXPECT_TRUE(rig.invocations.all[0].released);
        const auto again = [&] {
            rig.invocations.all[0].more = true;
            rig.invocations.all[0].released = false;
        };
        again();
        rig.server.answer_more(exchange, {}, true);
        again();
        rig.server.answer_more(exchange, {reinterpret_cast<const std::uint8_t*>(two.data()), 20},
                               true);
        again();
        rig.server.answer_more(exchange, {}, false);
        rig.settle(c);
        const std::string heard = rig.heard(c);
        EXPECT_EQ(has(heard, "Transfer-Encoding: chunked\r\n"), !old);
        EXPECT_EQ(has(heard, "Connection: close\r\n"), old);
        EXPECT_FALSE(has(heard, "Content-Length"));
        EXPECT_EQ(heard.substr(heard.find("\r\n\r\n") + 4),
                  old ? one + two : "00000003\r\none\r\n00000014\r\n" + two + "\r\n0\r\n\r\n");
        EXPECT_EQ(rig.transport.all[c].shut, old);
    }
}

TEST(HttpSession, AnswersInPiecesOfKnownLengthAreNot) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x") + get());
    Answer first;
    first.more = true;
    first.total_bytes = 8;
    rig.answer(0, "one", first);
    const std::string two = "two..";
    const Exchange exchange = rig.invocations.all[0].call.exchange;
    rig.invocations.all[0].released = false;
    rig.server.answer_more(exchange, {reinterpret_cast<const std::uint8_t*>(two.data()), 5}, false);
    rig.settle(c);
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(has(heard, "Content-Length: 8\r\n\r\nonetwo..HTTP/1.1 200 OK"));
    EXPECT_FALSE(has(heard, "chunked"));
}

TEST(HttpSession, BetweenPiecesNothingIsReleasedTwice) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    Answer first;
    first.more = true;
    rig.answer(0, "one", first);
    rig.server.writable(c);  // TestInvocations would see a second release()
    rig.server.readable(c);
    rig.server.peer_closed(c);
    rig.invocations.all[0].released = false;
    rig.server.answer_more(rig.invocations.all[0].call.exchange, {}, false);
    rig.settle(c);
    EXPECT_TRUE(rig.heard(c).ends_with("one\r\n0\r\n\r\n"));
}

TEST(HttpSession, TailsOfLogsAreTheLastField) {
    const std::pair<const char*, const char*> vectors[] = {
        // RFC 4648 §10
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
    };
    for (const auto& [tail, base64] : vectors) {
        Rig rig;
        const auto c = rig.open();
        rig.send(c, post("x", "X-Amz-Log-Type: Tail\r\n"));
        Answer answer;
        answer.tail = tail;
        rig.answer(0, "payload", answer);
        EXPECT_TRUE(
            has(rig.heard(c), "\r\nX-Amz-Log-Result: " + std::string(base64) + "\r\n\r\npayload"));
        // With a body that the server makes itself.
        rig.send(c, post("x"));
        answer.status = ReplyStatus::worker_died;
        rig.answer(1, "", answer);
        EXPECT_TRUE(
            has(rig.heard(c), std::string(base64) + "\r\n\r\n{\"errorType\":\"Runtime.ExitError"));
    }
}

TEST(HttpSession, TheLongestTailFits) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    const std::string tail(kTailBytesMax, '\n');
    Answer answer;
    answer.tail = tail;
    rig.transport.all[c].room = head_room(answer) + 6;
    rig.answer(0, "123456", answer);
    EXPECT_TRUE(rig.invocations.all[0].released);
    const std::string heard = rig.heard(c);
    EXPECT_TRUE(heard.ends_with("Cg==\r\n\r\n123456"));
    EXPECT_LT(heard.size(), head_room(answer) + 6);
    rig.give_room(c, 100000);
    rig.send(c, post("x"));
    rig.transport.all[c].room = kAnswerHeadBytesMax;  // for a head without a tail
    rig.answer(1, "123456", answer);
    EXPECT_EQ(rig.heard(c), "");
    rig.give_room(c, 100000);
    EXPECT_TRUE(rig.heard(c).ends_with("123456"));
}

TEST(HttpSession, AnAnswerThatBreaksOffIsSeenToBeBroken) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    Answer first;
    first.more = true;
    rig.answer(0, "one", first);
    const Exchange exchange = rig.invocations.all[0].call.exchange;
    EXPECT_TRUE(rig.server.answer_failed(exchange));
    EXPECT_TRUE(rig.transport.all[c].aborted);
    EXPECT_FALSE(rig.invocations.all[0].cancelled);
    EXPECT_FALSE(rig.server.answer_failed(exchange));
    EXPECT_EQ(rig.server.sessions(), 0u);
}

TEST(HttpSession, ASmallAnswerIsWrittenAndReleasedAtOnce) {
    Rig rig;
    const auto c = rig.open();
    rig.send(c, post("x"));
    rig.transport.all[c].room = 100 + kAnswerHeadBytesMax;
    const std::string payload(100, 'p');
    Answer answer;
    answer.payload = reinterpret_cast<const std::uint8_t*>(payload.data());
    answer.payload_bytes = 100;
    EXPECT_TRUE(rig.server.answered(rig.invocations.all[0].call.exchange, answer));
    EXPECT_TRUE(rig.invocations.all[0].released);
}

TEST(HttpSession, FewBuffersForHeadsInPieces) {
    Options options;
    options.head_buffers = 2;
    Rig rig(options);
    const auto a = rig.open(), b = rig.open(), c = rig.open(), d = rig.open();
    rig.send(a, "GET / H");
    rig.pass(1000);
    rig.send(b, "GET / H");
    rig.send(d, get());  // needs none
    rig.send(c, "GET /healthz H");
    EXPECT_TRUE(rig.heard(a).starts_with("HTTP/1.1 503 "));  // the slowest makes room
    EXPECT_EQ(rig.count(Reason::http_no_room), 1u);
    rig.send(c, "TTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(rig.heard(c).ends_with("ok\n"));
    EXPECT_TRUE(rig.heard(d).ends_with("ok\n"));
    rig.send(b, "TTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(rig.heard(b).starts_with("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace skerry::http::testing
