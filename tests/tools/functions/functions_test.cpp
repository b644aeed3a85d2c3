// echo, echo16, work, rogue, ab-rewrite and redact, as processes.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/tools/functions/worker.hpp"

namespace skerry::test {
namespace {

using nlohmann::json;

TEST(Echo, AnswersWithThePayload) {
    Worker worker;
    ASSERT_TRUE(worker.start("echo"));
    const std::string binary("\0\1\2\xff", 4);
    for (const std::string& payload :
         {std::string("hello"), std::string(), binary, std::string(kAreaBytes, 'x')}) {
        const Answer answer = worker.ask(payload);
        EXPECT_EQ(answer.status, kOk);
        EXPECT_EQ(answer.bytes, payload);
    }
}

TEST(Echo16, TakesManyAtOnceAndAnswersEach) {
    Worker worker(16);
    ASSERT_TRUE(worker.start("echo16"));
    for (int round = 0; round < 20; ++round) {
        std::map<std::uint32_t, std::uint64_t> sequences;
        for (std::uint32_t slot = 0; slot < 16; ++slot)
            sequences[slot] = worker.core().submit(slot, "payload " + std::to_string(slot));
        std::uint64_t done = 0;
        while (done != 0xffff) {
            const std::uint64_t more = worker.core().wait_done();
            ASSERT_NE(more, 0u);
            done |= more;
        }
        for (const auto& [slot, sequence] : sequences) {
            const Answer answer = worker.core().answer(slot);
            EXPECT_EQ(answer.sequence, sequence);
            EXPECT_EQ(answer.bytes, "payload " + std::to_string(slot));
        }
    }
}

TEST(Work, AnswersWithItsVersionAndLogsEachExecution) {
    Worker worker;
    worker.add_file("version.txt", "blue-7\nmore");
    ASSERT_TRUE(worker.start("work"));
    EXPECT_EQ(worker.ask("us=100").bytes, "version=blue-7 us=100");
    EXPECT_EQ(worker.ask("us=100 mode=sleep").bytes, "version=blue-7 us=100");
    EXPECT_EQ(worker.ask("bytes=1000").bytes.size(), 1000u);
    const Answer failed = worker.ask("fail=1");
    EXPECT_EQ(failed.status, kFunctionError);
    const std::string line = "executed 000000000000000b-000000000000000c\n";
    EXPECT_EQ(worker.log(), line + line + line + line);
}

TEST(Work, RefusesAnOrderThatItDoesNotUnderstand) {
    Worker worker;
    ASSERT_TRUE(worker.start("work"));
    for (const char* order :
         {"us=", "us=-1", "us=60000001", "us=1x", "what=1", "us", "mode=", "fail=2"})
        EXPECT_EQ(worker.ask(order).status, kFunctionError) << order;
    EXPECT_EQ(worker.ask("bytes=65537").status, kFunctionError) << "longer than an answer may be";
    EXPECT_EQ(worker.ask("").bytes, "version=none us=0");
}

TEST(Rogue, DoesAsTold) {
    Worker worker(4);
    ASSERT_TRUE(worker.start("rogue"));
    EXPECT_EQ(worker.ask("ok").bytes, "ok");
    worker.core().submit(0, "status 77");
    ASSERT_EQ(worker.core().wait_done(), 1u);
    EXPECT_EQ(worker.core().answer(0).status, 77u);
    worker.core().submit(1, "length 4000000000");
    ASSERT_EQ(worker.core().wait_done(), 2u);
    EXPECT_EQ(worker.core().slot(1).response_bytes, 4'000'000'000u);
    const std::uint64_t sequence = worker.core().submit(2, "sequence");
    ASSERT_EQ(worker.core().wait_done(), 4u);
    EXPECT_NE(worker.core().answer(2).sequence, sequence);
    worker.core().submit(3, "stranger");
    EXPECT_NE(worker.core().wait_done() & ~std::uint64_t{0xf}, 0u);
}

TEST(Rogue, EndsAsTold) {
    const struct {
        const char* order;
        int signal, exit;
    } ends[] = {{"crash", SIGILL, 0}, {"abort", SIGABRT, 0}, {"exit 7", 0, 7}};
    for (const auto& end : ends) {
        Worker worker;
        ASSERT_TRUE(worker.start("rogue"));
        worker.core().submit(0, end.order);
        const int status = worker.wait_for_end();
        if (end.signal != 0) {
            EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == end.signal) << end.order;
        } else {
            EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == end.exit) << end.order;
        }
    }
}

TEST(Functions, RefuseToRunWithoutAChannel) {
    for (const char* name : {"echo", "work", "redact"}) {
        const std::string program = std::string(getenv("SKERRY_FUNCTIONS")) + "/" + name +
                                    "/bootstrap 3<&- </dev/null 2>/dev/null";
        EXPECT_EQ(WEXITSTATUS(std::system(program.c_str())), 1) << name;
    }
}

class Rewrite : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(worker_.start("ab-rewrite")); }
    json ask(const json& order) {
        const Answer answer = worker_.ask(order.dump());
        EXPECT_EQ(answer.status, kOk) << answer.bytes;
        return json::parse(answer.bytes, nullptr, false);
    }
    Worker worker_;
};

