// Second copies of requests that take longer than most, by datagram; and cancels, where they come
// in.
#include "dataplane/forward/usual_latency.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

// Region 0 is nearer. Their ways are long, so that nothing is sent again within a test.
class Hedge : public Forward {
  protected:
    void begin(RetryPolicy retry = RetryPolicy::idempotent) {
        targets[0].retry = retry;
        start();
        set_region(0, 100'000);
        set_region(1, 120'000);
    }
    Message ask(std::uint32_t deadline_us = 2'000'000, std::uint16_t flags = 0) {
        wire::Header header = request_header(shared, client(), ++id);
        header.deadline_us.set(deadline_us);
        header.flags.set(flags);
        send(client(), header, "payload");
        turn();
        Message asked = next();
        EXPECT_TRUE(is_for(asked, 0));
        return asked;
    }
    // So many quick answers: then it is known what is usual.
    void learn(std::uint32_t times = UsualLatency::kLeast) {
        for (std::uint32_t i = 0; i < times; ++i) {
            answer(0, ask(), wire::Kind::reply, ReplyStatus::ok, "quick");
            EXPECT_EQ(next().payload, "quick");
        }
    }
    void turn_for_ms(std::uint64_t ms) {
        const std::uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 1000 * ms;
        while (rte_rdtsc() < until) turn();
    }
    // The first and the second copy of one request.
    std::pair<Message, Message> hedged(std::uint32_t deadline_us = 2'000'000) {
        const Message first = ask(deadline_us);
        const auto second = wait_for(1);
        EXPECT_TRUE(second);
        return {first, second.value_or(Message{})};
    }
    void expect_cancel(std::uint32_t region, const Message& of) {
        const Message cancel = next();
        EXPECT_TRUE(is_for(cancel, region));
        EXPECT_EQ(cancel.kind(), wire::Kind::cancel);
        EXPECT_EQ(cancel.header.request_id_hi.get(), of.header.request_id_hi.get());
        EXPECT_EQ(cancel.header.request_id_lo.get(), of.header.request_id_lo.get());
        EXPECT_EQ(cancel.header.function_key.get(), kFunctionKey);
        EXPECT_EQ(cancel.header.cookie.get(), 500u + region);
        EXPECT_EQ(cancel.payload, "");
    }
    void expect_nothing_left() {
        EXPECT_EQ(core->context().invocations.used(), 0u);
        EXPECT_TRUE(sent.empty());
    }
    std::uint64_t id = 0;
};

TEST_F(Hedge, NothingIsUsualOfFunctionsThatShareARow) {
    targets[0].function = kCommonRow;
    begin();
    learn();
    const Message first = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty()) << "no second copy";
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "late");
    EXPECT_EQ(next().payload, "late");
    expect_nothing_left();
}

TEST_F(Hedge, TheSecondAnswersFirstAndTheFirstIsCancelled) {
    begin();
    learn();
    const auto [first, second] = hedged();
    EXPECT_EQ(second.payload, "payload");
    EXPECT_EQ(second.header.qualifier.get(), kVersionKey);
    EXPECT_EQ(second.header.cookie.get(), 501u);
    EXPECT_NE(second.header.request_id_lo.get(), first.header.request_id_lo.get());
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "second");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "second");
    EXPECT_EQ(reply.header.request_id_lo.get(), id);
    EXPECT_EQ(reply.header.attempts, 2);
    EXPECT_TRUE(reply.header.flags.get() & wire::flag::maybe_repeated);
    expect_cancel(0, first);
    expect_nothing_left();
    EXPECT_EQ(count(Reason::hedge_sent), 1u);
    EXPECT_EQ(count(Reason::hedge_won), 1u);
    EXPECT_EQ(count(Reason::cancel_sent), 1u);
    // It is too late now.
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "first");
    expect_nothing_left();
    EXPECT_EQ(count(Reason::drop_stale_reply), 1u);
    // The client's own copy of the request is answered from the cache.
    send(client(), request_header(shared, client(), id), "payload");
    turn();
    EXPECT_EQ(next().payload, "second");
}

