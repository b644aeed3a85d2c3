#include "control/logs/record.hpp"

#include <gtest/gtest.h>

namespace skerry::logs {
namespace {

Record some() {
    return {.time_us = 1764020146123456,
            .version = "0123456789ab",
            .worker = 17,
            .request = {0x243ac382fe6549b2, 0x5d70e364d3248c69},
            .stream = Stream::out,
            .text = "hello"};
}

TEST(LogRecord, LiesInOneLine) {
    EXPECT_EQ(render(some()),
              "2025-11-24T21:35:46.123456Z 0123456789ab 17 243ac382fe6549b25d70e364d3248c69 out "
              "hello\n");
    Record odd = some();
    odd.request = {};
    odd.stream = Stream::platform;
    odd.text = {};
    EXPECT_EQ(render(odd), "2025-11-24T21:35:46.123456Z 0123456789ab 17 - platform \n");
}

TEST(LogRecord, WhatIsRenderedIsReadAgain) {
    for (const std::string& text :
         {std::string(), std::string("a b  c "), std::string("\0\x01\x1b[2J\r\n\t\\x41\\", 13),
          std::string("\xe2\x82\xac \xff\xc3"), std::string("\xe2\x80\xae turned")}) {
        Record record = some();
        record.text = text;
        const std::string line = render(record);
        ASSERT_EQ(line.find('\n'), line.size() - 1);
        const auto again = parse(std::string_view(line).substr(0, line.size() - 1));
        ASSERT_TRUE(again) << line;
        EXPECT_EQ(again->text, text);
        EXPECT_EQ(again->time_us, record.time_us);
        EXPECT_EQ(again->request, record.request);
        EXPECT_EQ(again->worker, record.worker);
    }
}

TEST(LogRecord, NothingThatATerminalActsOnIsLeft) {
    EXPECT_EQ(escaped("\x1b[31m"), "\\x1b[31m");
    EXPECT_EQ(escaped("\xc2\x9b[31m"), "\\xc2\\x9b[31m") << "the same as one character";
    EXPECT_EQ(escaped("a\\x1b"), "a\\x5cx1b");
    EXPECT_EQ(escaped("\x7f\r\b"), "\\x7f\\x0d\\x08");
    EXPECT_EQ(escaped("tab\t\xc3\xa4 \xf0\x9f\x98\x80"), "tab\t\xc3\xa4 \xf0\x9f\x98\x80");
    EXPECT_EQ(escaped("\xed\xa0\x80\xc0\xaf"), "\\xed\\xa0\\x80\\xc0\\xaf");
    for (const char* bad : {"\\", "\\x", "\\x1", "\\x1g", "\\n", "a\\x4"})
        EXPECT_FALSE(unescaped(bad)) << bad;
}

TEST(LogRecord, DamageIsNoRecord) {
    std::string line = render(some());
    line.pop_back();
    ASSERT_TRUE(parse(line));
    for (std::size_t cut = 0; cut < line.size() - 5; ++cut)
        EXPECT_FALSE(parse(line.substr(0, cut))) << cut;
    for (const char* bad :
         {"2025-11-24T21:35:46.123456Z 0123456789ab 17x - out a",
          "2025-11-24T21:35:46.123456Z 0123456789AB 17 - out a",
          "2025-11-24T21:35:46.123456Z 0123456789ab 17 - err a",
          "2025-11-24T21:35:46.123456Z 0123456789ab 17  out a", "2025-13-24T21:35:46Z x 1 - out a",
          "2025-11-24T21:35:46.123456Z 0123456789ab 99999999999999999999 - out a"})
        EXPECT_FALSE(parse(bad)) << bad;
}

TEST(LogTime, IsRfc3339) {
    EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_time("2025-11-24T21:35:46.123456Z"), 1764020146123456);
    EXPECT_EQ(parse_time("2025-11-24T21:35:46.1234569Z"), 1764020146123456);
    EXPECT_EQ(parse_time("2025-11-24T21:35:46.1Z"), 1764020146100000);
    EXPECT_EQ(parse_time("2025-11-24t23:05:46+01:30"), 1764020146000000);
    EXPECT_EQ(parse_time("2025-11-24 20:35:46-01:00"), 1764020146000000);
    EXPECT_EQ(parse_time("2024-02-29T00:00:00Z"), 1709164800000000);
    for (const char* bad :
         {"", "2025-11-24", "2025-11-24T21:35:46", "2025-02-29T00:00:00Z", "2025-00-01T00:00:00Z",
          "2025-11-24T24:00:00Z", "2025-11-24T21:35:46.Z", "2025-11-24T21:35:46+1:30",
          "1969-12-31T23:59:59Z", "2025-11-24T21:35:46Zx", "1970-01-01T00:00:00+01:00"})
        EXPECT_FALSE(parse_time(bad)) << bad;
    for (const std::int64_t us : {std::int64_t{1}, std::int64_t{951782399999999}})
        EXPECT_EQ(parse_time(time_text(us)), us);
}

TEST(LogRequest, InBothForms) {
    const RequestId id = some().request;
    EXPECT_EQ(uuid_text(id), "243ac382-fe65-49b2-5d70-e364d3248c69");
    EXPECT_EQ(parse_request_id(uuid_text(id)), id);
    EXPECT_EQ(parse_request_id(hex_text(id)), id);
    EXPECT_EQ(parse_request_id("243AC382FE6549B25D70E364D3248C69"), id);
    for (const char* bad :
         {"", "243ac382fe6549b25d70e364d3248c6", "243ac382fe6549b25d70e364d3248c6g",
          "243ac382-fe65-49b2-5d70e-364d3248c69"})
        EXPECT_FALSE(parse_request_id(bad)) << bad;
}

}  // namespace
}  // namespace skerry::logs
