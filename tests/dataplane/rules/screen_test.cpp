#include "dataplane/rules/screen.hpp"

#include <string>

#include "tests/dataplane/rules/rules_of.hpp"

namespace skerry::rules {
namespace {

using testing::compiled;
using testing::rule;
using Kind = Verdict::Kind;

constexpr std::uint64_t kNow_us = 1'000'000;

class ScreenTest : public ::testing::Test {
  protected:
    void use(const std::vector<Declared>& all, const Shape& shape = {.streams = 4}) {
        set = compiled(all, shape);
        ASSERT_NE(set, nullptr);
        screen.begin_turn(&set->set, kNow_us);
    }
    Verdict head(std::string_view path, std::string_view query = {}, std::vector<Field> fields = {},
                 const char* source = "10.0.0.9") {
        return screen.judge_head({path, query, fields, *net::IpAddress::parse(source)});
    }
    // A body in pieces that end where they are told to.
    Verdict body(std::string_view text, const std::vector<std::size_t>& ends) {
        EXPECT_TRUE(screen.begin_body(0));
        std::size_t at = 0;
        Verdict verdict;
        bool done = false;
        for (const std::size_t end : ends) {
            if (done) break;
            verdict = screen.judge_body(0, text.substr(at, end - at), end == text.size(), {}, done);
            at = end;
        }
        EXPECT_TRUE(done);
        EXPECT_FALSE(set->set.in_use());
        return verdict;
    }
    std::string denier(const Verdict& verdict) {
        return verdict.kind == Kind::pass ? "" : set->declared[verdict.rule].name;
    }

