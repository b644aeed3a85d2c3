// Requests that regions execute, and every way that can end.
#include "dataplane/forward/forwarder.hpp"

#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

TEST_F(Forward, GoesToTheNearestAndTheReplyIsRelayed) {
    begin();
    const Message forwarded = next();
    EXPECT_TRUE(is_for(forwarded, 0));
    EXPECT_EQ(forwarded.payload, "payload");
    EXPECT_EQ(forwarded.header.hop_count, 1);
    EXPECT_EQ(forwarded.header.qualifier.get(), kVersionKey);
    EXPECT_EQ(forwarded.header.cookie.get(), 500u);
    EXPECT_NE(forwarded.header.request_id_hi.get(), info.boot_id) << "that everybody may know";
    answer(0, forwarded, wire::Kind::reply, ReplyStatus::ok, "result");
    const Message reply = next();
    EXPECT_EQ(reply.header.request_id_lo.get(), 1u);
    EXPECT_EQ(reply.payload, "result");
    EXPECT_STREQ(reply.header.place, "r0");
    EXPECT_EQ(reply.header.attempts, 1);
    EXPECT_EQ(count(Reason::served_region), 1u);
    // A second copy of the reply belongs to nothing.
    answer(0, forwarded, wire::Kind::reply, ReplyStatus::ok, "again");
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_stale_reply), 1u);
}

TEST_F(Forward, AReplyFromAStrangerIsNotBelieved) {
    begin();
    const Message forwarded = next();
    wire::Header forged = forwarded.header;
    forged.kind = static_cast<std::uint8_t>(wire::Kind::reply);
    send(client(5), forged, "forged");
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_stale_reply), 1u);
    answer(0, forwarded, wire::Kind::reply);
}

TEST_F(Forward, ARefusalSendsItToAnotherRegion) {
    begin();
    answer(0, next(), wire::Kind::reply, ReplyStatus::overloaded);
    const Message second = next();
    EXPECT_TRUE(is_for(second, 1));
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "from 1");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "from 1");
    EXPECT_EQ(reply.header.attempts, 2);
    EXPECT_FALSE(reply.header.flags.get() & wire::flag::maybe_repeated);
}

TEST_F(Forward, WhenAllRefuseTheClientIsToldAndMayAskAgain) {
    begin();
    answer(0, next(), wire::Kind::reply, ReplyStatus::overloaded);
    answer(1, next(), wire::Kind::reply, ReplyStatus::overloaded);
    const Message reply = next();
    EXPECT_EQ(skerry::info(reply.status()).retry, Retry::unstarted);
    // Nothing was executed: the same id is taken again.
    send(client(), request_header(shared, client(), 1), "payload");
    turn();
    const Message again = next();
    EXPECT_TRUE(is_for(again, 0));
    answer(0, again, wire::Kind::reply);
}

TEST_F(Forward, SilenceBeforeAcceptedGoesElsewhere) {
    begin();
    EXPECT_TRUE(is_for(next(), 0));
    const auto second = wait_for(1);
    ASSERT_TRUE(second);
    EXPECT_EQ(shared.counters[0]->retransmits.get(), 2u);
    EXPECT_EQ(shared.counters[0]->regions[0].silent.get(), 1u);
    answer(1, *second, wire::Kind::reply, ReplyStatus::ok, "late but fine");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "late but fine");
    EXPECT_TRUE(reply.header.flags.get() & wire::flag::maybe_repeated);
}

// Refusals of two regions: the first request may go elsewhere, and there is nothing left for
// others.
TEST_F(Forward, TheRetryBudgetBoundsHowManyGoElsewhere) {
    info.retries = {.percent = 10, .min_per_s = 0};
    start();
    set_region(0, 1000);
    set_region(1, 2000);
    std::uint64_t id = 0;
    int asked_again = 0, refused = 0;
    for (int i = 0; i < 100; ++i) {
        send(client(), request_header(shared, client(), ++id), "payload");
        turn();
        answer(0, next(), wire::Kind::reply, ReplyStatus::draining);
        const Message second = next();
        if (!is_for(second, 1)) {
            EXPECT_EQ(second.status(), ReplyStatus::overloaded);
            ++refused;
            continue;
        }
        ++asked_again;
        answer(1, second, wire::Kind::reply, ReplyStatus::ok, "ok");
        EXPECT_EQ(next().payload, "ok");
    }
    EXPECT_NEAR(asked_again, 10, 1);
    EXPECT_EQ(count(Reason::refused_retry_budget), static_cast<std::uint64_t>(refused));
    EXPECT_EQ(shared.counters[0]->fail_overs.get(), static_cast<std::uint64_t>(asked_again));
}

