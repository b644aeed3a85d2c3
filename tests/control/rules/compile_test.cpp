// What is compiled of rules, what Hyperscan refuses, and what is kept when they change.
#include "control/rules/compile.hpp"

#include <gtest/gtest.h>

#include "dataplane/rules/screen.hpp"

namespace skerry::rules {
namespace {

Declared rule(const std::string& name, Part in, const std::string& pattern,
              Action action = Action::deny) {
    Declared made;
    made.name = name;
    made.in = in;
    made.pattern = pattern;
    made.action = action;
    if (action == Action::rate) made.per_second = made.burst = 1;
    return made;
}

Compiled compiled(const std::vector<Declared>& all, const RuleSet* before = nullptr) {
    routes::Cache none;
    return compile(all, {.cores = 1, .streams = 4}, before, none);
}

std::string said(const Compiled& made) {
    std::string text;
    for (const Problem& each : made.problems) text += to_text(each) + "\n";
    return text;
}

TEST(CompileRules, HyperscansReasonIsTold) {
    const Compiled made = compiled({rule("good", Part::path, "a"), rule("bad", Part::body, "x(y"),
                                    rule("worse", Part::header, "[")});
    EXPECT_EQ(made.set, nullptr);
    EXPECT_NE(said(made).find("rule bad: pattern, at byte 1: Missing close parenthesis"),
              std::string::npos)
        << said(made);
    EXPECT_NE(said(made).find("rule worse: pattern"), std::string::npos) << "all, not the first";
    EXPECT_NE(said(compiled({rule("back", Part::path, "(a)\\1")})).find("rule back"),
              std::string::npos);
}

TEST(CompileRules, WhatIsNeededIsThere) {
    const Compiled made = compiled({rule("a", Part::path, "a")});
    ASSERT_NE(made.set, nullptr) << said(made);
    EXPECT_TRUE(made.set->set.streams.empty()) << "nobody looks at bodies";
    const Compiled body = compiled({rule("a", Part::body, "a")});
    ASSERT_NE(body.set, nullptr);
    EXPECT_EQ(body.set->set.streams.size(), 2u) << "the core's, and the control thread's";
    EXPECT_EQ(body.set->set.path.database, nullptr);
}

TEST(CompileRules, StatesOfBodiesHaveALimit) {
    routes::Cache none;
    const Compiled made = compile({rule("a", Part::body, "a.{1000}b.{1000}c")},
                                  {.cores = 1024, .streams = 65536}, nullptr, none);
    EXPECT_EQ(made.set, nullptr);
    EXPECT_NE(said(made).find("bytes for each body"), std::string::npos) << said(made);
}

TEST(CompileRules, WhatStaysGoesOnCountingAndOwing) {
    const std::vector<Declared> all{rule("r", Part::path, "/a", Action::rate),
                                    rule("c", Part::path, "/a", Action::count)};
    const Compiled first = compiled(all);
    ASSERT_NE(first.set, nullptr) << said(first);
    Screen screen(0, 1);
    const auto ask = [&](const RuleSet& set) {
        screen.begin_turn(&set.set, 1'000'000);
        return screen.judge_head({"/a", "", {}, {}}).kind;
    };
    EXPECT_EQ(ask(*first.set), Verdict::Kind::pass);
    EXPECT_EQ(ask(*first.set), Verdict::Kind::over_rate);
    std::vector<Declared> more = all;
    more.push_back(rule("new", Part::path, "/b"));
    const Compiled second = compiled(more, first.set.get());
    ASSERT_NE(second.set, nullptr);
    EXPECT_EQ(second.set->matched(0), 2u);
    EXPECT_EQ(second.set->refused(0), 1u);
    EXPECT_EQ(second.set->matched(1), 2u);
    EXPECT_EQ(ask(*second.set), Verdict::Kind::over_rate) << "a change fills no bucket";
    more[0].burst = 2;
    const Compiled third = compiled(more, second.set.get());
    ASSERT_NE(third.set, nullptr);
    EXPECT_EQ(third.set->matched(0), 3u);
    EXPECT_EQ(ask(*third.set), Verdict::Kind::pass) << "another rate is another bucket";
}

TEST(CompileRules, APatternThatCostsTooMuchIsRefused) {
    std::vector<std::string> notes;
    EXPECT_TRUE(judge({rule("a", Part::body, "union\\s+select")}, {}, notes).empty());
    const Declared large = rule("large", Part::body, "(a{1,30000}b{1,30000}){100}");
    const auto problems = judge({large}, {}, notes);
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_EQ(problems[0].rule, "large");
    EXPECT_FALSE(problems[0].text.empty());
    EXPECT_TRUE(judge({large}, {large}, notes).empty()) << "it was judged when it was added";
}

TEST(CompileRules, TheWholeIsMeasured) {
    const Compiled made = compiled({rule("a", Part::body, "union\\s+select"),
                                    rule("b", Part::header, "curl"), rule("c", Part::path, "/x")});
    ASSERT_NE(made.set, nullptr);
    EXPECT_GT(measure(*made.set), 0u);
    EXPECT_FALSE(made.set->set.in_use());
    EXPECT_EQ(made.set->matched(0), 0u) << "what is measured counts nowhere";
}

}  // namespace
}  // namespace skerry::rules
