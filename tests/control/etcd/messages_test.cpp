// Answers as etcd 3.4.23 gave them, and what an etcd never says.
#include "control/etcd/messages.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control/base64/base64.hpp"

namespace skerry::etcd {
namespace {

constexpr char kHeader[] =
    R"("header":{"cluster_id":"324952591200643719","member_id":"3319814642761637952","revision":"7","raft_term":"2"})";

std::string with_header(const std::string& rest) {
    return std::string("{") + kHeader + (rest.empty() ? "" : ",") + rest + "}";
}

TEST(Messages, ARangeIsRead) {
    const auto empty = parse_range(with_header(""));
    ASSERT_TRUE(empty);
    EXPECT_EQ(empty->revision, 7u);
    EXPECT_TRUE(empty->found.empty());
    const auto answer = parse_range(with_header(
        R"("kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"5","version":"1","value":"eA=="}],"more":true,"count":"12")"));
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_TRUE(answer->more);
    EXPECT_EQ(answer->count, 12u);
    ASSERT_EQ(answer->found.size(), 1u);
    EXPECT_EQ(answer->found[0].key, "a");
    EXPECT_EQ(answer->found[0].value, "x");
    EXPECT_EQ(answer->found[0].mod_revision, 5u);
}

TEST(Messages, WhatIsNoRangeIsRefusedAndNamed) {
    for (const std::string& text :
         {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"header":7})"),
          with_header(R"("kvs":{})"), with_header(R"("kvs":[7])"),
          with_header(R"("kvs":[{"key":"YQ=="}])"), with_header(R"("kvs":[{"mod_revision":"5"}])"),
          with_header(R"("count":"-1")"), with_header(R"("count":"12 ")"),
          with_header(R"("count":"18446744073709551616")"), with_header(R"("count":1.5)"),
          with_header(R"("more":"yes")"),
          with_header(R"("kvs":[{"key":"YQ=","mod_revision":"5"}])"),
          with_header(R"("kvs":[{"key":")" + base64(std::string(kMaxKeyBytes + 1, 'k')) +
                      R"(","mod_revision":"5"}])")}) {
        const auto answer = parse_range(text);
        ASSERT_FALSE(answer) << text.substr(0, 200);
        EXPECT_EQ(answer.error().code, EBADMSG);
    }
}

TEST(Messages, MoreThanTheLimitIsRefused) {
    std::string pairs;
    for (int i = 0; i < 4097; ++i)
        pairs += std::string(i == 0 ? "" : ",") + R"({"key":"YQ==","mod_revision":"5"})";
    EXPECT_FALSE(parse_range(with_header(R"("kvs":[)" + pairs + "]")));
    EXPECT_FALSE(parse_range(with_header(R"("kvs":[{"key":"YQ==","mod_revision":"5","value":")" +
                                         base64(std::string(kMaxValueBytes + 1, 'v')) + R"("}])")));
}

TEST(Messages, AWatchIsReadLineByLine) {
    const auto created = parse_watch(R"({"result":)" + with_header(R"("created":true)") + "}");
    ASSERT_TRUE(created);
    EXPECT_FALSE(created->cancelled);
    EXPECT_TRUE(created->events.empty());
    const auto changes = parse_watch(
        R"({"result":)" +
        with_header(
            R"("events":[{"kv":{"key":"YQ==","mod_revision":"6","value":"eA=="}},{"type":"DELETE","kv":{"key":"Yg==","mod_revision":"7"}}])") +
        "}");
    ASSERT_TRUE(changes) << changes.error().text;
    ASSERT_EQ(changes->events.size(), 2u);
    EXPECT_FALSE(changes->events[0].erased);
    EXPECT_EQ(changes->events[0].pair.value, "x");
    EXPECT_TRUE(changes->events[1].erased);
    EXPECT_EQ(changes->events[1].pair.key, "b");
    const auto compacted = parse_watch(
        R"({"result":)" + with_header(R"("canceled":true,"compact_revision":"3")") + "}");
    ASSERT_TRUE(compacted);
    EXPECT_TRUE(compacted->cancelled);
    EXPECT_EQ(compacted->compact_revision, 3u);
    const auto broken = parse_watch(
        R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"Service Unavailable"}})");
    ASSERT_TRUE(broken);
    EXPECT_TRUE(broken->cancelled);
    EXPECT_EQ(broken->why, "etcdserver: no leader");
    EXPECT_FALSE(parse_watch(
        R"({"result":)" +
        with_header(R"("events":[{"type":"MOVE","kv":{"key":"YQ==","mod_revision":"6"}}])") + "}"));
}

