// Requests as events, answers as HTTP: what docs/routes.md says, read back by another JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dataplane/function_url/answer.hpp"
#include "dataplane/function_url/event.hpp"

namespace skerry::function_url {
namespace {

struct TextSink final : Sink {
    std::string text;
    std::size_t room = ~std::size_t{0};
    bool put(std::string_view piece) override {
        if (piece.size() > room - text.size()) return false;
        text += piece;
        return true;
    }
};

nlohmann::json written(const Event& event, std::initializer_list<std::string_view> pieces = {}) {
    TextSink sink;
    BodyWriter body;
    EXPECT_TRUE(write_event(event, sink, body));
    for (const std::string_view piece : pieces) EXPECT_TRUE(body.put(sink, piece));
    const std::size_t before = sink.text.size();
    EXPECT_TRUE(body.finish(sink));
    EXPECT_LE(sink.text.size() - before, kEndBytesMax);
    return nlohmann::json::parse(sink.text);
}

TEST(Event, HasWhatAFunctionUrlHas) {
    const Field fields[] = {{"Host", "shop.test"}, {"User-Agent", "te\"st"},
                            {"X-A", "1"},          {"Cookie", "a=1; b=2"},
                            {"x-a", "2"},          {"cookie", "c=3"}};
    const classify::Param params[] = {{"id", "a%20b"}, {"bad", "%FF"}};
    const auto json = written({.method = "GET",
                               .path = "/items/a%20b",
                               .host = "shop.test",
                               .query = "v=1&w=%41+b&v=2&x&=e",
                               .fields = fields,
                               .params = params,
                               .protocol = "HTTP/1.1",
                               .source_ip = "192.0.2.1",
                               .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                               .unix_s = 784111777,
                               .request_id_hi = 0x0123456789ab4defull,
                               .request_id_lo = 0x8123456789abcdefull});
    const auto expected = nlohmann::json::parse(R"({
      "version": "2.0", "routeKey": "$default", "rawPath": "/items/a%20b",
      "rawQueryString": "v=1&w=%41+b&v=2&x&=e", "cookies": ["a=1", "b=2", "c=3"],
      "headers": {"host": "shop.test", "user-agent": "te\"st", "x-a": "1,2"},
      "queryStringParameters": {"v": "1,2", "w": "A b", "x": "", "": "e"},
      "pathParameters": {"id": "a b", "bad": "\ufffd"},
      "requestContext": {"accountId": "anonymous", "apiId": "skerry", "domainName": "shop.test",
        "domainPrefix": "shop",
        "http": {"method": "GET", "path": "/items/a%20b", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                 "userAgent": "te\"st"},
        "requestId": "01234567-89ab-4def-8123-456789abcdef", "routeKey": "$default", "stage": "$default",
        "time": "06/Nov/1994:08:49:37 +0000", "timeEpoch": 784111777000},
      "isBase64Encoded": false})");
    EXPECT_EQ(json, expected);
}

TEST(Event, TextBodiesAreTextAndOthersBase64) {
    const Field json_type[] = {{"content-type", "application/json; charset=utf-8"}};
    const auto text =
        written({.fields = json_type, .has_body = true}, {"{\"a\":\"\xc3", "\xa9\"}\n"});
    EXPECT_EQ(text["body"], "{\"a\":\"\xc3\xa9\"}\n");
    EXPECT_EQ(text["isBase64Encoded"], false);
    const auto bytes = written({.has_body = true}, {"a", "bc", "d", "", "\xff"});
    EXPECT_EQ(bytes["body"], "YWJjZP8=");
    EXPECT_EQ(bytes["isBase64Encoded"], true);
    EXPECT_FALSE(written({}).contains("body"));
}

TEST(Event, WhatIsNoUtf8IsReplaced) {
    const Field type[] = {{"content-type", "text/plain"}};
    const std::pair<const char*, const char*> cases[] = {
        {"a\xff"
         "b",
         "a\ufffd"
         "b"},
        {"\xc3", "\ufffd"},
        {"\xc3(", "\ufffd("},
        {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
        {"\xf0\x9f\x98\x80", "\U0001f600"},
        {"\xc0\x80", "\ufffd\ufffd"},
        {"\xe2\x82\xc3\xa9", "\ufffd\u00e9"},
        {"\x01\x1f\x7f", "\x01\x1f\x7f"},
        {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
    };
    for (const auto& [bytes, expected] : cases) {
        EXPECT_EQ(written({.fields = type, .has_body = true}, {bytes})["body"], expected);
        // However it is cut.
        TextSink sink;
        BodyWriter body;
        write_event({.fields = type, .has_body = true}, sink, body);
        for (const char c : std::string_view(bytes)) body.put(sink, {&c, 1});
        body.finish(sink);
        EXPECT_EQ(nlohmann::json::parse(sink.text)["body"], expected);
    }
}

TEST(Event, AFullSinkIsSaid) {
    TextSink sink;
    sink.room = 700;
    BodyWriter body;
    const std::string path = "/" + std::string(1000, 'a');
    EXPECT_FALSE(write_event({.path = path}, sink, body));
}

TEST(Event, QueriesHaveALimit) {
    std::string query = "a";
    for (std::uint32_t i = 1; i < kQueryPairsMax; ++i) query += "&a";
    EXPECT_TRUE(fits(query));
    EXPECT_TRUE(fits(query + "&&&"));
    EXPECT_FALSE(fits(query + "&a"));
}

struct Read {
    bool good;
    std::uint16_t status;
    std::string fields, body;
};
Read read(std::string payload) {
    std::array<char, kAnswerFieldsBytesMax> buffer;
    FunctionAnswer answer;
    const bool good = read_answer(payload, buffer, answer);
    if (!good) return {false, 0, "", ""};
    return {true, answer.status, std::string(answer.fields),
            std::string(answer.body.data(), answer.body.size())};
}

TEST(Answer, AnObjectWithAStatusSaysEverything) {
    const Read full = read(
        R"({"body":"a\n\u00e9\ud83d\ude00\ud800x","headers":{"X-A":"1\t2","X-N":7,"X-B":true,"x":null},
        "cookies":["a=1; Secure","b=2"],"statusCode":201})");
    EXPECT_TRUE(full.good);
    EXPECT_EQ(full.status, 201);
    EXPECT_EQ(full.fields,
              "X-A: 1\t2\r\nX-N: 7\r\nX-B: true\r\nSet-Cookie: a=1; Secure\r\nSet-Cookie: b=2\r\n"
              "Content-Type: application/json\r\n");
    EXPECT_EQ(full.body, "a\n\u00e9\U0001f600\ufffdx");
    const Read bytes = read(
        R"({"statusCode":"200","isBase64Encoded":true,"body":"AP8Q","headers":{"content-type":"a/b"}})");
    EXPECT_EQ(bytes.body, std::string("\0\xff\x10", 3));
    EXPECT_EQ(bytes.fields, "content-type: a/b\r\n");
    EXPECT_EQ(read(R"({"statusCode":204})").fields, "");
    EXPECT_EQ(read(R"({"statusCode":200,"body":{"a":1}})").body, R"({"a":1})");
}

TEST(Answer, EverythingElseIsABody) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"a":1})", "application/json"}, {"{}", "application/json"},
        {"null", "application/json"},       {"\"hello\"", "application/json"},
        {"[1,2]", "application/json"},      {"hello", "text/plain; charset=utf-8"},
        {"", "text/plain; charset=utf-8"},  {"[1,", "text/plain; charset=utf-8"},
    };
    for (const auto& [payload, type] : cases) {
        const Read plain = read(payload);
        EXPECT_TRUE(plain.good);
        EXPECT_EQ(plain.status, 200);
        EXPECT_EQ(plain.body, payload);
        EXPECT_EQ(plain.fields, "Content-Type: " + std::string(type) + "\r\n") << payload;
    }
}