TEST_F(Hedge, TheFirstAnswersAfterAllAndTheSecondIsCancelled) {
    begin();
    learn();
    const auto [first, second] = hedged();
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "first");
    EXPECT_EQ(next().payload, "first");
    expect_cancel(1, second);
    expect_nothing_left();
    EXPECT_EQ(count(Reason::hedge_won), 0u);
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "second");
    expect_nothing_left();
}

TEST_F(Hedge, BothAnswerInOneBurst) {
    begin();
    learn();
    const auto [first, second] = hedged();
    for (const Message* each : {&second, &first}) {
        wire::Header header = each->header;
        header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
        send(region_peer(each == &first ? 0 : 1), header, each == &first ? "first" : "second");
    }
    turn();
    EXPECT_EQ(next().payload, "second");
    expect_cancel(0, first);
    expect_nothing_left();
    EXPECT_EQ(count(Reason::drop_stale_reply), 1u);
}

TEST_F(Hedge, OnlyWhatTheOwnerCallsIdempotent) {
    for (const RetryPolicy retry : {RetryPolicy::unstarted, RetryPolicy::never}) {
        targets[0].retry = retry;
        if (core == nullptr) begin(retry);
        publish();
        learn();
        const Message first = ask();
        turn_for_ms(30);
        EXPECT_TRUE(sent.empty());
        answer(0, first, wire::Kind::reply, ReplyStatus::ok, "slow");
        EXPECT_EQ(next().payload, "slow");
    }
    EXPECT_EQ(count(Reason::hedge_sent), 0u);
    EXPECT_EQ(shared.counters[0]->regions[1].sent.get(), 0u);
}

TEST_F(Hedge, WhereTheOwnerLeavesItToRequestsOnlyThoseThatSaySo) {
    begin(RetryPolicy::marked);
    const auto marked = [&] {
        const Message asked = ask(2'000'000, wire::flag::idempotent);
        // It is between client and POP alone.
        EXPECT_EQ(asked.header.flags.get() & wire::flag::idempotent, 0);
        return asked;
    };
    for (std::uint32_t i = 0; i < UsualLatency::kLeast; ++i) {
        answer(0, marked(), wire::Kind::reply, ReplyStatus::ok, "quick");
        EXPECT_EQ(next().payload, "quick");
    }
    const Message unmarked = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    answer(0, unmarked, wire::Kind::reply, ReplyStatus::ok, "slow");
    EXPECT_EQ(next().payload, "slow");

    const Message first = marked();
    const auto second = wait_for(1);
    ASSERT_TRUE(second);
    answer(1, *second, wire::Kind::reply, ReplyStatus::ok, "second");
    EXPECT_EQ(next().payload, "second");
    expect_cancel(0, first);
    expect_nothing_left();
    EXPECT_EQ(count(Reason::hedge_sent), 1u);
}

TEST_F(Hedge, AMarkIsNoMoreThanTheOwnerAllows) {
    begin(RetryPolicy::unstarted);
    for (std::uint32_t i = 0; i < UsualLatency::kLeast; ++i) {
        answer(0, ask(2'000'000, wire::flag::idempotent), wire::Kind::reply, ReplyStatus::ok);
        (void)next();
    }
    const Message first = ask(2'000'000, wire::flag::idempotent);
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    answer(0, first, wire::Kind::reply);
}

TEST_F(Hedge, NotBeforeItIsKnownWhatIsUsual) {
    begin();
    learn(UsualLatency::kLeast - 1);
    const Message first = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    answer(0, first, wire::Kind::reply);
    (void)next();
    // Another function in its place is a stranger again.
    learn();
    targets[0].function_key = 0x2222;
    publish();
    wire::Header header = request_header(shared, client(), ++id);
    header.function_key.set(0x2222);
    send(client(), header, "payload");
    turn();
    const Message other = next();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    answer(0, other, wire::Kind::reply);
}

TEST_F(Hedge, TheBudgetBoundsThem) {
    begin();
    learn();
    // 5 % of 64, and of those that follow.
    for (int i = 0; i < 3; ++i) {
        const auto [first, second] = hedged();
        answer(1, second, wire::Kind::reply, ReplyStatus::ok, "second");
        EXPECT_EQ(next().payload, "second");
        expect_cancel(0, first);
    }
    const Message fourth = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::hedge_no_budget), 1u);
    answer(0, fourth, wire::Kind::reply, ReplyStatus::ok, "slow");
    EXPECT_EQ(next().payload, "slow");
    EXPECT_EQ(count(Reason::hedge_sent), 3u);
}