TEST_F(Forward, WithoutARetryBudgetSilenceIsAnAnswerOfItsOwn) {
    info.retries = {.percent = 0, .min_per_s = 0};
    begin();
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::region_failed) << "it may have been executed";
    EXPECT_EQ(count(Reason::failed_retry_budget), 1u);
    EXPECT_EQ(shared.counters[0]->regions[1].sent.get(), 0u);
}

// What is the region's own trouble counts against it; that it is busy, or drained, does not.
TEST_F(Forward, CountsWhatRegionsFailIn) {
    begin();
    answer(0, next(), wire::Kind::reply, ReplyStatus::start_failed);
    answer(1, next(), wire::Kind::reply, ReplyStatus::overloaded);
    (void)next();
    const auto& regions = shared.counters[0]->regions;
    EXPECT_EQ(regions[0].replies.get(), 1u);
    EXPECT_EQ(regions[0].faulty.get(), 1u);
    EXPECT_EQ(regions[1].replies.get(), 1u);
    EXPECT_EQ(regions[1].faulty.get(), 0u);
    EXPECT_EQ(regions[1].refused.get(), 1u);
}

TEST_F(Forward, SilenceWithPolicyNeverIsOutcomeUnknown) {
    begin(RetryPolicy::never);
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::outcome_unknown);
}

TEST_F(Forward, SilenceAfterAcceptedIsOutcomeUnknown) {
    begin();
    const Message forwarded = next();
    EXPECT_TRUE(forwarded.header.flags.get() & wire::flag::want_accepted);
    answer(0, forwarded, wire::Kind::accepted);
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::outcome_unknown);
    EXPECT_EQ(shared.counters[0]->regions[1].sent.get(), 0u);
}

TEST_F(Forward, AnIdempotentFunctionGoesElsewhereInAnyCase) {
    begin(RetryPolicy::idempotent);
    answer(0, next(), wire::Kind::accepted);
    const auto second = wait_for(1);
    ASSERT_TRUE(second);
    answer(1, *second, wire::Kind::reply, ReplyStatus::ok, "ok");
    EXPECT_EQ(next().payload, "ok");
}

TEST_F(Forward, ALateReplyOfARegionThatWasGivenUpIsTaken) {
    begin();
    const Message first = next();
    const auto second = wait_for(1);
    ASSERT_TRUE(second);
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "slow");
    EXPECT_EQ(next().payload, "slow");
}

TEST_F(Forward, AChallengeIsAnsweredWithTheFreshCookie) {
    begin();
    answer(0, next(), wire::Kind::challenge, ReplyStatus::ok, "", 999);
    const Message again = next();
    EXPECT_TRUE(is_for(again, 0));
    EXPECT_EQ(again.header.cookie.get(), 999u);
    answer(0, again, wire::Kind::reply);
}

TEST_F(Forward, ARegionThatForgotWhatItAcceptedHasRestarted) {
    begin();
    const Message forwarded = next();
    answer(0, forwarded, wire::Kind::accepted);
    answer(0, forwarded, wire::Kind::challenge, ReplyStatus::ok, "", 999);
    EXPECT_EQ(next().status(), ReplyStatus::outcome_unknown);
}

TEST_F(Forward, TheClientsDeadlineEndsIt) {
    begin(RetryPolicy::unstarted, 3000);
    const auto reply = wait_for_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status(), ReplyStatus::deadline_exceeded);
}

TEST_F(Forward, NoEligibleRegionIsSaidAtOnce) {
    start();
    set_region(0, 1000, 0);  // ejected; region 1 was never heard of
    send(client(), request_header(shared, client(), 1));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::no_region);
}

