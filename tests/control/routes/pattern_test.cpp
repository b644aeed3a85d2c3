// The language of routes: what is understood, and what is refused where.
#include "control/routes/pattern.hpp"

#include <gtest/gtest.h>

namespace skerry::routes {
namespace {

PathPattern path(std::string_view text) {
    PathPattern made;
    const Complaint complaint = parse_path(text, made);
    EXPECT_EQ(complaint.text, "") << text;
    return made;
}

TEST(PathPatterns, AreOfFourKinds) {
    EXPECT_EQ(path("/").kind, PathKind::exact);
    EXPECT_EQ(path("/a/b").kind, PathKind::exact);
    EXPECT_EQ(path("/:a").kind, PathKind::segments);
    EXPECT_EQ(path("/a*").kind, PathKind::segments);
    EXPECT_EQ(path("/*/a").kind, PathKind::segments);
    EXPECT_EQ(path("/a/*").kind, PathKind::prefix);
    EXPECT_EQ(path("/a/:rest*").kind, PathKind::prefix);
    EXPECT_EQ(path("~a").kind, PathKind::expression);
}

TEST(PathPatterns, LiteralsAreInTheNormalForm) {
    EXPECT_EQ(path("/a b/\xc3\xa9/%7e%2f").text, "/a%20b/%C3%A9/~%2F");
    EXPECT_EQ(path("/\\:a/\\*\\?").text, "/:a/*%3F");
}

TEST(PathPatterns, OnlyWhatHasAsterisksInsideGoesToADatabase) {
    EXPECT_EQ(path("/:a/b/*").expression, "");
    EXPECT_NE(path("/a*b").expression, "");
    EXPECT_EQ(path("~/x").expression, "/x");
}

struct Refused {
    const char* text;
    std::int32_t at;
    const char* says;
};

TEST(PathPatterns, AreRefusedWithAReasonAndItsPlace) {
    const Refused cases[] = {
        {"", 0, "begins with a slash"},
        {"a", 0, "begins with a slash"},
        {"/a//b", 3, "slashes in a row"},
        {"/a/%2", 3, "broken escape"},
        {"/a/%00", 3, "broken escape"},
        {"/a/b\\", 4, "broken escape"},
        {"/a/./b", 3, "dot segments"},
        {"/a/%2e%2e", 3, "dot segments"},
        {"/a/..%2fb", 0, "hides a dot segment"},
        {"/a?b=c", 2, "ends before ?"},
        {"/a/**", 4, "** is nothing"},
        {"/:", 1, "whole segment"},
        {"/:a.b", 1, "whole segment"},
        {"/:a*/b", 1, "at its end only"},
        {"/:a/:a", 0, "two parameters are called a"},
        {"~", 1, "regular expression"},
    };
    for (const Refused& each : cases) {
        PathPattern made;
        const Complaint complaint = parse_path(each.text, made);
        EXPECT_NE(complaint.text.find(each.says), std::string::npos)
            << each.text << ": " << complaint.text;
        EXPECT_EQ(complaint.at, each.at) << each.text;
    }
}

TEST(PathPatterns, HaveLimits) {
    const auto refused = [](const std::string& text) {
        PathPattern made;
        return !parse_path(text, made).text.empty();
    };
    EXPECT_FALSE(refused("/" + std::string(classify::kPatternBytesMax - 1, 'a')));
    EXPECT_TRUE(refused("/" + std::string(classify::kPatternBytesMax, 'a')));
    std::string segments, params;
    for (std::uint32_t i = 1; i < classify::kSegmentsMax; ++i) segments += "/a";
    EXPECT_FALSE(refused(segments + "/:x"));
    EXPECT_TRUE(refused(segments + "/a/:x"));
    for (std::uint32_t i = 0; i < classify::kParamsMax; ++i) params += "/:p" + std::to_string(i);
    EXPECT_FALSE(refused(params));
    EXPECT_TRUE(refused(params + "/:q"));
    EXPECT_TRUE(refused("/:" + std::string(classify::kParamNameBytesMax + 1, 'a')));
}

TEST(HostPatterns, AreOfFourKinds) {
    const std::pair<const char*, HostKind> cases[] = {
        {"", HostKind::any},
        {"*", HostKind::any},
        {"A.example.", HostKind::literal},
        {"*.a", HostKind::wildcard},
        {"~a.*", HostKind::expression},
        {"[::1]", HostKind::literal},
    };
    for (const auto& [text, kind] : cases) {
        HostPattern host;
        EXPECT_EQ(parse_host(text, host).text, "") << text;
        EXPECT_EQ(host.kind, kind) << text;
    }
    for (const char* text :
         {"a:80", "[::1]:80", "a b", "*a", "*.", "*.a:80", "a.*", "~", "a..b", "\xc3\xa9"}) {
        HostPattern host;
        EXPECT_NE(parse_host(text, host).text, "") << text;
    }
}

TEST(Conditions, AreOfFourKinds) {
    using Kind = classify::Condition::Kind;
    const std::tuple<const char*, Kind, const char*, const char*> cases[] = {
        {"X-A", Kind::present, "x-a", ""},      {"!x-a", Kind::absent, "x-a", ""},
        {"x-a=B", Kind::equal, "x-a", "B"},     {"x-a=b*", Kind::prefix, "x-a", "b"},
        {"x-a=b\\*", Kind::equal, "x-a", "b*"}, {"x-a=", Kind::equal, "x-a", ""},
    };
    for (const auto& [text, kind, name, value] : cases) {
        ConditionText condition;
        EXPECT_EQ(parse_condition(text, false, condition).text, "") << text;
        EXPECT_EQ(condition.kind, kind) << text;
        EXPECT_EQ(condition.name, name);
        EXPECT_EQ(condition.value, value);
    }
    for (const char* text : {"", "!", "=a", "a b", "!a=b", "a=*b", "a=b\\"}) {
        ConditionText condition;
        EXPECT_NE(parse_condition(text, false, condition).text, "") << text;
    }
}

}  // namespace
}  // namespace skerry::routes