TEST_F(Hedge, TheOperatorMayForbidThem) {
    info.hedge_percent = 0;
    begin();
    learn();
    const Message first = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::hedge_no_budget), 0u);
    answer(0, first, wire::Kind::reply);
}

TEST_F(Hedge, OnlyToARegionThatMayHaveIt) {
    begin();
    learn();
    set_region(1, 120'000, 0);  // ejected
    Message first = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::hedge_no_region), 1u);
    answer(0, first, wire::Kind::reply);
    (void)next();
    set_region(1, 120'000, 999);  // returning: not to be run over
    targets[0].barred = 2;
    publish();
    first = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::hedge_no_region), 2u);
    answer(0, first, wire::Kind::reply);
}

TEST_F(Hedge, AFullTableHasNoRoomForThem) {
    info.pending_limit = 1;
    begin();
    learn();
    const Message first = ask();
    turn_for_ms(30);
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::hedge_no_room), 1u);
    answer(0, first, wire::Kind::reply);
}

TEST_F(Hedge, TheFirstRefusesAndTheSecondGoesOnAlone) {
    begin();
    learn();
    const auto [first, second] = hedged();
    answer(0, first, wire::Kind::reply, ReplyStatus::overloaded);
    EXPECT_TRUE(sent.empty()) << "another region has it already";
    EXPECT_EQ(shared.counters[0]->fail_overs.get(), 0u);
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "second");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "second");
    EXPECT_FALSE(reply.header.flags.get() & wire::flag::maybe_repeated);
    expect_nothing_left();
}

TEST_F(Hedge, TheSecondRefusesAndTheFirstGoesOnAlone) {
    begin();
    learn();
    const auto [first, second] = hedged();
    answer(1, second, wire::Kind::reply, ReplyStatus::overloaded);
    EXPECT_TRUE(sent.empty());
    turn_for_ms(20);
    EXPECT_EQ(count(Reason::hedge_sent), 1u) << "once is enough";
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "first");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "first");
    EXPECT_FALSE(reply.header.flags.get() & wire::flag::maybe_repeated);
    expect_nothing_left();
}

TEST_F(Hedge, BothRefuseAndNothingWasExecuted) {
    for (const bool first_first : {true, false}) {
        if (core == nullptr) begin();
        learn();
        const auto [first, second] = hedged();
        answer(first_first ? 0 : 1, first_first ? first : second, wire::Kind::reply,
               ReplyStatus::overloaded);
        EXPECT_TRUE(sent.empty());
        answer(first_first ? 1 : 0, first_first ? second : first, wire::Kind::reply,
               ReplyStatus::overloaded);
        const Message reply = next();
        EXPECT_EQ(skerry::info(reply.status()).retry, Retry::unstarted);
        expect_nothing_left();
    }
}

TEST_F(Hedge, BothAreSilent) {
    begin();
    learn();
    set_region(0, 3000);
    set_region(1, 4000);
    const Message first = ask();
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::region_failed) << "either may have executed it";
    EXPECT_EQ(count(Reason::hedge_sent), 1u);
    EXPECT_EQ(shared.counters[0]->regions[0].silent.get(), 1u);
    EXPECT_EQ(shared.counters[0]->regions[1].silent.get(), 1u);
    sent.clear();
    expect_nothing_left();
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "late");
    expect_nothing_left();
}

TEST_F(Hedge, TheDeadlineEndsBoth) {
    begin();
    learn();
    const auto [first, second] = hedged(200'000);
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::deadline_exceeded);
    EXPECT_EQ(count(Reason::failed_deadline_region), 1u);
    turn();
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(count(Reason::cancel_sent), 0u) << "regions know the deadline";
    sent.clear();
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "late");
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "late");
    expect_nothing_left();
}

