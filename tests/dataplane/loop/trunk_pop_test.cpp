// A POP's core between an HTTP client and regions that the test plays, with their own TCP and the
// other ends of the trunks. Every test ends by proving that no buffer was lost.
#include "dataplane/forward/trunks.hpp"

#include <array>

#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/played_region.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

TEST_F(TrunkPop, ALargeRequestAndItsAnswer) {
    begin();
    const std::string body = pattern(700'000);
    ask(body);
    const Region::Asked asked = wait_for(0);
    EXPECT_TRUE(asked->heard == body);
    EXPECT_EQ(asked->header.hop_count, 1);
    EXPECT_EQ(asked->header.qualifier.get(), kVersionKey);
    EXPECT_EQ(asked->header.cookie.get(), 0u);
    EXPECT_TRUE(asked->header.flags.get() & wire::flag::want_accepted);
    regions[0]->answer(asked, body + body);
    const std::string text = reply();
    EXPECT_TRUE(body_of(text) == body + body);
    EXPECT_NE(text.find("x-skerry-decision: forward; region=r0; reason=served_region"),
              std::string::npos)
        << text.substr(0, 400);
    EXPECT_EQ(count(Reason::served_region), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
    EXPECT_TRUE(sent.empty()) << "nothing went by datagram";
}

TEST_F(TrunkPop, SixMebibytesBothWays) {
    payload_buffers = 4096;
    begin();
    const std::string body = pattern(6 << 20);
    ask(body);
    const Region::Asked asked = wait_for(0);
    EXPECT_TRUE(asked->heard == body);
    regions[0]->answer(asked, body);
    EXPECT_TRUE(body_of(reply()) == body);
}

TEST_F(TrunkPop, SmallOnesOverHttpToo) {
    begin();
    ask("");
    regions[0]->answer(wait_for(0), "");
    EXPECT_EQ(body_of(reply()), "");
    ask("x");
    regions[0]->answer(wait_for(0), "y", ReplyStatus::function_error);
    EXPECT_NE(reply().find("X-Amz-Function-Error"), std::string::npos);
}

TEST_F(TrunkPop, DatagramsStayDatagrams) {
    begin();
    send(client(), request_header(shared, client(), 1), "payload");
    step();
    const Message forwarded = next();
    EXPECT_EQ(forwarded.path.local, region_peer(0).address);
    EXPECT_EQ(forwarded.payload, "payload");
    EXPECT_FALSE(regions[0]->asked(false));
    wire::Header header = forwarded.header;
    header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
    send(region_peer(0), header, "answer");
    step();
    EXPECT_EQ(next().payload, "answer");
}

TEST_F(TrunkPop, WhatDoesNotFitADatagramGoesByTrunkWhoeverAsked) {
    region_max_payload = 10;
    begin();
    send(client(), request_header(shared, client(), 1), "longer than ten bytes");
    const Region::Asked asked = wait_for(0);
    EXPECT_EQ(asked->heard, "longer than ten bytes");
    regions[0]->answer(asked, "so is this answer");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    const Message reply = next();
    EXPECT_EQ(reply.payload, "so is this answer");
    EXPECT_EQ(reply.header.request_id_lo.get(), 1u);
}

TEST_F(TrunkPop, WithoutATrunkSmallOnesGoByDatagramAndLargeOnesAreToldToWait) {
    for (auto& region : regions) region->gone = true;
    start();
    set_region(0, 1000);
    set_region(1, 2000);
    ask(pattern(5000));
    EXPECT_NE(reply().find("HTTP/1.1 503"), std::string::npos);
    EXPECT_EQ(count(Reason::refused_no_region), 1u);
    ask("small");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    const Message forwarded = next();
    EXPECT_EQ(forwarded.payload, "small");
    wire::Header header = forwarded.header;
    header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
    send(region_peer(0), header, "by datagram");
    EXPECT_EQ(body_of(reply()), "by datagram");
}

TEST_F(TrunkPop, ARefusalSendsItToAnotherRegion) {
    begin();
    const std::string body = pattern(100'000);
    ask(body);
    regions[0]->answer(wait_for(0), "", ReplyStatus::overloaded);
    const Region::Asked second = wait_for(1);
    EXPECT_TRUE(second->heard == body);
    regions[1]->answer(second, "from 1");
    EXPECT_EQ(body_of(reply()), "from 1");
}

TEST_F(TrunkPop, BrokenBeforeAcceptedItGoesElsewhere) {
    begin();
    ask(pattern(100'000));
    (void)wait_for(0);
    regions[0]->break_trunks();
    const Region::Asked second = wait_for(1);
    regions[1]->answer(second, "from 1");
    EXPECT_EQ(body_of(reply()), "from 1");
    EXPECT_EQ(shared.counters[0]->regions[0].silent.get(), 1u);
    EXPECT_EQ(count(Reason::trunk_closed_peer), 1u);
}

TEST_F(TrunkPop, BrokenAfterAcceptedTheOutcomeIsUnknown) {
    begin();
    ask(pattern(100'000));
    const Region::Asked asked = wait_for(0);
    asked.end->say(asked.place);
    ASSERT_TRUE(step_until([&] { return count(Reason::accept_taken) == 1; }));
    regions[0]->break_trunks();
    EXPECT_EQ(reply().substr(0, 10), "HTTP/1.1 5");
    EXPECT_EQ(count(Reason::failed_outcome_unknown), 1u);
    EXPECT_EQ(shared.counters[0]->regions[1].sent.get(), 0u);
}

TEST_F(TrunkPop, AnIdempotentFunctionGoesElsewhereInAnyCase) {
    begin(RetryPolicy::idempotent);
    ask(pattern(100'000));
    Region::Asked asked = wait_for(0);
    EXPECT_FALSE(asked->header.flags.get() & wire::flag::want_accepted);
    regions[0]->answer(asked, pattern(500'000));
    ASSERT_TRUE(step_until([&] { return asked->said > 100'000; }));
    regions[0]->break_trunks();  // in the middle of its answer
    regions[1]->answer(wait_for(1), "from 1");
    EXPECT_EQ(body_of(reply()), "from 1");
}

TEST_F(TrunkPop, PolicyNeverMeansOnceItWasSent) {
    begin(RetryPolicy::never);
    ask(pattern(100'000));
    (void)wait_for(0);
    regions[0]->break_trunks();
    EXPECT_EQ(reply().substr(0, 10), "HTTP/1.1 5");
    EXPECT_EQ(count(Reason::failed_outcome_unknown), 1u);
}

TEST_F(TrunkPop, BrokenBeforeItWasSentThereIsNoDoubt) {
    regions[0]->grants = false;  // so that it can't be sent to its end
    begin(RetryPolicy::never);
    ask(pattern(300'000));
    const Region::Asked asked = wait_for(0, false);
    ASSERT_TRUE(step_until([&] { return asked->heard.size() == 64 * 1024; }));
    regions[0]->break_trunks();
    const Region::Asked second = wait_for(1);
    EXPECT_EQ(second->heard.size(), 300'000u);
    regions[1]->answer(second, "from 1");
    EXPECT_EQ(body_of(reply()), "from 1");
}

TEST_F(TrunkPop, ASilentRegionIsGivenUp) {
    begin();
    ask(pattern(100'000));
    (void)wait_for(0);
    regions[0]->gone = true;
    const Region::Asked second = wait_for(1);
    ASSERT_TRUE(second);
    EXPECT_EQ(count(Reason::trunk_closed_silent), 1u);
    regions[1]->answer(second, "from 1");
    EXPECT_EQ(body_of(reply()), "from 1");
}

TEST_F(TrunkPop, ARegionThatWorksForLongIsNotSilent) {
    begin();
    ask("slow");
    const Region::Asked asked = wait_for(0);
    const std::uint64_t later = now_us() + 2'500'000;
    while (now_us() < later) step();
    EXPECT_EQ(count(Reason::trunk_closed_silent), 0u);
    regions[0]->answer(asked, "done");
    EXPECT_EQ(body_of(reply()), "done");
}

TEST_F(TrunkPop, ItIsMadeAgain) {
    begin();
    regions[0]->break_trunks();
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_up) == 3; }));
    ask("x");
    regions[0]->answer(wait_for(0), "again");
    EXPECT_EQ(body_of(reply()), "again");
}

TEST_F(TrunkPop, ARegionThatWasStartedAgainIsFoundOutBeforeItIsAsked) {
    begin();
    const std::uint64_t later = now_us() + 100'000;  // then all is acknowledged
    while (now_us() < later) step();
    regions[0]->gone = true;
    regions[0]->break_trunks();  // and nobody hears of it
    for (int i = 0; i < 10; ++i) step();
    regions[0]->gone = false;
    EXPECT_EQ(count(Reason::trunk_closed_peer), 0u);
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_up) == 3; }));
    EXPECT_EQ(count(Reason::trunk_closed_peer), 1u);
    ask("x");
    regions[0]->answer(wait_for(0), "anew");
    EXPECT_EQ(body_of(reply()), "anew");
}

TEST_F(TrunkPop, AMalformedWordEndsTheTrunk) {
    begin();
    ask("x");
    (void)wait_for(0);
    regions[0]->raw = std::string(8, '\xff');
    const Region::Asked second = wait_for(1);
    EXPECT_EQ(count(Reason::trunk_closed_malformed), 1u);
    regions[0]->break_trunks();
    regions[1]->answer(second, "from 1");
    EXPECT_EQ(body_of(reply()), "from 1");
}

TEST_F(TrunkPop, AClientThatGoesCancelsItThere) {
    begin();
    ask(pattern(100'000));
    const Region::Asked asked = wait_for(0);
    client_->abort(last_);
    ASSERT_TRUE(step_until([&] { return asked->cancelled; }));
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

// Both in one turn, the client first: nobody may answer an exchange that is over.
TEST_F(TrunkPop, AClientThatGoesAsItsAnswerComes) {
    begin();
    ask("x");
    Region::Asked asked = wait_for(0);
    regions[0]->answer(asked, "too late");
    client_->abort(last_);
    for (int i = 0; i < 5; ++i) step();
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
    ask("still there");
    regions[0]->answer(wait_for(0), "yes");
    EXPECT_EQ(body_of(reply()), "yes");
}

TEST_F(TrunkPop, AClientThatGoesAsItsTrunkBreaks) {
    begin();
    ask("x");
    (void)wait_for(0);
    regions[0]->break_trunks();
    client_->abort(last_);
    for (int i = 0; i < 5; ++i) step();
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
    EXPECT_EQ(payload_buffers_in_use(), 0u);
}

TEST_F(TrunkPop, TheDeadlineEndsItThereToo) {
    targets[0].timeout_us = 50'000;  // and a second for the way
    begin();
    ask("x");
    const Region::Asked asked = wait_for(0);
    EXPECT_NE(reply().find("HTTP/1.1 504"), std::string::npos);
    ASSERT_TRUE(step_until([&] { return asked->cancelled; }));
    EXPECT_EQ(count(Reason::failed_deadline_region), 1u);
}

TEST_F(TrunkPop, TheTailOfTheLogComesWithIt) {
    begin();
    for (const std::size_t bytes : {0u, 10u, 300'000u}) {
        ask(pattern(10));
        regions[0]->answer(wait_for(0), pattern(bytes) + std::string(3000, 'L'), ReplyStatus::ok,
                           3000);
        const std::string text = reply();
        EXPECT_TRUE(body_of(text) == pattern(bytes)) << bytes;
        EXPECT_NE(text.find("X-Amz-Log-Result: TExM"), std::string::npos) << text.substr(0, 300);
    }
    ask("x");  // more than a tail can be: it is none
    regions[0]->answer(wait_for(0), std::string(6000, 'L'), ReplyStatus::ok, 5000);
    EXPECT_EQ(body_of(reply()).size(), 6000u);
}

TEST_F(TrunkPop, AnswersWaitForEachOthersRoom) {
    payload_buffers = 300;  // 1.3 MB: of answers half may be reserved
    begin();
    std::array<net::tcp::Handle, 4> clients;
    for (net::tcp::Handle& each : clients) {
        ask("x");
        each = last_;
        const Region::Asked asked = wait_for(0);
        regions[0]->answer(asked, pattern(400'000));
    }
    for (const net::tcp::Handle each : clients)
        EXPECT_TRUE(body_of(answer(each)) == pattern(400'000));
    EXPECT_EQ(count(Reason::failed_answer_no_room), 0u);
}

TEST_F(TrunkPop, NoBufferForAnAnswer) {
    payload_buffers = 20;
    begin();
    ask("x");
    regions[0]->answer(wait_for(0), pattern(400'000));
    EXPECT_EQ(reply().substr(0, 10), "HTTP/1.1 5");
    EXPECT_EQ(count(Reason::failed_answer_no_room), 1u);
}

TEST_F(TrunkPop, ARegionThatDiesAtAnyMomentLosesNoBuffer) {
    begin();
    std::uint64_t answered = 0, failed = 0;
    for (int moment = 0; moment < 120; moment += 2) {
        const std::uint64_t up = count(Reason::trunk_up);
        ask(pattern(150'000));
        const net::tcp::Handle first = last_;
        ask("small");
        const net::tcp::Handle second = last_;
        for (int i = 0; i < moment; ++i) {
            step();
            for (auto& region : regions)
                if (const Region::Asked asked = region->asked()) {
                    if (i % 3 == 0 && asked->accepted++ == 0) asked.end->say(asked.place);
                    if (i % 5 == 0) region->answer(asked, pattern(200'000));
                }
        }
        for (auto& region : regions) region->break_trunks();
        for (const net::tcp::Handle each : {first, second}) {
            const std::string text = answer(each);
            ++(text.find("HTTP/1.1 200") == 0 ? answered : failed);
            leave(each, true);
        }
        ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() == 0; })) << moment;
        ASSERT_EQ(core->context().invocations.used(), 0u);
        ASSERT_TRUE(step_until([&] { return count(Reason::trunk_up) >= up + 2; })) << moment;
    }
    EXPECT_GT(answered, 10u);
    EXPECT_GT(failed, 5u);
}

}  // namespace
}  // namespace skerry::test