TEST_F(Rewrite, PatchesTheRequestForTheVariant) {
    const json order = {
        {"user", "u"},
        {"experiment", "checkout"},
        {"variants", {{{"name", "B"}, {"patch", {{"path", "/new"}, {"old", nullptr}}}}}},
        {"request", {{"path", "/"}, {"old", 1}, {"headers", {{"a", "b"}}}}}};
    const json answer = ask(order);
    EXPECT_EQ(answer["variant"], "B");
    EXPECT_EQ(answer["request"],
              (json{{"path", "/new"}, {"headers", {{"a", "b"}, {"x-experiment", "checkout=B"}}}}));
}

TEST_F(Rewrite, SharesFollowTheWeightsAndAUserStays) {
    std::map<std::string, int> seen;
    for (int user = 0; user < 2000; ++user) {
        const json order = {{"user", "user-" + std::to_string(user)},
                            {"experiment", "e"},
                            {"variants", {{{"name", "A"}, {"weight", 3}}, "B"}},
                            {"request", json::object()}};
        const std::string variant = ask(order)["variant"];
        if (user < 20) {
            EXPECT_EQ(ask(order)["variant"], variant);
        }
        ++seen[variant];
    }
    EXPECT_NEAR(seen["A"], 1500, 120);
    EXPECT_EQ(seen["A"] + seen["B"], 2000);
}

TEST_F(Rewrite, RefusesWhatIsMalformed) {
    const std::string deep = std::string(20000, '[') + std::string(20000, ']');
    for (const std::string& payload :
         {std::string(), std::string("{"), std::string("[]"), std::string("{}"), deep,
          std::string(R"({"user":1,"experiment":"e","variants":["A"],"request":{}})"),
          std::string(R"({"user":"u","experiment":"e\n","variants":["A"],"request":{}})"),
          std::string(R"({"user":"u","experiment":"e","variants":[],"request":{}})"),
          std::string(R"({"user":"u","experiment":"e","variants":[7],"request":{}})"),
          std::string(
              R"({"user":"u","experiment":"e","variants":[{"name":"A","weight":0}],"request":{}})"),
          std::string(R"({"user":"u","experiment":"e","variants":["A"],"request":[]})")})
        EXPECT_EQ(worker_.ask(payload).status, kFunctionError) << payload.substr(0, 80);
    EXPECT_EQ(ask({{"user", "u"},
                   {"experiment", "e"},
                   {"variants", {"A"}},
                   {"request", json::object()}})["variant"],
              "A");
}

TEST(Redact, WorksAsAProcess) {
    Worker worker;
    ASSERT_TRUE(worker.start("redact"));
    EXPECT_EQ(worker.ask("to ada@example.org").bytes, "to [EMAIL]");
    EXPECT_EQ(worker.ask("").bytes, "");
}

}  // namespace
}  // namespace skerry::test
