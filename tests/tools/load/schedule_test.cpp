#include "tools/load/schedule.hpp"

#include <gtest/gtest.h>

#include "tools/client/codec.hpp"
#include "tools/load/options.hpp"

namespace skerry::load {
namespace {

std::string problem(std::string_view text) {
    const auto read = parse_schedule(text, "f");
    return read ? "" : read.error().text;
}

TEST(Schedule, ARequestALine) {
    const auto read =
        parse_schedule("# at, function, payload\n0 b\n\n1500 a us=20 mode=sleep\r\n1500 b  x", "f");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->functions, (std::vector<std::string>{"b", "a"}));
    ASSERT_EQ(read->requests.size(), 3u);
    EXPECT_EQ(read->requests[0].payload, "");
    EXPECT_EQ(read->requests[1].at_us, 1500u);
    EXPECT_EQ(read->requests[1].function, 1u);
    EXPECT_EQ(read->requests[1].payload, "us=20 mode=sleep");
    EXPECT_EQ(read->requests[2].function, 0u);
    EXPECT_EQ(read->requests[2].payload, " x") << "the rest of the line, as it is";
    EXPECT_EQ(read->longest_payload(), 16u);
    EXPECT_DOUBLE_EQ(read->seconds(), 0.0015);
}

TEST(Schedule, SaysWhereAndWhatIsWrong) {
    EXPECT_EQ(problem("0 a\n5\n"), "f:2: found no function; allowed: a name of 1 … 64 characters");
    EXPECT_NE(problem("0 a\nx a\n").find("f:2: found no time"), std::string::npos);
    EXPECT_NE(problem("-1 a\n").find("f:1: found no time"), std::string::npos);
    EXPECT_NE(problem("86400000001 a\n").find("f:1: found no time"), std::string::npos);
    EXPECT_NE(problem("9 a\n8 a\n").find("f:2: found a time before"), std::string::npos);
    EXPECT_NE(problem("0 " + std::string(65, 'a')).find("f:1: found no function"),
              std::string::npos);
    EXPECT_NE(problem("0 a " + std::string(client::kMaxPayloadBytes + 1, 'x'))
                  .find("f:1: found a payload"),
              std::string::npos);
    EXPECT_EQ(problem("# nothing\n"), "f: found no request; allowed: one a line");
}

TEST(Schedule, FunctionsAreBounded) {
    std::string text;
    for (std::size_t i = 0; i < kMostFunctions; ++i) text += "0 f" + std::to_string(i) + "\n";
    EXPECT_EQ(problem(text), "");
    EXPECT_NE(problem(text + "0 more\n").find("functions"), std::string::npos);
}

TEST(Schedule, TheMostWithinAWindow) {
    const auto read = parse_schedule("0 a\n10 a\n11 a\n12 a\n30 a\n40 a\n", "f");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->most_within(0), 1u);
    EXPECT_EQ(read->most_within(2), 3u);
    EXPECT_EQ(read->most_within(1000), 6u);
}

}  // namespace
}  // namespace skerry::load
