// Second copies of requests that take longer than most, over trunks.
#include "dataplane/forward/usual_latency.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/played_region.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class HedgeOverTrunks : public TrunkPop {
  protected:
    // So many quick answers: then it is known what is usual.
    void begin() {
        TrunkPop::begin(RetryPolicy::idempotent);
        for (std::uint32_t i = 0; i < UsualLatency::kLeast; ++i) {
            ask("x");
            regions[0]->answer(wait_for(0), "quick");
            EXPECT_EQ(body_of(reply()), "quick");
            leave(last_, true);
        }
    }
    // And nobody is there when it is made again.
    void lose_trunk(std::size_t region) {
        regions[region]->break_trunks();
        ASSERT_TRUE(step_until([&] { return count(Reason::trunk_closed_peer) == 1; }));
        regions[region]->gone = true;
    }
    void expect_nothing_left() {
        EXPECT_TRUE(step_until([&] { return payload_buffers_in_use() == 0; }));
        EXPECT_EQ(core->context().invocations.used(), 0u);
        EXPECT_TRUE(sent.empty());
    }
};

TEST_F(HedgeOverTrunks, TheSecondAnswersFirstAndTheFirstIsCancelled) {
    begin();
    const std::string body = pattern(300'000);
    ask(body);
    const Region::Asked first = wait_for(0), second = wait_for(1);
    EXPECT_TRUE(second->heard == body);
    EXPECT_FALSE(first->cancelled);
    regions[1]->answer(second, "second");
    const std::string text = reply();
    EXPECT_EQ(body_of(text), "second");
    EXPECT_NE(text.find("x-skerry-decision: forward; region=r1; reason=served_region; "
                        "chosen=hedge; candidates=1; asked=2"),
              std::string::npos)
        << text.substr(0, 400);
    ASSERT_TRUE(step_until([&] { return first->cancelled; }));
    expect_nothing_left();
    EXPECT_EQ(count(Reason::hedge_won), 1u);
    EXPECT_EQ(count(Reason::cancel_sent), 1u);
}

TEST_F(HedgeOverTrunks, TheFirstAnswersAfterAllAndTheSecondIsCancelled) {
    begin();
    ask("x");
    const Region::Asked first = wait_for(0), second = wait_for(1);
    regions[0]->answer(first, pattern(200'000));
    const std::string text = reply();
    EXPECT_TRUE(body_of(text) == pattern(200'000));
    EXPECT_NE(text.find("region=r0; reason=served_region; chosen=policy"), std::string::npos);
    ASSERT_TRUE(step_until([&] { return second->cancelled; }));
    expect_nothing_left();
}

TEST_F(HedgeOverTrunks, BothAnswerAtOnce) {
    begin();
    ask("x");
    const Region::Asked first = wait_for(0), second = wait_for(1);
    regions[0]->answer(first, pattern(100'000));
    regions[1]->answer(second, pattern(100'000));
    EXPECT_TRUE(body_of(reply()) == pattern(100'000));
    expect_nothing_left();
}

TEST_F(HedgeOverTrunks, TheFirstTrunkBreaksAndTheSecondGoesOnAlone) {
    begin();
    ask("x");
    (void)wait_for(0);
    const Region::Asked second = wait_for(1);
    regions[0]->break_trunks();
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_closed_peer) == 1; }));
    EXPECT_EQ(shared.counters[0]->fail_overs.get(), 0u);
    regions[1]->answer(second, "second");
    EXPECT_EQ(body_of(reply()), "second");
    expect_nothing_left();
}

TEST_F(HedgeOverTrunks, TheSecondTrunkBreaksAndTheFirstGoesOnAlone) {
    begin();
    ask("x");
    const Region::Asked first = wait_for(0);
    (void)wait_for(1);
    regions[1]->break_trunks();
    ASSERT_TRUE(step_until([&] { return count(Reason::trunk_closed_peer) == 1; }));
    regions[0]->answer(first, "first");
    EXPECT_EQ(body_of(reply()), "first");
    expect_nothing_left();
}

TEST_F(HedgeOverTrunks, BothTrunksBreak) {
    begin();
    ask("x");
    (void)wait_for(0);
    (void)wait_for(1);
    for (auto& region : regions) region->break_trunks();
    EXPECT_EQ(reply().substr(0, 10), "HTTP/1.1 5");
    EXPECT_EQ(count(Reason::failed_regions), 1u);
    expect_nothing_left();
}

TEST_F(HedgeOverTrunks, AClientThatGoesCancelsBoth) {
    begin();
    ask(pattern(100'000));
    const Region::Asked first = wait_for(0), second = wait_for(1);
    client_->abort(last_);
    ASSERT_TRUE(step_until([&] { return first->cancelled && second->cancelled; }));
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
    expect_nothing_left();
}

TEST_F(HedgeOverTrunks, WhereNoTrunkLeadsItGoesByDatagram) {
    begin();
    lose_trunk(1);
    ask("small");
    const Region::Asked first = wait_for(0);
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    const Message second = next();
    EXPECT_EQ(second.payload, "small");
    regions[0]->answer(first, "first");
    EXPECT_EQ(body_of(reply()), "first");
    ASSERT_TRUE(step_until([&] {
        return !sent.empty() && sent.back().kind() == wire::Kind::cancel;
    })) << "and so does its cancel";
    sent.clear();
}

// Whether it is hedged or not.
TEST_F(TrunkPop, AClientThatGoesCancelsWhatWentByDatagramToo) {
    for (auto& region : regions) region->gone = true;
    start();
    set_region(0, 100'000);
    ask("small");
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    const Message forwarded = next();
    client_->abort(last_);
    ASSERT_TRUE(step_until([&] { return !sent.empty(); }));
    const Message cancel = next();
    EXPECT_EQ(cancel.kind(), wire::Kind::cancel);
    EXPECT_EQ(cancel.header.request_id_lo.get(), forwarded.header.request_id_lo.get());
    EXPECT_EQ(core->context().invocations.used(), 0u);
    EXPECT_EQ(count(Reason::drop_client_gone), 1u);
}

TEST_F(HedgeOverTrunks, WhatNoDatagramCarriesIsNotHedgedThere) {
    begin();
    lose_trunk(1);
    ask(pattern(100'000));
    const Region::Asked first = wait_for(0);
    ASSERT_TRUE(step_until([&] { return count(Reason::hedge_no_region) == 1; }));
    regions[0]->answer(first, "first");
    EXPECT_EQ(body_of(reply()), "first");
}

TEST_F(HedgeOverTrunks, RegionsThatDieAtAnyMomentLoseNoBuffer) {
    info.hedge_percent = 50;
    begin();
    for (int moment = 0; moment < 30; moment += 5) {
        const std::uint64_t up = count(Reason::trunk_up), hedged = count(Reason::hedge_sent);
        ask(pattern(150'000));
        const net::tcp::Handle asked_for = last_;
        ASSERT_TRUE(step_until([&] { return count(Reason::hedge_sent) == hedged + 1; }));
        for (int i = 0; i < moment; ++i) {
            step();
            Region& region = *regions[static_cast<std::size_t>(i + moment) % 2];
            const Region::Asked asked = region.asked();
            if (asked && i > moment / 2) region.answer(asked, pattern(200'000));
        }
        const std::size_t broken = static_cast<std::size_t>(moment / 5) % 2;
        const std::uint64_t ends = moment % 2 == 0 ? 2 : 1;
        regions[broken]->break_trunks();
        for (int i = 0; i < 5; ++i) step();
        if (ends == 2) regions[1 - broken]->break_trunks();
        leave(asked_for, true);
        ASSERT_TRUE(step_until([&] { return payload_buffers_in_use() == 0; })) << moment;
        ASSERT_EQ(core->context().invocations.used(), 0u);
        ASSERT_TRUE(step_until([&] { return count(Reason::trunk_up) == up + ends; })) << moment;
    }
    EXPECT_GE(count(Reason::hedge_sent), 6u);
}

}  // namespace
}  // namespace skerry::test
