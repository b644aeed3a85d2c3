// What compile() refuses of a set of routes, and how it says so; that a full set is taken.
#include "control/routes/compile.hpp"

#include <gtest/gtest.h>

namespace skerry::routes {
namespace {

Route route(std::string host, std::string path) {
    Route made;
    made.host = std::move(host);
    made.path = std::move(path);
    made.function = "f";
    return made;
}

std::vector<Problem> problems_of(std::vector<Route> all) {
    Cache none;
    Compiled compiled = compile(std::move(all), 1, none);
    EXPECT_EQ(compiled.set == nullptr, !compiled.problems.empty());
    return compiled.problems;
}

Problem problem_of(const std::vector<Problem>& problems, std::uint32_t route) {
    for (const Problem& each : problems)
        if (each.route == route) return each;
    return {};
}

TEST(Compile, BadExpressionsAreRefusedWithHyperscansReasonAndPosition) {
    const auto problems = problems_of({route("", "/fine"), route("", "~/a(b"), route("a", "~/[b"),
                                       route("", "~/(a)\\1"), route("~x(", "/a")});
    ASSERT_EQ(problems.size(), 4u);
    for (const Problem& each : problems) {
        EXPECT_FALSE(each.text.empty());
        EXPECT_EQ(each.where, each.route == 4 ? "host" : "path");
    }
    EXPECT_EQ(to_text(problem_of(problems, 1)),
              "route 1: path, at byte 3: Missing close parenthesis for group started at index 2.");
    EXPECT_EQ(problem_of(problems, 3).text, "Back-references are unsupported.");
}

// What is put around an expression must not complete it.
TEST(Compile, ExpressionsAreWholeByThemselves) {
    for (const char* path : {"~a)|(?:b", "~)", "~(", "~[", "~a\\", "~\\Qa", "~(?x)a#"})
        EXPECT_FALSE(problems_of({route("", path)}).empty()) << path;
    EXPECT_TRUE(problems_of({route("", "~/(?i)a|b")}).empty());
}

TEST(Compile, EveryProblemIsSaid) {
    Route bad = route("a:80", "x");
    bad.methods = {"get"};
    bad.headers = {"a b"};
    bad.query = {""};
    const auto problems = problems_of({bad});
    ASSERT_EQ(problems.size(), 5u);
    EXPECT_EQ(problems[0].where, "host");
    EXPECT_EQ(problems[1].where, "path");
    EXPECT_EQ(problems[2].where, "method");
    EXPECT_EQ(problems[3].where, "header");
    EXPECT_EQ(problems[4].where, "query");
}

TEST(Compile, RoutesHaveALimit) {
    std::vector<Route> all(classify::kRoutesMax, route("", "/a"));
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i].path += std::to_string(i);
    EXPECT_TRUE(problems_of(all).empty());
    all.push_back(route("", "/b"));
    EXPECT_FALSE(problems_of(all).empty());
}

TEST(Compile, HostsHaveALimit) {
    std::vector<Route> all;
    for (std::uint32_t i = 0; i < classify::kHostsMax; ++i)
        all.push_back(route("h" + std::to_string(i), "/"));
    EXPECT_TRUE(problems_of(all).empty());
    all.push_back(route("one-more", "/"));
    EXPECT_FALSE(problems_of(all).empty());
}

TEST(Compile, HostExpressionsHaveALimit) {
    std::vector<Route> all;
    for (std::uint32_t i = 0; i <= classify::kHostPatternsMax; ++i)
        all.push_back(route("~h" + std::to_string(i), "/"));
    EXPECT_FALSE(problems_of(all).empty());
    all.pop_back();
    EXPECT_TRUE(problems_of(all).empty());
}

TEST(Compile, RoutesOfOnePathHaveALimit) {
    std::vector<Route> all;
    for (std::uint32_t i = 0; i <= classify::kRoutesOfOnePathMax; ++i) {
        all.push_back(route("", "/a"));
        all.back().query = {"v=" + std::to_string(i)};
    }
    EXPECT_FALSE(problems_of(all).empty());
    all.pop_back();
    EXPECT_TRUE(problems_of(all).empty());
}

TEST(Compile, ConditionsHaveALimit) {
    Route one = route("", "/a");
    for (std::uint32_t i = 0; i < classify::kConditionsMax; ++i)
        one.headers.push_back("h" + std::to_string(i));
    EXPECT_TRUE(problems_of({one}).empty());
    one.query.emplace_back("q");
    EXPECT_FALSE(problems_of({one}).empty());
}

// All ways through n segments that are either "a" or a parameter: 2^n nodes for one path.
TEST(Compile, ParametersMayOverlapSoMuch) {
    const auto all_ways = [](std::uint32_t segments) {
        std::vector<Route> all;
        for (std::uint32_t way = 0; way < 1u << segments; ++way) {
            std::string path;
            for (std::uint32_t i = 0; i < segments; ++i)
                path += way >> i & 1 ? "/a" : "/:p" + std::to_string(i);
            all.push_back(route("", path + "/:end"));
        }
        return all;
    };
    EXPECT_TRUE(problems_of(all_ways(6)).empty());
    const auto problems = problems_of(all_ways(8));
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_NE(problems[0].text.find("overlap"), std::string::npos);
}

TEST(Compile, ARouteThatNeverWinsIsSaid) {
    Cache none;
    Route get = route("", "/:a");
    get.methods = {"GET"};
    Route conditional = route("", "/:b");
    conditional.query = {"x"};
    const Compiled compiled =
        compile({route("", "/:c"), get, conditional, route("", "/:d")}, 1, none);
    ASSERT_TRUE(compiled.set != nullptr);
    ASSERT_EQ(compiled.set->warnings.size(), 1u);
    EXPECT_EQ(compiled.set->warnings[0].route, 3u);
}

}  // namespace
}  // namespace skerry::routes