TEST_F(Hedge, ACopyIsItsOwnRegionsAlone) {
    begin();
    learn();
    const auto [first, second] = hedged();
    answer(0, second, wire::Kind::reply, ReplyStatus::ok, "forged");
    answer(1, first, wire::Kind::reply, ReplyStatus::ok, "forged");
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_stale_reply), 2u);
    answer(1, second, wire::Kind::challenge, ReplyStatus::ok, "", 999);
    const Message again = next();
    EXPECT_TRUE(is_for(again, 1));
    EXPECT_EQ(again.header.cookie.get(), 999u);
    answer(1, again, wire::Kind::accepted);
    answer(1, again, wire::Kind::reply, ReplyStatus::ok, "second");
    EXPECT_EQ(next().payload, "second");
    expect_cancel(0, first);
}

// At a region: what a POP says of a request that it has sent.
class CancelAtRegion : public LoopTest {
  protected:
    void SetUp() override {
        LoopTest::SetUp();
        info.is_pop = false;
        start();
        worker = std::make_unique<PlayedWorker>(shared, 0, 1);
    }
    void TearDown() override {
        worker->take();
        LoopTest::TearDown();
    }
    wire::Header header(std::uint64_t id) const {
        wire::Header made = request_header(shared, client(), id);
        made.flags.set(wire::flag::forwarded);
        return made;
    }
    void ask(std::uint64_t id) { send(client(), header(id), "in"); }
    void cancel(wire::Header of, const Peer& from = client()) {
        of.kind = static_cast<std::uint8_t>(wire::Kind::cancel);
        send(from, of);
        turn();
    }
    void finish_running(const std::string& result) {
        ASSERT_EQ(worker->take(), 1u);
        worker->respond(0, result);
        turn();
        EXPECT_EQ(next().payload, result);
    }
    std::unique_ptr<PlayedWorker> worker;
};

TEST_F(CancelAtRegion, WhatWaitsIsNeverExecuted) {
    ask(1);
    turn();
    ask(2);
    ask(3);
    turn();
    cancel(header(2));
    EXPECT_TRUE(sent.empty()) << "nobody waits for a word";
    EXPECT_EQ(count(Reason::cancel_taken), 1u);
    EXPECT_EQ(shared.capacity->entries[0].wanted.load(), 1u);
    finish_running("one");
    finish_running("three");
    EXPECT_EQ(worker->take(), 0u);
    EXPECT_EQ(core->context().invocations.used(), 0u);
    cancel(header(2));
    EXPECT_EQ(count(Reason::cancel_late), 1u);
}

TEST_F(CancelAtRegion, ItMayComeWithWhatItCancels) {
    ask(1);
    turn();
    ask(2);
    cancel(header(2));
    EXPECT_EQ(count(Reason::cancel_taken), 1u);
    finish_running("one");
    EXPECT_EQ(core->context().invocations.used(), 0u);
}

TEST_F(CancelAtRegion, WhatHasBegunRunsOn) {
    ask(1);
    turn();
    cancel(header(1));
    EXPECT_EQ(count(Reason::cancel_late), 1u);
    finish_running("one");
    cancel(header(1));
    EXPECT_EQ(count(Reason::cancel_late), 2u);
    ask(1);
    turn();
    EXPECT_EQ(next().payload, "one") << "and is not executed again";
}

TEST_F(CancelAtRegion, OnlyItsSenderHasASay) {
    ask(1);
    turn();
    ask(2);
    turn();
    wire::Header of = header(2);
    of.cookie.set(of.cookie.get() + 1);
    cancel(of);
    EXPECT_EQ(count(Reason::drop_cancel), 1u);
    cancel(header(2), client(40001));
    cancel(header(22));
    of = header(2);
    of.function_key.set(7);
    cancel(of);
    EXPECT_EQ(count(Reason::cancel_late), 3u);
    EXPECT_EQ(count(Reason::cancel_taken), 0u);
    EXPECT_TRUE(sent.empty());
    finish_running("one");
    finish_running("two");
}

TEST_F(CancelAtRegion, MoreThanATurnLooksAtAreLate) {
    for (std::uint64_t id = 1; id <= Messages::kCancels + 8; ++id) {
        wire::Header of = header(id);
        of.kind = static_cast<std::uint8_t>(wire::Kind::cancel);
        send(client(), of);
    }
    turn();
    turn();
    turn();
    EXPECT_EQ(count(Reason::cancel_late), Messages::kCancels + 8u);
}

}  // namespace
}  // namespace skerry::test
