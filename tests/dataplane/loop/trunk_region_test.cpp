// A region's core, and a POP that the test plays: its own TCP, and the other end of the trunk.
// Every test ends by proving that no buffer was lost.
#include "dataplane/exchange/trunk_exchanges.hpp"

#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/played_pop.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

TEST_F(TrunkRegion, ARequestAndItsAnswerOfAnySize) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop pop = this->pop();
    EXPECT_EQ(count(Reason::trunk_up), 1u);
    for (const std::size_t bytes : {0u, 1u, 5000u, 700'000u}) {
        const std::string body = pattern(bytes);
        const std::uint32_t place = ask(pop, body);
        ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
        EXPECT_TRUE(worker.request(0) == body);
        worker.respond(0, body + "!");
        ASSERT_TRUE(answered(pop, place));
        EXPECT_TRUE(pop->streams[place].heard == body + "!");
        EXPECT_EQ(status(pop, place), ReplyStatus::ok);
        EXPECT_STREQ(pop->streams[place].header.place, "r7");
        EXPECT_EQ(pop->streams[place].header.trace_id_lo.get(), 0x7aceu);
        EXPECT_EQ(pop->streams[place].header.qualifier.get(), kVersionKey);
    }
    EXPECT_EQ(count(Reason::served_local), 4u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(TrunkRegion, AcceptedIsSaidBeforeTheWorkerIsDone) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop pop = this->pop();
    const std::uint32_t place = ask(pop, "x", wire::flag::want_accepted);
    ASSERT_TRUE(step_until([&] { return pop->streams[place].accepted == 1; }));
    EXPECT_FALSE(pop->streams[place].complete);
    const std::uint32_t waits = ask(pop, "y", wire::flag::want_accepted);  // for the slot
    ASSERT_TRUE(step_until([&] { return pop->streams[waits].accepted == 1; }));
    EXPECT_EQ(worker.take(), 1u);
    worker.respond(0, "one");
    ASSERT_TRUE(answered(pop, place));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "two");
    ASSERT_TRUE(answered(pop, waits));
    EXPECT_EQ(pop->streams[waits].heard, "two");
}

TEST_F(TrunkRegion, WhatIsRefusedInDatagramsIsRefusedHere) {
    start();
    Pop pop = this->pop();
    std::uint32_t place = ask(pop, pattern(300'000), 0, 0x999);
    ASSERT_TRUE(answered(pop, place));
    EXPECT_EQ(status(pop, place), ReplyStatus::no_such_function);
    EXPECT_LT(pop->streams[place].said, 300'000u) << "the rest was not sent";
    place = ask(pop, "x", 0, kFunctionKey, 2);
    ASSERT_TRUE(answered(pop, place));
    EXPECT_EQ(status(pop, place), ReplyStatus::too_many_hops);
    place = ask(pop, pattern((1 << 20) + 1));
    ASSERT_TRUE(answered(pop, place));
    EXPECT_EQ(status(pop, place), ReplyStatus::too_large);
    publish(true);
    place = ask(pop, "x");
    ASSERT_TRUE(answered(pop, place));
    EXPECT_EQ(status(pop, place), ReplyStatus::draining);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(TrunkRegion, ManyAtOnceAndTheSmallOnesFirst) {
    start();
    PlayedWorker worker(shared, 0, 2, 0, 1 << 20);
    Pop pop = this->pop();
    const std::uint32_t large = ask(pop, pattern(1 << 20));
    const std::uint32_t small = ask(pop, "small");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(worker.request(0), "small");
    worker.respond(0, "done");
    ASSERT_TRUE(answered(pop, small));
    EXPECT_FALSE(pop->streams[large].complete);
    std::uint64_t taken = 0;
    ASSERT_TRUE(step_until([&] { return (taken = worker.take()) != 0; }));
    worker.respond(taken == 1 ? 0 : 1, "too");
    ASSERT_TRUE(answered(pop, large));
}

TEST_F(TrunkRegion, CancelledWhileItWaitsItIsNotExecuted) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop pop = this->pop();
    const std::uint32_t runs = ask(pop, "1"), waits = ask(pop, "2");
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 2; }));
    ASSERT_EQ(worker.take(), 1u);
    pop->cancel(waits);
    ASSERT_TRUE(step_until([&] { return core->context().invocations.used() == 1; }));
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
    pop->cancel(runs);  // that one is let run
    for (int i = 0; i < 10; ++i) step();
    EXPECT_EQ(core->context().invocations.used(), 1u);
    // Its place is used again while it runs: the answers must not be mixed up.
    const std::uint32_t next = ask(pop, "3");
    for (int i = 0; i < 10; ++i) step();
    worker.respond(0, "for nobody");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    EXPECT_EQ(worker.request(0), "3");
    worker.respond(0, "for three");
    ASSERT_TRUE(answered(pop, next));
    EXPECT_EQ(pop->streams[next].heard, "for three");
}

