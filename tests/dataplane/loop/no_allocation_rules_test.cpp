// Requests that rules look at allocate nothing: in one piece and in several, with every verdict.
#include "tests/dataplane/loop/allocation.hpp"
#include "tests/dataplane/loop/http_rig.hpp"
#include "tests/dataplane/rules/rules_of.hpp"

namespace skerry::test {
namespace {

using rules::Action;
using rules::Part;
using rules::testing::rule;

class NoAllocationByRules : public HttpTest {
  protected:
    void core_turn() override {
        const std::uint64_t before = allocated_bytes();
        core->turn();
        inside += allocated_bytes() - before;
    }
    std::uint64_t inside = 0;
};

TEST_F(NoAllocationByRules, WithEveryVerdict) {
    targets[0].max_payload_bytes = 16000;
    rules::Declared by_field = rule("key", Part::path, "^/limited", Action::rate);
    by_field.key_field = "x-key";
    const auto set = rules::testing::compiled(
        {rule("path", Part::path, "^/denied"), rule("query", Part::query, "<script"),
         rule("agent", Part::header, "^bad", Action::deny, "user-agent"),
         rule("any", Part::header, "shell[0-9]+"), rule("seen", Part::body, "wo+rd", Action::count),
         rule("evil", Part::body, "ev[a-z]{1,9}il"),
         rule("slow", Part::body, "login", Action::rate), by_field},
        {.streams = 4});
    ASSERT_NE(set, nullptr);
    rules = rules::testing::published(set);
    start();
    PlayedWorker worker(shared, 0, 1, 0, 16384);
    for (std::uint32_t round = 0; round < 200; ++round) {
        const net::tcp::Handle connection = connect();
        for (const char* path : {"/denied", "/a?q=%3Cscript", "/limited"})
            for (const char* field : {"User-Agent: badbot", "X-Key: 7", "X-Any: shell47"}) {
                say(connection,
                    std::string("GET ") + path + " HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n");
                (void)answer(connection);
            }
        const std::string request = post("f0", std::string(3000, 'x') + " a word");
        say(connection, request.substr(0, 2000 + round));
        step();
        say(connection, request.substr(2000 + round));
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        worker.respond(0, "fine");
        EXPECT_EQ(answer(connection).substr(9, 3), "200");
        say(connection, post("f0", round % 2 == 0 ? "evilil" : "login"));
        std::string text;
        ASSERT_TRUE(step_until([&] {
            if (worker.take() == 1) worker.respond(0, "y");
            text += heard(connection);
            return text.find("\r\n\r\n") != std::string::npos;
        }));
        leave(connection, round % 3 == 0);
    }
    EXPECT_EQ(set->matched(4), 200u);
    EXPECT_EQ(set->refused(5), 100u);
    EXPECT_GT(set->refused(6), 0u);
    EXPECT_GT(set->refused(7), 0u);
    EXPECT_EQ(inside, 0u);
    EXPECT_FALSE(set->set.in_use());
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

}  // namespace
}  // namespace skerry::test