TEST_F(Forward, TheTableOfForwardedRequestsIsBounded) {
    info.pending_limit = 2;
    start();
    set_region(0, 1000);
    for (std::uint64_t id = 1; id <= 3; ++id) {
        wire::Header header = request_header(shared, client(), id);
        header.deadline_us.set(20'000);
        send(client(), header);
    }
    turn();
    const auto refused = wait_for_reply();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status(), ReplyStatus::overloaded);
    EXPECT_EQ(count(Reason::refused_pending_full), 1u);
}

TEST_F(Forward, AFunctionErrorIsRelayedAndNotTriedElsewhere) {
    begin();
    answer(0, next(), wire::Kind::reply, ReplyStatus::function_error, "why");
    const Message reply = next();
    EXPECT_EQ(reply.status(), ReplyStatus::function_error);
    EXPECT_EQ(reply.payload, "why");
}

TEST_F(Forward, ASlowIdempotentFunctionIsPolledNotGivenUp) {
    begin(RetryPolicy::idempotent);
    const Message first = next();
    EXPECT_FALSE(first.header.flags.get() & wire::flag::want_accepted) << "quick ones cost nothing";
    // The region executes for 100 ms, and says so to each copy that asks.
    const std::uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 10;
    while (rte_rdtsc() < until) {
        turn();
        while (!sent.empty()) {
            const Message copy = next();
            ASSERT_TRUE(is_for(copy, 0));
            EXPECT_TRUE(copy.header.flags.get() & wire::flag::want_accepted);
            answer(0, copy, wire::Kind::accepted);
        }
    }
    answer(0, first, wire::Kind::reply, ReplyStatus::ok, "result");
    EXPECT_EQ(next().payload, "result");
    EXPECT_EQ(shared.counters[0]->regions[0].silent.get(), 0u);
}

TEST_F(Forward, ARefusalOfAnEarlierCopyIsNotTheLastWord) {
    begin(RetryPolicy::never);
    const Message first = next();
    const auto copy = wait_for(0);
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->header.copy, 1);
    // The region was full when the first copy came, and has started the second.
    answer(0, first, wire::Kind::reply, ReplyStatus::overloaded);
    EXPECT_TRUE(sent.empty());
    answer(0, *copy, wire::Kind::accepted);
    answer(0, *copy, wire::Kind::reply, ReplyStatus::ok, "once");
    EXPECT_EQ(next().payload, "once");
    EXPECT_EQ(shared.counters[0]->regions[1].sent.get(), 0u);
}

TEST_F(Forward, WhenEveryCopyWasRefusedNothingWasExecuted) {
    begin(RetryPolicy::never);
    const Message first = next();
    const auto copy = wait_for(0);
    ASSERT_TRUE(copy);
    answer(0, *copy, wire::Kind::reply, ReplyStatus::overloaded);
    EXPECT_TRUE(sent.empty()) << "the first copy may be under way";
    answer(0, first, wire::Kind::reply, ReplyStatus::overloaded);
    const Message second = next();
    EXPECT_TRUE(is_for(second, 1));
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "from 1");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "from 1");
    EXPECT_FALSE(reply.header.flags.get() & wire::flag::maybe_repeated);
}

TEST_F(Forward, ALateRefusalOfTheLastCopyGoesElsewhereAndSaysSo) {
    begin();
    (void)next();
    const auto copy = wait_for(0);
    ASSERT_TRUE(copy);
    answer(0, *copy, wire::Kind::reply, ReplyStatus::overloaded);
    const Message second = next();
    EXPECT_TRUE(is_for(second, 1));
    answer(1, second, wire::Kind::reply, ReplyStatus::ok, "from 1");
    EXPECT_TRUE(next().header.flags.get() & wire::flag::maybe_repeated);
}

TEST_F(Forward, WhatARegionWithdrawsGoesElsewhereThoughItWasAccepted) {
    begin(RetryPolicy::never);
    const Message first = next();
    answer(0, first, wire::Kind::accepted);
    Message withdrawn = first;
    withdrawn.header.flags.set(wire::flag::withdrawn);
    answer(0, withdrawn, wire::Kind::reply, ReplyStatus::start_failed);
    const Message second = next();
    EXPECT_TRUE(is_for(second, 1));
    answer(1, second, wire::Kind::reply);
}