TEST_F(TrunkRegion, APopThatGoesAtAnyMoment) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    for (int moment = 0; moment < 120; ++moment) {
        Pop pop = this->pop();
        ahead = moment % 3 == 0 ? 3000 : 64 * 1024;
        (void)ask(pop, pattern(200'000), wire::flag::want_accepted);
        (void)ask(pop, "small");
        for (int i = 0; i < moment; ++i) {
            step();
            if (worker.take() == 1) worker.respond(0, pattern(300'000));
        }
        lose(pop, moment % 2 == 0);
        ASSERT_TRUE(step_until([&] {
            if (worker.take() == 1) worker.respond(0, "");
            return core->context().invocations.used() == 0 && payload_buffers_in_use() == 0;
        })) << moment;
    }
    EXPECT_EQ(count(Reason::trunk_closed_peer), 120u);
    EXPECT_EQ(count(Reason::trunk_closed_malformed), 0u);
}

TEST_F(TrunkRegion, WhoSpeaksSomethingElseIsReset) {
    start();
    const net::tcp::Handle stranger = connect(4600);
    say(stranger, "GET / HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_closed_malformed) == 1; }));
    ASSERT_TRUE(step_until([&] { return closed == 1; }));
}

TEST_F(TrunkRegion, WhoSaysNothingIsResetAfterAWhile) {
    start();
    (void)connect(4600);
    const std::uint64_t limit = now_us() + 8'000'000;
    while (closed == 0 && now_us() < limit) step();
    EXPECT_EQ(count(Reason::trunk_closed_idle), 1u);
}

TEST_F(TrunkRegion, AnAddressHasAShareOfTheTrunks) {
    start();
    Pop first = pop();
    (void)pop();
    Pop third = pop();  // a quarter of eight are two
    EXPECT_TRUE(dead(third.connection));
    EXPECT_EQ(count(Reason::trunk_refused_full), 1u);
    Pop other = pop(1);
    EXPECT_TRUE(other->link.up());
    lose(first, true);
    Pop again = pop();
    EXPECT_TRUE(again->link.up());
}

TEST_F(TrunkRegion, OnlyThoseWhoMayInvokeHaveTrunks) {
    info.anyone_invokes = false;
    info.invoke_from = {*net::IpPrefix::parse("fd00::/8")};
    start();
    Pop refused = pop(0);
    EXPECT_TRUE(dead(refused.connection));
    EXPECT_EQ(count(Reason::trunk_refused_source), 1u);
    EXPECT_EQ(count(Reason::trunk_up), 0u);
}

TEST_F(TrunkRegion, WhoMayInvokeHasATrunk) {
    info.anyone_invokes = false;
    info.invoke_from = {*net::IpPrefix::parse("10.0.0.0/8")};
    start();
    Pop taken = pop(0);
    EXPECT_TRUE(taken->link.up());
    EXPECT_EQ(count(Reason::trunk_refused_source), 0u);
}

TEST_F(TrunkRegion, TheOneIdleForLongestMakesRoom) {
    info.trunks.accepted = 2;  // one for each address
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop first = pop(0), second = pop(1);
    const std::uint32_t place = ask(first, "busy");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    Pop third = pop(2);
    EXPECT_TRUE(third->link.up());
    EXPECT_FALSE(dead(first.connection)) << "has work under way";
    EXPECT_TRUE(step_until([&] { return dead(second.connection); }));
    EXPECT_EQ(count(Reason::trunk_closed_room), 1u);
    worker.respond(0, "served");
    ASSERT_TRUE(answered(first, place));
}

TEST_F(TrunkRegion, WhenNoBufferIsLeftTheOldestRequestMakesRoom) {
    payload_buffers = 8;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop pop = this->pop();
    ahead = 3000;
    const std::uint32_t slow = ask(pop, pattern(32'000));
    ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() == 7; }));
    stuck = pop.end;
    Pop other = this->pop(1);
    const std::uint32_t quick = ask(other, pattern(9000));
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, "served");
    ASSERT_TRUE(answered(other, quick));
    EXPECT_EQ(other->streams[quick].heard, "served");
    stuck = nullptr;
    ASSERT_TRUE(answered(pop, slow));
    EXPECT_EQ(status(pop, slow), ReplyStatus::overloaded);
}

TEST_F(TrunkRegion, NoBufferForAnAnswer) {
    payload_buffers = 8;
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop pop = this->pop();
    const std::uint32_t place = ask(pop, "x");
    ASSERT_TRUE(step_until([&] { return worker.take() == 1; }));
    worker.respond(0, pattern(500'000));
    ASSERT_TRUE(answered(pop, place));
    EXPECT_EQ(status(pop, place), ReplyStatus::reply_gone);
    EXPECT_EQ(count(Reason::failed_answer_no_room), 1u);
}

TEST_F(TrunkRegion, TheTimeThePayloadTookCounts) {
    start();
    PlayedWorker worker(shared, 0, 1, 0, 1 << 20);
    Pop pop = this->pop();
    deadline_us = 20'000;
    ahead = 0;
    const std::uint32_t place = ask(pop, pattern(30'000));
    ahead = 10'000;
    step();
    ahead = 0;
    const std::uint64_t later = now_us() + 50'000;
    while (now_us() < later) step();
    ahead = 64 * 1024;
    ASSERT_TRUE(answered(pop, place));
    EXPECT_EQ(status(pop, place), ReplyStatus::deadline_exceeded);
    EXPECT_EQ(worker.take(), 0u);
}

}  // namespace
}  // namespace skerry::test
