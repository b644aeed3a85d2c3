// Scripts that are wrong are refused with the line and the reason.
#include "tests/dataplane/tcp/timeline/script.hpp"

#include <gtest/gtest.h>

namespace skerry::timeline {
namespace {

std::string error_of(const std::string& text) {
    std::string error;
    EXPECT_FALSE(parse_script("a.tl", text, error)) << text;
    return error;
}

TEST(TcpTimelineParser, TakesWhatIsRight) {
    std::string error;
    const auto script = parse_script("a.tl",
                                     "# RFC 9293\n"
                                     "set delayed-ack off\n"
                                     "listen 80   # here\n"
                                     "+10ms < S 0 win 1000 <mss 1460, sack-ok, ts 5:0, ws 7>\n"
                                     "+0..200ms > S. 0 ack 1 <mss 1460>\n"
                                     "< P. 1:101 ack 1 <sack 1:2 5:6>\n"
                                     "info cwnd >= 14600\n",
                                     error);
    ASSERT_TRUE(script) << error;
    ASSERT_EQ(script->lines.size(), 6u);
    const Line& syn = script->lines[2];
    EXPECT_EQ(syn.number, 4);
    EXPECT_EQ(syn.kind, Line::Kind::arrives);
    EXPECT_EQ(syn.after_us, 10'000u);
    EXPECT_EQ(syn.segment.flags, kSyn);
    EXPECT_EQ(syn.segment.window, 1000u);
    EXPECT_EQ(syn.segment.options->scale, 7);
    EXPECT_TRUE(syn.segment.options->sack_ok);
    EXPECT_EQ(script->lines[3].latest_us, 200'000u);
    EXPECT_EQ(script->lines[4].segment.bytes, 100u);
    EXPECT_EQ(script->lines[4].segment.options->sacks.size(), 2u);
    EXPECT_EQ(script->lines[5].words.size(), 4u);
}

TEST(TcpTimelineParser, SaysWhereAndWhat) {
    EXPECT_EQ(error_of("listen 80\nlisten\n"), "a.tl:2: 'listen' takes 1 to 1 arguments");
    EXPECT_EQ(error_of("dance\n"), "a.tl:1: unknown verb 'dance'");
    EXPECT_EQ(error_of("\n\n< X 0\n"), "a.tl:3: flags are of FSRP.UEW or '-' for none, not 'X'");
    EXPECT_EQ(error_of("< S one\n"), "a.tl:1: a sequence number is a number, not 'one'");
    EXPECT_EQ(error_of("< S 0 ack 1\n"), "a.tl:1: 'ack' without the flag '.'");
    EXPECT_EQ(error_of("< S 0 <mss 1460\n"), "a.tl:1: options begin with < and end with >");
    EXPECT_EQ(error_of("< S 0 <size 3>\n"),
              "a.tl:1: unknown option 'size' (mss, ws, sack-ok, ts, sack, raw)");
    EXPECT_EQ(error_of("< . 1 ack\n"), "a.tl:1: 'ack' wants a value");
    EXPECT_EQ(error_of("< . 10:1 ack 1\n"), "a.tl:1: '10:1' ends before it begins, or is too long");
    EXPECT_EQ(error_of("+5 listen 80\n"),
              "a.tl:1: '+5' is no time (+10ms, +1.5s, +250us, +200ms..300ms)");
    EXPECT_EQ(error_of("+5ms..1ms > . 1\n"), "a.tl:1: '+5ms..1ms' does not end after it begins");
    EXPECT_EQ(error_of("+5ms\n"), "a.tl:1: nothing happens");
    EXPECT_EQ(error_of("+1ms..2ms < . 1 ack 1\n"),
              "a.tl:1: only what is sent may happen within a range");
    EXPECT_EQ(error_of("# only words\n"), "a.tl: nothing happens in it");
    EXPECT_EQ(error_of("> . 1 ack 1 bad-checksum\n"), "a.tl:1: what is sent has a right checksum");
}

TEST(TcpTimelineParser, KnowsTimes) {
    EXPECT_EQ(parse_time("10ms"), 10'000u);
    EXPECT_EQ(parse_time("1.5s"), 1'500'000u);
    EXPECT_EQ(parse_time("7us"), 7u);
    EXPECT_EQ(parse_time("0"), 0u);
    EXPECT_FALSE(parse_time("7"));
    EXPECT_FALSE(parse_time("ms"));
    EXPECT_FALSE(parse_time("-1ms"));
}

}  // namespace
}  // namespace skerry::timeline
