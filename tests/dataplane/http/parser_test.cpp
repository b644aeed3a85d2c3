// Valid and malicious requests with their outcomes; the same outcome however the bytes are cut.
#include <gtest/gtest.h>

#include "tests/dataplane/http/cases.hpp"
#include "tests/dataplane/http/outcome.hpp"

namespace skerry::http::testing {
namespace {

Request only(const std::string& bytes) {
    const Outcome outcome = read_whole(bytes);
    EXPECT_EQ(outcome.refusal, Refusal::none);
    EXPECT_EQ(outcome.requests.size(), 1u);
    return outcome.requests.empty() ? Request{} : outcome.requests[0];
}

TEST(HttpParser, EachCaseHasItsOutcome) {
    for (const Case& c : all_cases()) {
        const Outcome outcome = read_whole(c.bytes);
        EXPECT_EQ(info(outcome.refusal).name, info(c.refusal).name) << c.name;
        EXPECT_EQ(outcome.requests.size(), c.requests) << c.name;
        EXPECT_EQ(outcome.unfinished, c.name.starts_with("unfinished")) << c.name;
    }
}

TEST(HttpParser, EveryCutOfEveryCaseGivesTheSame) {
    for (const Case& c : all_cases()) {
        if (c.bytes.size() > 20000) continue;
        const Outcome whole = read_whole(c.bytes);
        const std::string_view bytes = c.bytes;
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
            Reader reader;
            reader.feed(bytes.substr(0, cut));
            reader.feed(bytes.substr(cut));
            ASSERT_EQ(reader.outcome(), whole) << c.name << " cut at " << cut;
        }
        for (const std::size_t piece : {1, 2, 3, 7, 16, 17, 1000})
            ASSERT_EQ(read_pieces(bytes, piece), whole) << c.name << " in pieces of " << piece;
    }
}

TEST(HttpParser, FieldsAreAsTheyCame) {
    const Request request = only("GET /a?b HTTP/1.1\r\nHost: h\r\nX-Y: \t v w \r\nx-y:\r\n\r\n");
    EXPECT_EQ(request.target, "/a?b");
    EXPECT_EQ(request.fields, (std::vector<std::pair<std::string, std::string>>{
                                  {"Host", "h"}, {"X-Y", "v w"}, {"x-y", ""}}));
}

TEST(HttpParser, ContentIsWithoutItsChunks) {
    EXPECT_EQ(only("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3;x\r\nabc\r\n2\r\n\r\n\r\n0\r\nT: u\r\n\r\n")
                  .body,
              "abc\r\n");
}

struct Parsed {
    std::string text;
    Head head;
    explicit Parsed(std::string bytes) : text(std::move(bytes)) {
        EXPECT_EQ(parse_head(text, {}, head), Refusal::none) << text;
    }
};

TEST(HttpParser, TargetsAreTakenApart) {
    const Parsed origin("GET /p/q?r?s HTTP/1.1\r\nHost: h:1\r\n\r\n");
    EXPECT_EQ(origin.head.path, "/p/q");
    EXPECT_EQ(origin.head.query, "r?s");
    EXPECT_EQ(origin.head.authority, "h:1");
    const Parsed absolute("GET HTTP://x.example:81?q HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(absolute.head.path, "/");
    EXPECT_EQ(absolute.head.query, "q");
    EXPECT_EQ(absolute.head.authority, "x.example:81");
    const Parsed asterisk("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(asterisk.head.form, TargetForm::asterisk);
    EXPECT_EQ(asterisk.head.path, "");
}

TEST(HttpParser, ConnectionsStayOpenAsTheyShould) {
    EXPECT_TRUE(only("GET / HTTP/1.1\r\nHost: h\r\n\r\n").keep_alive);
    EXPECT_FALSE(only("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n").keep_alive);
    EXPECT_FALSE(only("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(only("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    EXPECT_FALSE(only("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keep_alive);
}

TEST(HttpParser, ExpectationsOf10AreNone) {
    EXPECT_TRUE(
        Parsed("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").head.expects_continue);
    EXPECT_FALSE(Parsed("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expects_continue);
    EXPECT_FALSE(Parsed("GET / HTTP/1.0\r\nExpect: 200-ok\r\n\r\n").head.expects_continue);
}

TEST(HttpParser, SmallerLimitsHold) {
    Limits limits;
    limits.head_bytes = 64;
    limits.target_bytes = 10;
    limits.body_bytes = 4;
    EXPECT_EQ(read_whole("GET /23456789 HTTP/1.1\r\nHost: h\r\n\r\n", limits).refusal,
              Refusal::none);
    EXPECT_EQ(read_whole("GET /2345678901 HTTP/1.1\r\nHost: h\r\n\r\n", limits).refusal,
              Refusal::target_too_long);
    EXPECT_EQ(read_whole("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(60, 'x'), limits).refusal,
              Refusal::head_too_long);
    EXPECT_EQ(read_whole("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", limits).refusal,
              Refusal::body_too_large);
    EXPECT_EQ(read_whole("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "2\r\nab\r\n3\r\n",
                         limits)
                  .refusal,
              Refusal::body_too_large);
}

TEST(HttpParser, ConsumersWithoutRoomAreWaitedFor) {
    const Parsed parsed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
    BodyReader body;
    ASSERT_EQ(body.begin(parsed.head, {}), Refusal::none);
    EXPECT_EQ(body.next("abcdef", 0, {}).consumed, 0u);
    EXPECT_EQ(body.next("abcdef", 4, {}).content, "abcd");
    EXPECT_EQ(body.length_left(), 2u);
    EXPECT_EQ(body.next("efX", 4, {}).content, "ef");
    EXPECT_TRUE(body.complete());
}

}  // namespace
}  // namespace skerry::http::testing