TEST(Answer, TheServerAloneSaysWhereItEnds) {
    const Read each =
        read(R"({"statusCode":200,"headers":{"Content-Length":"5","transfer-encoding":"chunked",
        "Connection":"close","Date":"x","X":"y"}})");
    EXPECT_EQ(each.fields, "X: y\r\n");
}

TEST(Answer, WhatIsUnsafeOrMalformedIsRefused) {
    std::string deep = R"({"statusCode":200,"x":)";
    for (int i = 0; i < 70; ++i) deep += '[';
    for (int i = 0; i < 70; ++i) deep += ']';
    for (const std::string& payload : std::vector<std::string>{
             "{",
             R"({"a":1} x)",
             R"({"statusCode":200,})",
             R"({"statusCode":99})",
             R"({"statusCode":600})",
             R"({"statusCode":100})",
             R"({"statusCode":2e2})",
             R"({"statusCode":{}})",
             R"({"statusCode":200,"headers":{"a":"b\r\nc: d"}})",
             R"({"statusCode":200,"headers":{"a\r":"b"}})",
             R"({"statusCode":200,"headers":{"a b":"c"}})",
             R"({"statusCode":200,"headers":{"a":["b"]}})",
             R"({"statusCode":200,"headers":[]})",
             R"({"statusCode":200,"cookies":["a\u0000"]})",
             R"({"statusCode":200,"cookies":"a"})",
             R"({"statusCode":200,"isBase64Encoded":true,"body":"A"})",
             R"({"statusCode":200,"isBase64Encoded":true,"body":"A-B="})",
             R"({"statusCode":200,"isBase64Encoded":1})",
             R"({"statusCode":200,"headers":{"a":")" + std::string(5000, 'x') + "\"}}",
             deep + "}"})
        EXPECT_FALSE(read(payload).good) << payload;
}

}  // namespace
}  // namespace skerry::function_url
