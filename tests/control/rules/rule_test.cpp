// Rules as operators write them: what is wrong with them, and their file.
#include "control/rules/rule.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control/rules/json.hpp"

namespace skerry::rules {
namespace {

Declared rule(const std::string& name = "r") {
    Declared made;
    made.name = name;
    made.pattern = "x";
    return made;
}

// What is said of it: "where: text" each.
std::string said(const Declared& made) {
    std::string text;
    for (const Problem& each : check({made})) text += each.where + ": " + each.text + "\n";
    return text;
}

TEST(Rule, WhatIsWrongIsSaid) {
    EXPECT_EQ(said(rule()), "");
    Declared made = rule("");
    EXPECT_NE(said(made).find("name: 1 to 64"), std::string::npos);
    made = rule("a b");
    EXPECT_NE(said(made).find("name:"), std::string::npos);
    made = rule();
    made.pattern = "";
    EXPECT_NE(said(made).find("pattern: there is to be one"), std::string::npos);
    made.pattern = std::string("a\0b", 3);
    EXPECT_NE(said(made).find("pattern: a NUL"), std::string::npos);
    made = rule();
    made.field = "user-agent";
    EXPECT_NE(said(made).find("header:"), std::string::npos) << "it looks at the path";
    made.in = Part::header;
    EXPECT_EQ(said(made), "");
    made.field = "user agent";
    EXPECT_NE(said(made).find("header:"), std::string::npos);
    made = rule();
    made.status = 418;
    EXPECT_NE(said(made).find("status: one of"), std::string::npos);
    made.status = 404;
    EXPECT_EQ(said(made), "");
    made.action = Action::count;
    EXPECT_NE(said(made).find("status: what only counts"), std::string::npos);
}

TEST(Rule, RatesHaveWhatOthersHaveNot) {
    Declared made = rule();
    made.per_second = 5;
    EXPECT_NE(said(made).find("per_second: is for rates only"), std::string::npos);
    made.action = Action::rate;
    EXPECT_EQ(said(made), "");
    made.per_second = 0;
    EXPECT_NE(said(made).find("per_second: 1 to"), std::string::npos);
    made.per_second = 5;
    made.key_field = "x-key";
    EXPECT_EQ(said(made), "");
    made.in = Part::body;
    EXPECT_NE(said(made).find("key: the rate of a body"), std::string::npos);
}

TEST(Rule, ThereAreLimits) {
    EXPECT_EQ(check({rule("a"), rule("b")}).size(), 0u);
    EXPECT_NE(to_text(check({rule("a"), rule("a")}).at(0)).find("rule a: name: two"),
              std::string::npos);
    std::vector<Declared> all;
    for (std::uint32_t i = 0; i <= kRulesMax; ++i) all.push_back(rule(std::to_string(i)));
    EXPECT_EQ(to_text(check(all).at(0)), "rules: rules: more than 1024");
    all.resize(kRateRulesMax + 1);
    for (Declared& each : all) {
        each.action = Action::rate;
        each.per_second = 1;
    }
    EXPECT_EQ(check(all).size(), 1u);
    all.resize(kFieldNamesMax + 1);
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i] = rule(std::to_string(i));
        all[i].in = Part::header;
        all[i].field = "x-" + std::to_string(i);
    }
    EXPECT_EQ(check(all).size(), 1u);
}

TEST(Rule, TheFileSaysAllOfThem) {
    Declared a = rule("a");
    a.in = Part::header;
    a.field = "user-agent";
    a.status = 404;
    Declared b = rule("b");
    b.action = Action::rate;
    b.per_second = 7;
    b.burst = 9;
    b.key_field = "x-key";
    Declared c = rule("c");
    c.in = Part::body;
    c.action = Action::count;
    const std::vector<Declared> all{a, b, c};
    const auto again = parse_file(file_text(all));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, all);
}

TEST(Rule, WhatIsNoRuleIsRefused) {
    const char* good = R"({"name":"a","in":"body","pattern":"x","action":"deny"})";
    EXPECT_TRUE(rule_of(nlohmann::json::parse(good)));
    for (const char* wrong :
         {R"([])", R"({"name":"a"})", R"({"name":"a","in":"boot","pattern":"x","action":"deny"})",
          R"({"name":"a","in":"body","pattern":1,"action":"deny"})",
          R"({"name":"a","in":"body","pattern":"x","action":"deny","more":1})",
          R"({"name":"a","in":"body","pattern":"x","action":"deny","status":-1})",
          R"({"name":"a","in":"body","pattern":"x","action":"deny","status":65939})",
          R"({"name":"a","in":"body","pattern":"x","action":"rate","key":"header:"})",
          R"({"name":"a","in":"body","pattern":"x","action":"rate","key":"cookie"})"})
        EXPECT_FALSE(rule_of(nlohmann::json::parse(wrong))) << wrong;
    for (const char* wrong :
         {"", "{}", R"({"version":2,"rules":[]})", R"({"version":1,"rules":{}})"})
        EXPECT_FALSE(parse_file(wrong)) << wrong;
}

TEST(Rule, NamesOfFieldsHaveNoCase) {
    const auto made = rule_of(nlohmann::json::parse(
        R"({"name":"a","in":"header","header":"User-Agent","pattern":"x","action":"rate","per_second":1,"key":"header:X-Key"})"));
    ASSERT_TRUE(made);
    EXPECT_EQ(made->field, "user-agent");
    EXPECT_EQ(made->key_field, "x-key");
}

}  // namespace
}  // namespace skerry::rules
