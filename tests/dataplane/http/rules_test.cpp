// Sessions under admission rules: heads that get no further, bodies that are given up on, and what
// becomes of their connections.
#include <gtest/gtest.h>

#include "tests/dataplane/http/memory.hpp"
#include "tests/dataplane/rules/rules_of.hpp"

namespace skerry::http::testing {
namespace {

using rules::Action;
using rules::Declared;
using rules::Part;
using rules::testing::rule;

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

class HttpRules : public ::testing::Test {
  protected:
    void use(const std::vector<Declared>& all, const rules::Shape& shape = {.streams = 4}) {
        set = rules::testing::compiled(all, shape);
        ASSERT_NE(set, nullptr);
        rig.rules = rules::testing::published(set);
        rig.pass(1);
    }
    // Status of the first answer since.
    std::string status(std::uint32_t connection) {
        const std::string text = rig.heard(connection);
        return text.size() < 12 ? text : text.substr(9, 3);
    }

    std::shared_ptr<const rules::RuleSet> set;
    Rig rig;
};

TEST_F(HttpRules, AHeadThatIsDeniedStartsNothing) {
    use({rule("agent", Part::header, "^bad", Action::deny, "user-agent")});
    const auto c = rig.open();
    rig.send(c, post("body", "User-Agent: badbot\r\n"));
    const std::string text = rig.heard(c);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 403 Forbidden\r\n")) << text;
    EXPECT_TRUE(has(text, "x-amzn-ErrorType: AccessDeniedException\r\n"));
    EXPECT_TRUE(has(text, R"({"Type":"User","Message":"the request is not allowed here"})"));
    EXPECT_TRUE(rig.invocations.all.empty());
    EXPECT_EQ(rig.count(Reason::http_rule_denied), 1u);
    // Its connection goes on, behind the body that nobody looked at.
    rig.send(c, post("body", "User-Agent: good\r\n"));
    ASSERT_EQ(rig.invocations.all.size(), 1u);
    EXPECT_TRUE(rig.invocations.all[0].complete);
}

TEST_F(HttpRules, PathsAreMatchedInTheirNormalForm) {
    use({rule("admin", Part::path, "^/admin(/|$)")});
    for (const char* path : {"/admin", "//admin/x", "/%61dmin", "/a/../admin", "/./admin/"}) {
        const auto c = rig.open();
        rig.send(c, get(path));
        EXPECT_EQ(status(c), "403") << path;
    }
    const auto c = rig.open();
    rig.send(c, get("/x/..%2fadmin"));
    EXPECT_EQ(status(c), "400") << "no normal form: it can't be told";
    rig.send(c, get("/administrator"));
    EXPECT_EQ(status(c), "404") << "no route, and no rule";
    rig.send(c, get("/healthz"));
    EXPECT_EQ(status(c), "200");
}

TEST_F(HttpRules, NoRuleHidesTheServicesPages) {
    use({rule("all", Part::path, "^")});
    const auto c = rig.open();
    rig.send(c, get("/healthz"));
    EXPECT_EQ(status(c), "200");
    rig.send(c, post("x"));
    EXPECT_EQ(status(c), "403");
}

TEST_F(HttpRules, ARuleHasItsStatus) {
    Declared hidden = rule("hidden", Part::path, "^/h");
    hidden.status = 404;
    Declared legal = rule("legal", Part::path, "^/l");
    legal.status = 451;
    use({hidden, legal});
    const auto c = rig.open();
    rig.send(c, get("/h"));
    EXPECT_EQ(status(c), "404");
    rig.send(c, get("/l"));
    EXPECT_TRUE(rig.heard(c).starts_with("HTTP/1.1 451 Unavailable For Legal Reasons\r\n"));
}

TEST_F(HttpRules, ABodyIsGivenUpOnWhereItIsKnown) {
    use({rule("evil", Part::body, "evil")});
    const auto c = rig.open();
    const std::string request = post("some evil" + std::string(100, 'x'));
    const std::size_t end = request.find("vil") + 2;
    rig.send(c, request.substr(0, end));
    ASSERT_EQ(rig.invocations.all.size(), 1u);
    EXPECT_EQ(rig.heard(c), "");
    rig.send(c, request.substr(end, 1));
    const std::string text = rig.heard(c);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 403 Forbidden\r\n")) << text;
    EXPECT_TRUE(has(text, "Connection: close\r\n"));
    EXPECT_TRUE(rig.invocations.all[0].cancelled);
    EXPECT_EQ(rig.invocations.all[0].payload, "some evi") << "the piece with the end never came";
    EXPECT_TRUE(rig.transport.all[c].shut);
    EXPECT_FALSE(set->set.in_use());
    EXPECT_EQ(rig.count(Reason::http_rule_denied), 1u);
    rig.send(c, request.substr(end + 1));
    EXPECT_EQ(rig.transport.all[c].input, "") << "read, and nobody's";
}

TEST_F(HttpRules, ItIsFoundInChunksWhateverTheirSizes) {
    use({rule("evil", Part::body, "so evil")});
    const std::string head =
        "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
        "chunked\r\n\r\n";
    for (const std::size_t piece : {1u, 2u, 3u, 7u, 1000u}) {
        const auto c = rig.open(piece);
        rig.send(c, head + "3\r\nso \r\n2;x=y\r\nev\r\n2\r\nil\r\n0\r\n\r\n");
        EXPECT_EQ(status(c), "403") << piece;
        EXPECT_TRUE(rig.invocations.all.back().cancelled);
    }
    const auto c = rig.open();
    // What is framing is not content.
    rig.send(c, head + "3\r\nso \r\n4\r\nevin\r\n4\r\n evi\r\n0\r\nX-T: so evil\r\n\r\n");
    EXPECT_TRUE(rig.invocations.all.back().complete);
    EXPECT_EQ(rig.invocations.all.back().payload, "so evin evi");
    EXPECT_FALSE(set->set.in_use());
}

TEST_F(HttpRules, WhatMatchesAtTheEndIsKnownThere) {
    use({rule("end", Part::body, "stop$")});
    const auto c = rig.open();
    const std::string head =
        "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
        "chunked\r\n\r\n4\r\nstop\r\n";
    rig.send(c, head);
    EXPECT_EQ(rig.heard(c), "");
    rig.send(c, "0\r\n\r\n");
    EXPECT_EQ(status(c), "403");
    EXPECT_TRUE(rig.invocations.all[0].cancelled);
}

TEST_F(HttpRules, WhoWaitsFor100IsToldWhatMattersAtOnce) {
    use({rule("head", Part::header, "^bad", Action::deny, "x-a"),
         rule("body", Part::body, "evil")});
    const auto c = rig.open();
    rig.send(c,
             "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\nX-A: bad\r\nExpect: "
             "100-continue\r\nContent-Length: 5\r\n\r\n");
    EXPECT_EQ(status(c), "403") << "and not 100";
    const auto d = rig.open();
    rig.send(d,
             "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: h\r\nExpect: "
             "100-continue\r\nContent-Length: 4\r\n\r\n");
    EXPECT_EQ(status(d), "100");
    rig.send(d, "evil");
    EXPECT_EQ(status(d), "403");
}

TEST_F(HttpRules, WhatOnlyCountsChangesNothing) {
    use({rule("count", Part::body, "word", Action::count)});
    const auto c = rig.open(3);
    rig.send(c, post("a word"));
    ASSERT_TRUE(rig.invocations.all[0].complete);
    rig.answer(0, "fine");
    EXPECT_EQ(status(c), "200");
    EXPECT_EQ(set->matched(0), 1u);
    EXPECT_EQ(set->refused(0), 0u);
}

TEST_F(HttpRules, WhoIsOverARateIsToldToWait) {
    use({rule("slow", Part::path, "^", Action::rate)});
    const auto c = rig.open();
    for (int i = 0; i < 2; ++i) {
        rig.send(c, post("x"));
        rig.answer(rig.invocations.all.size() - 1, "fine");
    }
    (void)rig.heard(c);
    rig.send(c, post("x"));
    const std::string text = rig.heard(c);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 429 Too Many Requests\r\n")) << text;
    EXPECT_TRUE(has(text, "Retry-After: 1\r\n"));
    EXPECT_TRUE(has(text, "x-amzn-ErrorType: TooManyRequestsException\r\n"));
    EXPECT_EQ(rig.count(Reason::http_rule_rate), 1u);
    rig.pass(600'000);
    rig.send(c, post("x"));
    EXPECT_EQ(rig.heard(c), "") << "taken again";
}

TEST_F(HttpRules, TheSlowestBodyGivesWay) {
    use({rule("evil", Part::body, "evil")}, {.streams = 2});
    const auto a = rig.open(), b = rig.open(), c = rig.open();
    const std::string request = post(std::string(20, 'x'));
    const std::string part = request.substr(0, request.size() - 10);
    rig.send(a, part);
    rig.send(b, part);
    rig.send(c, part);
    EXPECT_EQ(status(a), "503");
    EXPECT_TRUE(rig.invocations.all[0].cancelled);
    EXPECT_EQ(rig.count(Reason::http_rules_no_room), 1u);
    // Those in one piece need a place for a moment only.
    rig.send(b, request.substr(part.size()));
    for (int i = 0; i < 10; ++i) {
        const auto d = rig.open();
        rig.send(d, request);
        EXPECT_TRUE(rig.invocations.all.back().complete);
    }
    EXPECT_EQ(rig.count(Reason::http_rules_no_room), 1u);
    rig.send(c, request.substr(part.size()));
    EXPECT_FALSE(set->set.in_use());
}

// However a request ends whose body has not come, nothing of it stays.
TEST_F(HttpRules, WhoGoesLeavesNothing) {
    use({rule("evil", Part::body, "evil")});
    const std::string request = post(std::string(20, 'x'));
    const std::string part = request.substr(0, request.size() - 10);
    const auto gone = rig.open(), slow = rig.open(), early = rig.open(), before = rig.open();
    for (const auto each : {gone, slow, early}) rig.send(each, part);
    rig.send(before, request.substr(0, request.size() - 20));
    EXPECT_TRUE(set->set.in_use());
    rig.server.closed(gone);
    rig.server.closed(before);
    rig.answer(2, "answered before its end");
    EXPECT_EQ(status(early), "200");
    rig.pass(30'000'000);
    EXPECT_EQ(status(slow), "408");
    EXPECT_FALSE(set->set.in_use());
}

TEST_F(HttpRules, ABodyIsJudgedByTheRulesThatItBeganWith) {
    use({rule("old", Part::body, "evil")});
    const auto before = set;
    const auto c = rig.open();
    const std::string request = post("some evil");
    rig.send(c, request.substr(0, request.size() - 2));
    use({rule("new", Part::path, "^/nothing")});
    EXPECT_TRUE(before->set.in_use());
    rig.send(c, "il");
    EXPECT_EQ(status(c), "403");
    EXPECT_FALSE(before->set.in_use());
    rig.rules = nullptr;
    rig.pass(1);
    const auto d = rig.open();
    rig.send(d, request);
    EXPECT_TRUE(rig.invocations.all.back().complete);
}

TEST_F(HttpRules, ABodyThatMayNotBeInvokedIsNotLookedAt) {
    use({rule("evil", Part::body, "evil")});
    rig.invocations.refusal = {.status = ReplyStatus::no_such_function,
                               .reason = Reason::refused_no_function};
    const auto c = rig.open();
    rig.send(c, post("evil"));
    EXPECT_EQ(status(c), "404");
    EXPECT_EQ(set->matched(0), 0u);
    EXPECT_FALSE(set->set.in_use());
}

}  // namespace
}  // namespace skerry::http::testing
