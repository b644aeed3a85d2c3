#include "control/logs/output.hpp"

#include <gtest/gtest.h>

#include "control/logs/tails.hpp"

namespace skerry::logs {
namespace {

constexpr RequestId kA{1, 2}, kB{3, 4};

class OutputTest : public testing::Test {
  protected:
    static Output make(std::uint32_t log_kib = 64, bool lambda = false) {
        return Output({.version = "0123456789ab",
                       .worker = 7,
                       .log_kib = log_kib,
                       .lambda_lines = lambda,
                       .memory_mib = 128});
    }
    std::vector<std::string> texts() {
        std::vector<std::string> all;
        for (const Record& record : records_) all.push_back(record.text);
        records_.clear();
        return all;
    }
    static LogEvent end_of(const RequestId& id, std::uint32_t run_us) {
        LogEvent event;
        event.request_id_hi = id.hi;
        event.request_id_lo = id.lo;
        event.run_us = run_us;
        event.kind = LogEventKind::ended;
        return event;
    }
    using Texts = std::vector<std::string>;
    std::vector<Record> records_;
};

TEST_F(OutputTest, LinesComeInPieces) {
    Output output = make();
    output.take("on", 1, records_);
    EXPECT_TRUE(records_.empty());
    EXPECT_TRUE(output.has_partial_line());
    output.take("e\ntwo\n\nth", 2, records_);
    EXPECT_EQ(texts(), (Texts{"one", "two", ""}));
    output.flush(3, records_);
    EXPECT_EQ(texts(), Texts{"th"});
    output.take(std::string(2 * kMaxLineBytes + 5, 'x') + "\n", 4, records_);
    ASSERT_EQ(records_.size(), 3u);
    EXPECT_EQ(records_[0].text.size(), kMaxLineBytes);
    EXPECT_EQ(records_[2].text, "xxxxx");
}

TEST_F(OutputTest, ALineThatIsNotEndedBelongsToWhoBeganIt) {
    Output output = make();
    output.begin(kA, 1, records_);
    output.take("of a", 1, records_);
    output.begin(kB, 2, records_);
    output.take("of b\n", 2, records_);
    ASSERT_EQ(records_.size(), 2u);
    EXPECT_EQ(records_[0].request, kA);
    EXPECT_EQ(records_[1].request, kB);
}

TEST_F(OutputTest, AnInvocationHasItsShareAndTheLogSaysWhatIsMissing) {
    Output output = make(1);
    output.begin(kA, 1, records_);
    const std::string line(99, 'x');
    for (int i = 0; i < 20; ++i) output.take(line + "\n", 1, records_);
    EXPECT_EQ(records_.size(), 10u);
    output.take(std::string(50000, 'y'), 1, records_);
    output.begin(kB, 2, records_);
    ASSERT_EQ(records_.size(), 11u);
    EXPECT_EQ(records_.back().text,
              "51000 bytes of output dropped: more than 1 KiB of one invocation");
    EXPECT_EQ(records_.back().stream, Stream::platform);
    EXPECT_EQ(records_.back().request, kA);
    EXPECT_EQ(output.dropped_bytes(), 51000u);
    output.take("b\n", 2, records_);
    EXPECT_EQ(records_.back().text, "b") << "with a share of its own";
    for (int i = 0; i < 3000; ++i) output.take("\n", 2, records_);
    output.finish(3, records_);
    EXPECT_NE(records_.back().text.find("dropped"), std::string::npos) << "empty lines count";
}

TEST_F(OutputTest, LambdaLines) {
    Output output = make(64, true);
    output.take("loading\n", 1, records_);
    output.set_init_us(12345);
    output.begin(kA, 2, records_);
    output.take("working", 2, records_);
    output.end(end_of(kA, 1501), 20000, 3, records_);
    const std::string id = uuid_text(kA);
    EXPECT_EQ(texts(), (Texts{"loading", "START RequestId: " + id + " Version: 0123456789ab",
                              "working", "END RequestId: " + id,
                              "REPORT RequestId: " + id +
                                  "\tInit Duration: 12.34 ms\tDuration: 1.50 ms\tBilled Duration: "
                                  "2 ms\tMemory Size: 128 MB\tMax Memory Used: 20 MB"}));
    // Its start was lost with a full ring; the worker ran out of time.
    LogEvent late = end_of(kB, 3'000'000);
    late.end = LogEnd::timed_out;
    output.end(late, 0, 4, records_);
    ASSERT_EQ(records_.size(), 3u);
    EXPECT_EQ(records_[0].text, "START RequestId: " + uuid_text(kB) + " Version: 0123456789ab");
    EXPECT_EQ(records_[2].text, "REPORT RequestId: " + uuid_text(kB) +
                                    "\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory "
                                    "Size: 128 MB\tStatus: timeout");
}

TEST(LogTails, KeepTheLastBytesOfTheLastInvocations) {
    Tails tails;
    EXPECT_FALSE(tails.find(1, kA));
    tails.append(1, kA, "one");
    tails.append(1, kA, "");
    EXPECT_EQ(tails.find(1, kA), "one\n\n");
    for (int i = 0; i < 10000; ++i) tails.append(1, kA, "line " + std::to_string(i));
    const std::string tail = *tails.find(1, kA);
    EXPECT_LE(tail.size(), kTailBytes);
    EXPECT_GT(tail.size(), kTailBytes - 20);
    EXPECT_EQ(tail.substr(0, 5), "line ");
    EXPECT_EQ(tail.substr(tail.size() - 10), "line 9999\n");
    tails.append(1, kB, std::string(3 * kTailBytes, 'x'));
    EXPECT_EQ(tails.find(1, kB)->size(), kTailBytes) << "one long line";
    for (std::uint64_t i = 0; i < kMaxTails; ++i) tails.append(1, {9, i}, "x");
    EXPECT_FALSE(tails.find(1, kA));
    EXPECT_TRUE(tails.find(1, {9, 0}));
    // Of another worker's invocation that has the same id: nothing.
    EXPECT_FALSE(tails.find(2, {9, 0}));
}

TEST(LogTails, AreTakenOnceWithTheRoomThereIs) {
    Tails tails;
    tails.append(1, kA, "first");
    tails.append(1, kA, "second");
    EXPECT_EQ(tails.find(1, kA, 8), "second\n");
    EXPECT_EQ(tails.find(1, kA, 3), "nd\n");
    EXPECT_EQ(tails.take(1, kA, 4096), "first\nsecond\n");
    EXPECT_FALSE(tails.take(1, kA, 4096));
    tails.append(1, kA, "anew");
    EXPECT_EQ(tails.take(1, kA, 4096), "anew\n");
}

}  // namespace
}  // namespace skerry::logs