TEST_F(Forward, AChallengeToACopyMayComeFromARegionThatWasRestarted) {
    begin(RetryPolicy::never);
    (void)next();
    const auto copy = wait_for(0);
    ASSERT_TRUE(copy);
    answer(0, *copy, wire::Kind::challenge, ReplyStatus::ok, "", 999);
    EXPECT_EQ(next().status(), ReplyStatus::outcome_unknown);
}

TEST_F(Forward, WhoHasOnlySeenAProbeReplyCannotForgeAnAnswer) {
    begin();
    const Message forwarded = next();
    for (std::uint32_t generation = 0; generation < 16; ++generation) {
        for (std::uint32_t index = 0; index < 8; ++index) {
            wire::Header forged{};
            forged.magic.set(wire::kMagic);
            forged.version = wire::kVersion;
            forged.kind = static_cast<std::uint8_t>(wire::Kind::reply);
            forged.request_id_hi.set(info.boot_id);
            forged.request_id_lo.set(Token{0, index, generation}.pack());
            send(region_peer(0), forged, "forged");
        }
        turn();
    }
    // Another region that knows the whole id of its own copy can't speak for this one either.
    answer(1, forwarded, wire::Kind::reply, ReplyStatus::ok, "forged");
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_stale_reply), 129u);
    answer(0, forwarded, wire::Kind::reply);
}

TEST_F(Forward, WhatDoesNotFitTheWayToARegionIsRefusedNotLost) {
    region_max_payload = 100;
    start();
    set_region(0, 1000);
    send(client(), request_header(shared, client(), 1), std::string(101, 'x'));
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::too_large);
    EXPECT_EQ(shared.counters[0]->regions[0].sent.get(), 0u);
    send(client(), request_header(shared, client(), 2), std::string(100, 'x'));
    turn();
    const Message forwarded = next();
    EXPECT_TRUE(is_for(forwarded, 0));
    answer(0, forwarded, wire::Kind::reply);
}

TEST_F(Forward, TheLastHopIsNotForwarded) {
    start();
    set_region(0, 1000);
    wire::Header header = request_header(shared, client(), 1);
    header.hop_count = wire::kMaxHops - 1;
    send(client(), header);
    turn();
    EXPECT_EQ(next().status(), ReplyStatus::too_many_hops);
    EXPECT_EQ(shared.counters[0]->regions[0].sent.get(), 0u);
}

TEST_F(Forward, AsksFromTheUdpPortWhoseAnswersComeToThisCore) {
    return_first = 50000;
    return_udp = 50007;
    begin();
    const Message forwarded = next();
    EXPECT_EQ(forwarded.path.peer_udp, 50007);
    send_to_udp = 50007;
    answer(0, forwarded, wire::Kind::reply, ReplyStatus::ok, "result");
    const Message reply = next();
    EXPECT_EQ(reply.payload, "result");
    EXPECT_EQ(reply.path.peer_udp, info.udp_port) << "the client is answered from where it asked";
}

TEST_F(Forward, NobodyIsServedAtAReturnPort) {
    return_first = 50000;
    start();
    send_to_udp = 50000;
    send(client(), request_header(shared, client(), 1), "payload");
    wire::Header probe = request_header(shared, region_peer(0), 2);
    probe.kind = static_cast<std::uint8_t>(wire::Kind::probe);
    send(region_peer(0), probe, std::string(sizeof(wire::ProbePayload), '\0'));
    send_raw(client(), "neither");
    send_to_udp = 50000 + net::kReturnPorts;
    send(client(), request_header(shared, client(), 1), "payload");
    turn();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(count(Reason::drop_udp_port), 4u);
}

TEST_F(Forward, AReplyForACoreThatDoesNotExistIsDropped) {
    start();
    wire::Header header = request_header(shared, region_peer(0), 1);
    header.kind = static_cast<std::uint8_t>(wire::Kind::reply);
    header.request_id_lo.set(Token{5, 0, 0}.pack());  // a core that does not exist
    send(region_peer(0), header);
    turn();
    EXPECT_EQ(count(Reason::drop_stale_reply), 1u);
}

}  // namespace
}  // namespace skerry::test