    std::shared_ptr<const RuleSet> set;
    Screen screen{0, 8};
};

TEST_F(ScreenTest, EveryPartIsLookedAt) {
    use({rule("php", Part::path, "\\.php$"), rule("script", Part::query, "<script"),
         rule("agent", Part::header, "^curl/", Action::deny, "user-agent"),
         rule("shell", Part::header, "\\(\\) \\{")});
    EXPECT_EQ(denier(head("/a")), "");
    EXPECT_EQ(denier(head("/a.php")), "php");
    EXPECT_EQ(denier(head("/a.phpx")), "");
    EXPECT_EQ(denier(head("/a", "q=%3Cscript%3E")), "script") << "decoded";
    EXPECT_EQ(denier(head("/a", "q=<script")), "script");
    EXPECT_EQ(denier(head("/a", "q=%253Cscript")), "") << "once";
    EXPECT_EQ(denier(head("/a", {}, {{"User-Agent", "curl/8"}})), "agent");
    EXPECT_EQ(denier(head("/a", {}, {{"User-Agent", "not curl/8"}})), "");
    EXPECT_EQ(denier(head("/a", {}, {{"X-Agent", "curl/8"}})), "") << "another field";
    EXPECT_EQ(denier(head("/a", {}, {{"X-Any", "() { :; }"}})), "shell");
    EXPECT_EQ(denier(head("/a", {}, {{"user-agent", "a"}, {"user-agent", "curl/8"}})), "agent")
        << "each of that name";
    EXPECT_EQ(set->matched(0), 1u);
    EXPECT_EQ(set->refused(2), 2u);
}

TEST_F(ScreenTest, APatternIsFoundWhereverABodyIsCut) {
    use({rule("sql", Part::body, "union +select"), rule("end", Part::body, "stop$")});
    const std::string text = "a=1&b=union   select&c=2";
    for (std::size_t cut = 1; cut < text.size(); ++cut)
        EXPECT_EQ(denier(body(text, {cut, text.size()})), "sql") << cut;
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i <= text.size(); ++i) every.push_back(i);
    EXPECT_EQ(denier(body(text, every)), "sql");
    EXPECT_EQ(denier(body("please stop", {7, 9, 11})), "end");
    EXPECT_EQ(denier(body("stop it", {4, 7})), "") << "not at the end";
    EXPECT_EQ(denier(body("onion select", {6, 12})), "");
    EXPECT_EQ(set->matched(0), text.size());
}

TEST_F(ScreenTest, ItIsDeniedAsSoonAsItIsKnown) {
    use({rule("evil", Part::body, "evil")});
    ASSERT_TRUE(screen.begin_body(0));
    bool done = false;
    EXPECT_EQ(screen.judge_body(0, "some ev", false, {}, done).kind, Kind::pass);
    EXPECT_FALSE(done);
    EXPECT_EQ(screen.judge_body(0, "il and mo", false, {}, done).kind, Kind::denied);
    EXPECT_TRUE(done);
    EXPECT_FALSE(set->set.in_use());
}

TEST_F(ScreenTest, OnlyTheFirstBytesAreLookedAt) {
    use({rule("evil", Part::body, "evil"), rule("last", Part::body, "x$", Action::count)},
        {.body_bytes = 10, .streams = 4});
    EXPECT_EQ(denier(body("123456evil", {3, 10})), "evil");
    EXPECT_EQ(denier(body("1234567evil", {3, 11})), "");
    EXPECT_EQ(denier(body("123456789xyyyy", {14})), "");
    EXPECT_EQ(set->matched(1), 1u) << "those bytes are the whole text";
    ASSERT_TRUE(screen.begin_body(0));
    bool done = false;
    (void)screen.judge_body(0, "1234567890", false, {}, done);
    EXPECT_TRUE(done) << "the rest is not asked for";
}

TEST_F(ScreenTest, TheFirstDeclaredRefuses) {
    use({rule("c", Part::path, "a", Action::count), rule("second", Part::path, "aa"),
         rule("third", Part::path, "aaa")});
    EXPECT_EQ(denier(head("/aaa")), "second");
    EXPECT_EQ(set->matched(0), 1u);
    EXPECT_EQ(set->matched(2), 1u) << "it is counted";
    EXPECT_EQ(set->refused(2), 0u);
}

TEST_F(ScreenTest, ARequestIsCountedOnce) {
    use({rule("c", Part::header, "x", Action::count)});
    EXPECT_EQ(head("/", {}, {{"a", "xx"}, {"b", "x"}, {"c", "x"}}).kind, Kind::pass);
    EXPECT_EQ(set->matched(0), 1u);
}

TEST_F(ScreenTest, RulesHaveStatuses) {
    Declared hidden = rule("hidden", Part::path, "h");
    hidden.status = 404;
    use({hidden, rule("plain", Part::path, "p")});
    EXPECT_EQ(head("/h").status, 404);
    EXPECT_EQ(head("/p").status, 403);
}

TEST_F(ScreenTest, ARateIsOfEachSource) {
    use({rule("slow", Part::path, "^/api", Action::rate)});
    EXPECT_EQ(head("/api").kind, Kind::pass);
    EXPECT_EQ(head("/api").kind, Kind::pass);
    const Verdict over = head("/api");
    EXPECT_EQ(over.kind, Kind::over_rate);
    EXPECT_EQ(over.status, 429);
    EXPECT_EQ(head("/other").kind, Kind::pass);
    EXPECT_EQ(head("/api", {}, {}, "10.0.0.10").kind, Kind::pass) << "another source";
    EXPECT_EQ(head("/api", {}, {}, "2001:db8::1").kind, Kind::pass);
    EXPECT_EQ(head("/api", {}, {}, "2001:db8::2").kind, Kind::pass);
    EXPECT_EQ(head("/api", {}, {}, "2001:db8::3").kind, Kind::over_rate) << "the same /64";
    EXPECT_EQ(head("/api", {}, {}, "2001:db8:0:1::3").kind, Kind::pass);
    screen.begin_turn(&set->set, kNow_us + 500'000);
    EXPECT_EQ(head("/api").kind, Kind::pass) << "two a second";
    EXPECT_EQ(head("/api").kind, Kind::over_rate);
    EXPECT_EQ(set->refused(0), 3u);
}

TEST_F(ScreenTest, OrOfEachValueOfAField) {
    Declared made = rule("slow", Part::path, "^/api", Action::rate);
    made.key_field = "x-key";
    use({made});
    for (const char* key : {"one", "two", "a rather long key of which only the end is anothe1"}) {
        EXPECT_EQ(head("/api", {}, {{"X-Key", key}}).kind, Kind::pass);
        EXPECT_EQ(head("/api", {}, {{"X-Key", key}}).kind, Kind::pass);
        EXPECT_EQ(head("/api", {}, {{"X-Key", key}}).kind, Kind::over_rate);
    }
    EXPECT_EQ(
        head("/api", {}, {{"X-Key", "a rather long key of which only the end is anothe2"}}).kind,
        Kind::pass);
    EXPECT_EQ(head("/api").kind, Kind::pass) << "those without have one in common";
}

TEST_F(ScreenTest, OfABodyToo) {
    use({rule("slow", Part::body, "login", Action::rate)});
    EXPECT_EQ(body("login", {2, 5}).kind, Kind::pass);
    EXPECT_EQ(body("login", {5}).kind, Kind::pass);
    EXPECT_EQ(body("login", {3, 5}).kind, Kind::over_rate);
}

TEST_F(ScreenTest, WhoHasHadAStreamForLongestIsInTheWay) {
    use({rule("evil", Part::body, "evil")}, {.streams = 2});
    bool done = false;
    for (const std::uint32_t connection : {3u, 1u, 2u}) ASSERT_TRUE(screen.begin_body(connection));
    EXPECT_EQ(screen.in_the_way(3), kNone);
    (void)screen.judge_body(3, "ev", false, {}, done);
    (void)screen.judge_body(1, "ev", false, {}, done);
    EXPECT_EQ(screen.in_the_way(1), kNone) << "it has one";
    EXPECT_EQ(screen.in_the_way(2), 3u);
    screen.stop(3);
    EXPECT_EQ(screen.in_the_way(2), kNone);
    EXPECT_EQ(screen.judge_body(2, "il", true, {}, done).kind, Kind::pass)
        << "nothing of the other's is left in it";
    EXPECT_EQ(screen.judge_body(1, "il", true, {}, done).kind, Kind::denied);
    EXPECT_FALSE(set->set.in_use());
}

TEST_F(ScreenTest, ABodyIsJudgedByTheRulesThatItBeganWith) {
    use({rule("old", Part::body, "old word")});
    const auto before = set;
    ASSERT_TRUE(screen.begin_body(0));
    bool done = false;
    (void)screen.judge_body(0, "an old", false, {}, done);
    use({rule("new", Part::body, "word")});
    EXPECT_TRUE(before->set.in_use());
    EXPECT_EQ(screen.judge_body(0, " word", true, {}, done).kind, Kind::denied);
    EXPECT_FALSE(before->set.in_use());
    EXPECT_EQ(before->refused(0), 1u);
    EXPECT_EQ(set->matched(0), 0u);
    screen.begin_turn(nullptr, kNow_us);
    EXPECT_FALSE(screen.active());
    EXPECT_FALSE(screen.begin_body(0));
}

}  // namespace
}  // namespace skerry::rules
