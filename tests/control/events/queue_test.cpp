// Which event is next, and what becomes of one that ended.
#include <gtest/gtest.h>

#include "control/events/queue.hpp"

namespace skerry::events {
namespace {

constexpr std::uint64_t kNow = 1'000'000;

Settings settings() {
    return {.records = 100,
            .bytes = 1 << 20,
            .concurrency = 4,
            .retries = 2,
            .max_age_ms = 60'000,
            .retry_delay_ms = 1000,
            .busy_delay_ms = 100};
}

Event event(std::int64_t id, std::uint64_t function = 1, std::uint64_t at_ms = kNow) {
    Event made;
    made.id = id;
    made.function_key = function;
    made.accepted_ms = made.due_ms = at_ms;
    made.payload_bytes = 10;
    return made;
}

std::int64_t next(Queue& queue, std::uint64_t now_ms = kNow) {
    const auto started = queue.start(now_ms);
    return started ? started->id : 0;
}

std::uint64_t dropped(const Queue& queue, Dropped why) {
    return queue.counts().dropped[static_cast<std::size_t>(why)];
}

TEST(EventQueue, InTheOrderInWhichTheyCame) {
    Queue queue(settings());
    for (std::int64_t id = 1; id <= 5; ++id) queue.add(event(id));
    for (std::int64_t id = 1; id <= 4; ++id) EXPECT_EQ(next(queue), id);
    EXPECT_EQ(next(queue), 0);  // as many as may run do
    EXPECT_EQ(queue.ended(2, ReplyStatus::ok, kNow).what, Ended::What::done);
    EXPECT_EQ(next(queue), 5);
    for (const std::int64_t id : {1, 3, 4, 5}) queue.ended(id, ReplyStatus::ok, kNow);
    EXPECT_EQ(queue.size(), 0u);
    EXPECT_EQ(queue.bytes(), 0u);
    EXPECT_EQ(queue.counts().executed, 5u);
    EXPECT_TRUE(queue.functions().empty());
    EXPECT_EQ(queue.next_due_ms(), ~std::uint64_t{0});
}

TEST(EventQueue, NothingBeforeItsTime) {
    Queue queue(settings());
    queue.add(event(1, 1, kNow + 500));
    EXPECT_EQ(next(queue, kNow + 499), 0);
    EXPECT_EQ(queue.next_due_ms(), kNow + 500);
    EXPECT_EQ(next(queue, kNow + 500), 1);
}

TEST(EventQueue, AFailureIsTriedAgainLaterAndLater) {
    Queue queue(settings());
    queue.add(event(1));
    std::uint64_t now_ms = kNow;
    for (const std::uint64_t delay_ms : {1000u, 2000u}) {
        ASSERT_EQ(next(queue, now_ms), 1);
        const Ended end = queue.ended(1, ReplyStatus::function_error, now_ms);
        EXPECT_EQ(end.what, Ended::What::again_failed);
        EXPECT_EQ(end.event.due_ms, now_ms + delay_ms);
        EXPECT_EQ(next(queue, now_ms + delay_ms - 1), 0);
        now_ms += delay_ms;
    }
    ASSERT_EQ(next(queue, now_ms), 1);
    const Ended end = queue.ended(1, ReplyStatus::worker_hung, now_ms);
    EXPECT_EQ(end.what, Ended::What::dropped);
    EXPECT_EQ(end.why, Dropped::function_failed);
    EXPECT_EQ(queue.size(), 0u);
    EXPECT_EQ(queue.counts().failures, 3u);
    EXPECT_EQ(queue.counts().attempts, 3u);
    EXPECT_EQ(dropped(queue, Dropped::function_failed), 1u);
}

// No room is nobody's failure: as long as it is young enough, and less and less often.
TEST(EventQueue, NoRoomIsTriedAgainUntilItIsTooOld) {
    Queue queue(settings());
    queue.add(event(1));
    std::uint64_t now_ms = kNow, last_delay_ms = 0;
    std::uint32_t tries = 0;
    while (now_ms < kNow + 60'000) {
        ASSERT_EQ(next(queue, now_ms), 1);
        const Ended end = queue.ended(1, ReplyStatus::overloaded, now_ms);
        ASSERT_EQ(end.what, Ended::What::again_busy);
        const std::uint64_t delay_ms = end.event.due_ms - now_ms;
        EXPECT_GE(delay_ms, last_delay_ms);
        EXPECT_LE(delay_ms, Queue::kBusyDelayMax_ms);
        last_delay_ms = delay_ms;
        now_ms = end.event.due_ms;
        ++tries;
    }
    EXPECT_EQ(tries, 10u);
    EXPECT_EQ(queue.next_due_ms(), kNow + 60'000);
    EXPECT_TRUE(queue.expire(kNow + 59'999, 10).empty());
    EXPECT_EQ(queue.expire(kNow + 60'000, 10).size(), 1u);
    EXPECT_EQ(dropped(queue, Dropped::too_old), 1u);
    EXPECT_EQ(queue.size(), 0u);
    EXPECT_TRUE(queue.functions().empty());
}

// Every status is judged, and each event ends in exactly one way.
TEST(EventQueue, EveryStatusHasItsEnd) {
    for (std::uint32_t code = 0; code < std::size(kStatuses); ++code) {
        Queue queue(settings());
        queue.add(event(1));
        ASSERT_EQ(next(queue), 1);
        const auto status = static_cast<ReplyStatus>(code);
        const Ended end = queue.ended(1, status, kNow);
        EXPECT_EQ(queue.running(), 0u);
        const bool stays =
            end.what == Ended::What::again_busy || end.what == Ended::What::again_failed;
        EXPECT_EQ(queue.size(), stays ? 1u : 0u) << kStatuses[code].name;
        const bool never =
            status == ReplyStatus::no_such_function || status == ReplyStatus::no_such_version ||
            status == ReplyStatus::too_large || status == ReplyStatus::bad_message ||
            status == ReplyStatus::unsupported_version || status == ReplyStatus::too_many_hops;
        EXPECT_EQ(end.what == Ended::What::dropped, never) << kStatuses[code].name;
        EXPECT_EQ(end.what == Ended::What::done, status == ReplyStatus::ok);
    }
}

TEST(EventQueue, OneFunctionHasHalfWhileOthersWait) {
    Queue queue(settings());
    for (std::int64_t id = 1; id <= 8; ++id) queue.add(event(id, 1));
    queue.add(event(9, 2));
    queue.add(event(10, 2, kNow + 1000));  // is not due: waits for nobody
    EXPECT_EQ(next(queue), 1);
    EXPECT_EQ(next(queue), 2);
    EXPECT_EQ(next(queue), 9);
    EXPECT_EQ(next(queue), 3);  // nobody else waits now
    EXPECT_EQ(next(queue), 0);
}

TEST(EventQueue, ItsLimitsCountWhatIsBeingWritten) {
    Queue queue({.records = 2, .bytes = 3ull * (Queue::kRecordBytes + 10)});
    EXPECT_TRUE(queue.has_room(10, 1, Queue::kRecordBytes + 10));
    EXPECT_FALSE(queue.has_room(10, 2, 2ull * (Queue::kRecordBytes + 10)));
    queue.add(event(1));
    EXPECT_TRUE(queue.has_room(10, 0, 0));
    EXPECT_TRUE(queue.has_room(Queue::kRecordBytes + 20, 0, 0));
    EXPECT_FALSE(queue.has_room(Queue::kRecordBytes + 21, 0, 0));
    queue.add(event(2));
    EXPECT_FALSE(queue.has_room(0, 0, 0));
}

TEST(EventQueue, AtMostSoManyAreTakenOutAtOnce) {
    Queue queue(settings());
    for (std::int64_t id = 1; id <= 5; ++id) queue.add(event(id));
    EXPECT_EQ(next(queue), 1);  // what runs is not taken away
    EXPECT_EQ(queue.expire(kNow + 60'000, 3).size(), 3u);
    EXPECT_EQ(queue.expire(kNow + 60'000, 3).size(), 1u);
    EXPECT_EQ(queue.size(), 1u);
    EXPECT_EQ(queue.ended(1, ReplyStatus::ok, kNow + 60'001).what, Ended::What::done);
}

}  // namespace
}  // namespace skerry::events
