// Admission rules on the whole packet path: patterns cut by segments, refusals that the client
// sees and no worker, and rules that are exchanged under a body.
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/http_rig.hpp"
#include "tests/dataplane/rules/rules_of.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

using rules::Action;
using rules::Part;
using rules::testing::rule;

class RulesTest : public HttpTest {
  protected:
    void use(const std::vector<rules::Declared>& all) {
        set = rules::testing::compiled(all, {.streams = 8});
        ASSERT_NE(set, nullptr);
        rules = rules::testing::published(set);
    }
    void start_with(const std::vector<rules::Declared>& all) {
        targets[0].max_payload_bytes = 16000;
        use(all);
        start();
        worker = std::make_unique<PlayedWorker>(shared, 0, 1, 0, 16384);
    }
    // Each part goes out as a segment of its own.
    void say_in_segments(net::tcp::Handle connection, const std::vector<std::string>& parts) {
        for (const std::string& part : parts) {
            say(connection, part);
            for (int i = 0; i < 3; ++i) step();
        }
    }

    std::shared_ptr<const rules::RuleSet> set;
    std::unique_ptr<PlayedWorker> worker;
};

TEST_F(RulesTest, APatternIsFoundAcrossSegments) {
    start_with({rule("evil", Part::body, "evil [a-z]+!")});
    const std::string request = post("f0", "some evil words! and more");
    const std::size_t first = request.find("evil") + 1;
    for (std::size_t cut = first; cut < first + 10; cut += 3) {
        const net::tcp::Handle connection = connect();
        say_in_segments(connection,
                        {request.substr(0, first - 4), request.substr(first - 4, cut - first + 4),
                         request.substr(cut)});
        EXPECT_EQ(answer(connection).substr(9, 3), "403");
        leave(connection, false);
    }
    EXPECT_EQ(worker->take(), 0u) << "nothing was executed";
    EXPECT_EQ(count(Reason::http_rule_denied), 4u);
    EXPECT_EQ(set->refused(0), 4u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RulesTest, WhatIsAllowedIsExecuted) {
    start_with({rule("evil", Part::body, "evil"), rule("seen", Part::body, "word", Action::count),
                rule("agent", Part::header, "^bad", Action::deny, "user-agent")});
    const net::tcp::Handle connection = connect();
    const std::string request = post("f0", "a good word");
    say_in_segments(connection,
                    {request.substr(0, request.size() - 3), request.substr(request.size() - 3)});
    ASSERT_TRUE(step_until([&] { return worker->take() == 1; }));
    EXPECT_EQ(worker->request(0), "a good word");
    worker->respond(0, "done");
    EXPECT_EQ(body_of(answer(connection)), "done");
    EXPECT_EQ(set->matched(1), 1u);
    say(connection, "GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: badbot\r\n\r\n");
    EXPECT_EQ(answer(connection).substr(9, 3), "403");
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(RulesTest, ARateGoesByTheSource) {
    start_with({rule("slow", Part::path, "invocations$", Action::rate)});
    const net::tcp::Handle one = connect(kPort, 0), other = connect(kPort, 1);
    const auto ask = [&](net::tcp::Handle connection) {
        say(connection, post("f0", "x"));
        std::string text;
        (void)step_until([&] {
            if (worker->take() == 1) worker->respond(0, "y");
            text += heard(connection);
            return text.find("\r\n\r\n") != std::string::npos;
        });
        return text.substr(9, 3);
    };
    EXPECT_EQ(ask(one), "200");
    EXPECT_EQ(ask(one), "200");
    EXPECT_EQ(ask(one), "429");
    EXPECT_EQ(ask(other), "200");
    EXPECT_EQ(count(Reason::http_rule_rate), 1u);
}

TEST_F(RulesTest, ABodyIsJudgedByTheRulesThatItBeganWith) {
    start_with({rule("old", Part::body, "evil")});
    const auto before = set;
    const net::tcp::Handle connection = connect();
    const std::string request = post("f0", "some evil");
    say_in_segments(connection, {request.substr(0, request.size() - 2)});
    EXPECT_TRUE(before->set.in_use());
    rules = nullptr;
    publish();
    step();
    say(connection, "il");
    EXPECT_EQ(answer(connection).substr(9, 3), "403");
    EXPECT_FALSE(before->set.in_use());
    const net::tcp::Handle next = connect();
    say(next, request);
    EXPECT_TRUE(step_until([&] { return worker->take() == 1; }));
    worker->respond(0, "done");
    EXPECT_EQ(answer(next).substr(9, 3), "200");
}

}  // namespace
}  // namespace skerry::test
