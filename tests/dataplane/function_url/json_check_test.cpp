#include "dataplane/function_url/json_check.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skerry::function_url {
namespace {

bool is_json(std::string_view text) {
    JsonCheck check;
    return check.take(text) && check.complete();
}

// The same verdict wherever it is cut, and in single bytes.
void expect_json(std::string_view text, bool wanted) {
    EXPECT_EQ(is_json(text), wanted) << text;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        JsonCheck check;
        (void)check.take(text.substr(0, cut));
        (void)check.take(text.substr(cut));
        EXPECT_EQ(check.complete(), wanted) << text << " cut at " << cut;
    }
    JsonCheck check;
    for (const char& byte : text) (void)check.take({&byte, 1});
    EXPECT_EQ(check.complete(), wanted) << text << " byte by byte";
}

TEST(JsonCheck, TakesValuesOfEveryKind) {
    for (const char* text : {"{}",
                             "[]",
                             "\"\"",
                             "0",
                             "-0",
                             "7",
                             "120",
                             "-1.5",
                             "1e9",
                             "1E+9",
                             "0.0e-10",
                             "true",
                             "false",
                             "null",
                             " \t\r\n1 \n",
                             "{\"a\":1}",
                             "[1,2,[3],{\"b\":[]}]",
                             R"({"a":{"b":[true,null]},"c":"d"})",
                             R"("\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00")",
                             "[ 1 , 2 ]",
                             "{ \"a\" : 1 , \"a\" : 2 }"})
        expect_json(text, true);
}

TEST(JsonCheck, TakesNothingElse) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "}",
                             "[",
                             "]",
                             "{]",
                             "[}",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{a:1}",
                             "{,}",
                             "[1,]",
                             "[,1]",
                             "[1 2]",
                             "1 2",
                             "{} {}",
                             "{}x",
                             "x",
                             "tru",
                             "truE",
                             "truex",
                             "nul",
                             "Null",
                             "+1",
                             "01",
                             "-",
                             "-a",
                             "1.",
                             ".5",
                             "1.e5",
                             "1e",
                             "1e+",
                             "0x10",
                             "--1",
                             "1-",
                             "NaN",
                             "Infinity",
                             "'a'",
                             "\"",
                             "\"a",
                             "\"\\",
                             "\"\\x\"",
                             "\"\\u12\"",
                             "\"\\u12g4\"",
                             "\"a\nb\"",
                             "\"\t\"",
                             "[\"a\" \"b\"]",
                             "{\"a\" 1}",
                             "{1:2}",
                             "// x\n1",
                             "\xEF\xBB\xBF{}",
                             ":",
                             ","})
        expect_json(text, false);
    expect_json(std::string_view("\0", 1), false);
    expect_json(std::string_view("1\0", 2), false);
}

// RFC 3629 §4.
TEST(JsonCheck, StringsAreUtf8) {
    for (const char* inside : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF",
                               "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "\xE0\xA0\x80", "\x7f"})
        expect_json("\"" + std::string(inside) + "\"", true);
    for (const char* inside : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x80\x80",
                               "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                               "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "\xE2\x28\xA1"})
        expect_json("\"" + std::string(inside) + "\"", false);
}

TEST(JsonCheck, LongPlainTextIsSkippedUpToWhatIsNot) {
    for (std::size_t length = 0; length < 40; ++length) {
        const std::string plain(length, 'x');
        expect_json("\"" + plain + "\"", true);
        expect_json("\"" + plain + "\\n" + plain + "\"", true);
        expect_json("\"" + plain + "\xC3\xA9" + plain + "\"", true);
        expect_json("\"" + plain + "\x1f" + plain + "\"", false);
        expect_json("\"" + plain + "\"" + plain, length == 0);
    }
}

TEST(JsonCheck, Depth) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(is_json(nested(JsonCheck::kDepthMax)));
    EXPECT_FALSE(is_json(nested(JsonCheck::kDepthMax + 1)));
    std::string mixed;
    for (std::size_t i = 0; i < JsonCheck::kDepthMax / 2; ++i) mixed += "[{\"a\":";
    mixed += "1";
    for (std::size_t i = 0; i < JsonCheck::kDepthMax / 2; ++i) mixed += "}]";
    EXPECT_TRUE(is_json(mixed));
}

}  // namespace
}  // namespace skerry::function_url