TEST(Messages, ALeaseThatIsOverHasNoTime) {
    const auto granted = parse_lease(with_header(R"("ID":"2324035697223215625","TTL":"5")"));
    ASSERT_TRUE(granted);
    EXPECT_EQ(granted->id, 2324035697223215625u);
    EXPECT_EQ(granted->ttl_s, 5u);
    const auto over = parse_lease(R"({"result":)" + with_header(R"("ID":"123")") + "}");
    ASSERT_TRUE(over);
    EXPECT_EQ(over->ttl_s, 0u);
}

TEST(Messages, ATransactionComparesAndSaysWhetherItHappened) {
    const auto written = nlohmann::json::parse(
        render(Transaction{{{"a", 0}, {"b", 9}}, {{"a", "x", false, 77}, {"b", "", true, 0}}}));
    EXPECT_EQ(written["compare"][0]["mod_revision"], "0");
    EXPECT_EQ(written["compare"][1]["mod_revision"], "9");
    EXPECT_EQ(written["success"][0]["request_put"]["lease"], "77");
    EXPECT_EQ(written["success"][0]["request_put"]["value"], "eA==");
    EXPECT_EQ(written["success"][1]["request_delete_range"]["key"], "Yg==");
    EXPECT_TRUE(parse_transaction(with_header(R"("succeeded":true)"))->succeeded);
    EXPECT_FALSE(parse_transaction(with_header(R"("responses":[])"))->succeeded);
}

TEST(Messages, APrefixEndsWhereTheNextOneBegins) {
    EXPECT_EQ(Keys::with_prefix("/skerry/").end, "/skerry0");
    EXPECT_EQ(Keys::with_prefix("a\xff").end, "b");
    EXPECT_EQ(Keys::with_prefix("\xff").first, std::string(1, '\0'));
}

TEST(Messages, RefusalsAreTold) {
    const auto code = [](int status, const char* text) { return parse_refusal(status, text).code; };
    EXPECT_EQ(code(401, R"({"error":"etcdserver: invalid auth token","code":16})"), EACCES);
    EXPECT_EQ(code(400, R"({"error":"etcdserver: user name is empty","code":3})"), EACCES);
    EXPECT_EQ(code(403, R"({"error":"etcdserver: permission denied","code":7})"), EPERM);
    EXPECT_EQ(code(404, R"({"error":"etcdserver: requested lease not found","code":5})"), ENOENT);
    EXPECT_EQ(
        code(400,
             R"({"error":"etcdserver: mvcc: required revision has been compacted","code":11})"),
        ERANGE);
    EXPECT_EQ(code(503, R"({"error":"etcdserver: no leader","code":14})"), EAGAIN);
    for (const char* text : {"", "<html>", "[]", R"({"error":7,"code":"x"})", R"({"error":{}})"})
        EXPECT_EQ(code(500, text), EAGAIN) << text;
}

TEST(Messages, ATokenFitsIntoAHeader) {
    EXPECT_EQ(*parse_token(R"({"token":"abc.17"})"), "abc.17");
    for (const char* text : {R"({})", R"({"token":7})", R"({"token":""})", R"({"token":"a\r\nb"})",
                             R"({"token":"ä"})"})
        EXPECT_FALSE(parse_token(text)) << text;
}

}  // namespace
}  // namespace skerry::etcd
