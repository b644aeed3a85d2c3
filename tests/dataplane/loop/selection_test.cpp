// Which region a request goes to: the choice follows what is known of the regions, and what the
// operator and the function's owner forbid holds.
#include "dataplane/wire/load.hpp"
#include "tests/dataplane/loop/environment.hpp"
#include "tests/dataplane/loop/forwarding.hpp"

namespace skerry::test {
namespace {

[[maybe_unused]] const auto* environment = add_eal();

class Selection : public Forward {
  protected:
    void begin_with(std::uint32_t regions) {
        targets[0].holders = (std::uint64_t{1} << regions) - 1;
        region_count = regions;
        start();
    }
    // One request; the region that it went to and that answered it, or -1.
    int ask(std::uint32_t deadline_us = 2'000'000) {
        wire::Header header = request_header(shared, client(), ++id_);
        header.deadline_us.set(deadline_us);
        send(client(), header, "payload");
        turn();
        if (sent.empty()) return -1;
        const Message message = next();
        for (std::uint32_t r = 0; r < region_count; ++r) {
            if (!is_for(message, r)) continue;
            const std::uint64_t until = rte_rdtsc() + takes_us_[r] * (rte_get_tsc_hz() / 1'000'000);
            while (rte_rdtsc() < until) continue;
            answer(r, message, wire::Kind::reply);
            EXPECT_EQ(next().status(), ReplyStatus::ok);
            return static_cast<int>(r);
        }
        last_ = message.status();
        return -1;
    }
    int how_often(int region, int of) {
        int count = 0;
        for (int i = 0; i < of; ++i) count += ask() == region;
        return count;
    }
    void set(std::uint32_t region, RegionNumbers numbers) {
        numbers.cookie = 500 + region;
        if (numbers.weight_permille == 0) numbers.weight_permille = 1000;
        if (numbers.fresh_until_tsc == 0) numbers.fresh_until_tsc = ~std::uint64_t{0};
        shared.region_numbers[region].write(numbers);
    }
    void set_cold(std::uint32_t region, std::uint32_t us) {
        shared.warmth->expected_cold_us[0][region].store(us, SK_RELAXED);
    }

    std::uint64_t takes_us_[3] = {};      // what each region takes for an answer
    ReplyStatus last_ = ReplyStatus::ok;  // of the last request that went to no region

  private:
    std::uint64_t id_ = 100;
};

TEST_F(Selection, FollowsTheRoundTrip) {
    begin_with(3);
    for (const std::uint32_t nearest : {2u, 0u, 1u}) {
        for (std::uint32_t r = 0; r < 3; ++r) set(r, {.rtt_us = r == nearest ? 5'000u : 20'000u});
        EXPECT_EQ(ask(), static_cast<int>(nearest));
    }
}

TEST_F(Selection, FollowsTheWaitAndTheColdStart) {
    begin_with(2);
    set(0, {.rtt_us = 5'000});
    set(1, {.rtt_us = 20'000});
    EXPECT_EQ(ask(), 0);
    shared.region_loads.write(0, {.wait_us = 40'000});
    EXPECT_EQ(ask(), 1);
    shared.region_loads.write(0, {});
    set_cold(0, 100'000);
    EXPECT_EQ(ask(), 1);
    set_cold(1, 100'000);
    EXPECT_EQ(ask(), 0) << "cold everywhere: the nearest is seeded";
}

// What an answer says of the region's load holds for the next request.
TEST_F(Selection, FollowsTheLoadThatRepliesTell) {
    begin_with(2);
    set(0, {.rtt_us = 5'000});
    set(1, {.rtt_us = 20'000});
    const auto answer_with = [&](std::uint64_t id, const wire::Load& load, std::uint16_t flags) {
        send(client(), request_header(shared, client(), id), "payload");
        turn();
        Message message = next();
        const std::uint32_t region = is_for(message, 0) ? 0 : 1;
        message.header.flags.set(flags);
        answer(region, message, wire::Kind::reply, ReplyStatus::ok, "", wire::pack(load));
        const Message reply = next();
        EXPECT_EQ(reply.header.cookie.get(), 0u) << "none of the client's business";
        EXPECT_EQ(reply.header.flags.get() & wire::flag::load, 0);
        const std::uint64_t until = rte_rdtsc() + rte_get_tsc_hz() / 500;  // told once a ms
        while (rte_rdtsc() < until) continue;
        return static_cast<int>(region);
    };
    const wire::Load full{.executing = 4, .waiting = 8, .slots = 4, .service_us = 20'000};
    const wire::Load idle{.executing = 0, .waiting = 0, .slots = 4, .service_us = 20'000};
    EXPECT_EQ(answer_with(1, full, 0), 0)
        << "an older region's answer: a cookie means nothing there";
    EXPECT_EQ(answer_with(2, full, wire::flag::load | wire::flag::replayed), 0) << "what was";
    EXPECT_EQ(answer_with(3, full, wire::flag::load), 0);
    EXPECT_GT(shared.region_loads.read(0).wait_us, 40'000u);
    EXPECT_EQ(shared.region_loads.read(0).in_flight, 12);
    EXPECT_EQ(answer_with(4, idle, wire::flag::load), 1);
    shared.region_loads.write(0, {});
    EXPECT_EQ(answer_with(5, idle, wire::flag::load), 0);
}

// A burst, before the region can have said anything: what it can't have worked off counts.
TEST_F(Selection, ABurstSpreadsByWhatIsOutstanding) {
    begin_with(2);
    set(0, {.rtt_us = 1'000, .rtt_variation_us = 200'000, .slots = 4, .service_us = 20'000});
    set(1, {.rtt_us = 2'000, .rtt_variation_us = 200'000, .slots = 4, .service_us = 20'000});
    int at[2] = {};
    for (std::uint64_t id = 1; id <= 40; ++id) {
        send(client(), request_header(shared, client(), id), "payload");
        turn();
        const Message message = next();
        ++at[is_for(message, 0) ? 0 : 1];
    }
    EXPECT_NEAR(at[0], 20, 4);
    EXPECT_NEAR(at[1], 20, 4);
}

TEST_F(Selection, LeavesARegionThatIsSlow) {
    begin_with(2);
    shared.warmth->run_us[0].store(30'000, SK_RELAXED);
    set(0, {.rtt_us = 5'000, .slow_permille = 4'000});
    set(1, {.rtt_us = 20'000, .slow_permille = 1'000});
    EXPECT_EQ(ask(), 1);
    set(0, {.rtt_us = 5'000, .slow_permille = 1'000});
    EXPECT_EQ(ask(), 0);
}

TEST_F(Selection, WhereItMustNotGoItNeverGoes) {
    targets[0].barred = 0b001;
    begin_with(3);
    for (std::uint32_t r = 0; r < 3; ++r) set(r, {.rtt_us = 1'000 * (r + 1)});
    EXPECT_EQ(how_often(1, 50), 50);
    set(1, {.rtt_us = 2'000, .fresh_until_tsc = 1});
    EXPECT_EQ(how_often(2, 50), 50);
    set(2, {.rtt_us = 3'000, .fresh_until_tsc = 1});
    EXPECT_EQ(how_often(0, 50), 0) << "a refusal rather than that";
    EXPECT_EQ(last_, ReplyStatus::no_region);
    EXPECT_EQ(shared.counters[0]->regions[0].sent.get(), 0u);
}

TEST_F(Selection, AfterARefusalTooItStaysWhereItMay) {
    targets[0].barred = 0b010;
    begin_with(3);
    for (std::uint32_t r = 0; r < 3; ++r) set(r, {.rtt_us = 1'000 * (r + 1)});
    send(client(), request_header(shared, client(), 1), "payload");
    turn();
    answer(0, next(), wire::Kind::reply, ReplyStatus::overloaded);
    const Message second = next();
    EXPECT_TRUE(is_for(second, 2));
    answer(2, second, wire::Kind::reply, ReplyStatus::overloaded);
    EXPECT_EQ(skerry::info(next().status()).retry, Retry::unstarted);
    EXPECT_EQ(shared.counters[0]->regions[1].sent.get(), 0u);
}

// Numbers age by themselves: nobody need say that the region is dead.
TEST_F(Selection, ARegionThatIsNotHeardOfAnyMoreGetsNoNewRequest) {
    begin_with(2);
    const std::uint64_t fresh_until = rte_rdtsc() + rte_get_tsc_hz() / 20;
    set(0, {.rtt_us = 1'000, .fresh_until_tsc = fresh_until});
    set(1, {.rtt_us = 90'000});
    EXPECT_EQ(ask(), 0);
    ASSERT_TRUE(turn_until([&] { return rte_rdtsc() > fresh_until + rte_get_tsc_hz() / 500; }));
    EXPECT_EQ(how_often(1, 20), 20);
}

TEST_F(Selection, ADeadlineThatTheWayTakesUp) {
    begin_with(2);
    set(0, {.rtt_us = 80'000});
    set(1, {.rtt_us = 200'000});
    EXPECT_EQ(ask(100'000), 0);
    EXPECT_EQ(ask(50'000), -1);
    EXPECT_EQ(last_, ReplyStatus::no_region);
}

TEST_F(Selection, AWeightIsAShare) {
    begin_with(2);
    set(0, {.rtt_us = 1'000, .weight_permille = 250});
    set(1, {.rtt_us = 50'000});
    EXPECT_NEAR(how_often(0, 1000), 250, 60);
}

TEST_F(Selection, TheControlGroupIsOneInSoMany) {
    info.selection.explore_one_in = 4;
    begin_with(2);
    set(0, {.rtt_us = 1'000});
    set(1, {.rtt_us = 50'000});
    set_cold(0, 200'000);
    EXPECT_EQ(how_often(0, 100), 0) << "not asked for often enough";
    shared.warmth->rate_milli[0].store(5'000, SK_RELAXED);
    takes_us_[0] = 500;  // worse where the control group goes: nothing to revert
    const int controls = how_often(0, 1000);
    EXPECT_NEAR(controls, 250, 60);
    EXPECT_EQ(shared.counters[0]->controls.get(), static_cast<std::uint64_t>(controls));
}

TEST_F(Selection, FunctionsThatShareARowHaveNoControlGroupAndAreCountedInTheSketch) {
    info.selection.explore_one_in = 2;
    targets[0].function = kCommonRow;
    begin_with(2);
    set(0, {.rtt_us = 1'000});
    set(1, {.rtt_us = 50'000});
    shared.warmth->expected_cold_us[kCommonRow][0].store(200'000, SK_RELAXED);
    shared.warmth->rate_milli[kCommonRow].store(5'000, SK_RELAXED);
    EXPECT_EQ(how_often(1, 100), 100);
    EXPECT_EQ(shared.counters[0]->controls.get(), 0u);
    EXPECT_EQ(shared.counters[0]->functions[kCommonRow].arrivals.get(), 100u);
    for (std::uint32_t line = 0; line < popularity::kSketchDepth; ++line)
        EXPECT_EQ(shared.counters[0]->sketch.cell(
                      line, shared.server.sketch_key.place(line, kFunctionKey)),
                  100u);
}

TEST_F(Selection, AFunctionWithARowIsNotInTheSketch) {
    begin_with(2);
    set(0, {.rtt_us = 1'000});
    ASSERT_EQ(ask(), 0);
    for (std::uint32_t line = 0; line < popularity::kSketchDepth; ++line)
        EXPECT_EQ(shared.counters[0]->sketch.cell(
                      line, shared.server.sketch_key.place(line, kFunctionKey)),
                  0u);
}

// The answers of region 1, which the policy prefers, take longer than those of the nearest.
TEST_F(Selection, ChoicesThatProveSlowerAreReverted) {
    info.selection.explore_one_in = 2;
    begin_with(2);
    set(0, {.rtt_us = 1'000});
    set(1, {.rtt_us = 50'000});
    set_cold(0, 200'000);
    shared.warmth->rate_milli[0].store(5'000, SK_RELAXED);
    takes_us_[1] = 2'000;
    for (int i = 0; i < 400 && shared.counters[0]->reverts.get() == 0; ++i) (void)ask();
    EXPECT_EQ(shared.counters[0]->reverts.get(), 1u);
    EXPECT_EQ(how_often(0, 50), 50);
}

TEST_F(Selection, NearestLooksAtNothingElse) {
    info.selection.policy = select::Policy::nearest;
    begin_with(2);
    set(0, {.rtt_us = 5'000});
    shared.region_loads.write(0, {.wait_us = 900'000});
    set(1, {.rtt_us = 6'000});
    set_cold(0, 500'000);
    EXPECT_EQ(ask(), 0);
}

// Two regions; those that have unanswered requests of ours are avoided.
TEST_F(Selection, TwoChoicesFollowsWhatIsOutstanding) {
    info.selection.policy = select::Policy::two_choices;
    begin_with(2);
    set(0, {.rtt_us = 5'000});
    set(1, {.rtt_us = 5'000});
    std::vector<Message> open;
    int at[2] = {};
    for (std::uint64_t id = 1; id <= 40; ++id) {
        send(client(), request_header(shared, client(), id), "payload");
        turn();
        open.push_back(next());
        ++at[is_for(open.back(), 0) ? 0 : 1];
    }
    EXPECT_NEAR(at[0], 20, 1);
    for (const Message& message : open) {
        answer(is_for(message, 0) ? 0 : 1, message, wire::Kind::reply);
        (void)next();
    }
}

TEST_F(Selection, WithoutARegionItWaitsOrIsRefusedAsConfigured) {
    info.no_region = NoRegion::refuse;
    begin_with(1);
    set(0, {.rtt_us = 5'000, .fresh_until_tsc = 1});
    EXPECT_EQ(ask(), -1);
    EXPECT_EQ(last_, ReplyStatus::no_region);
    EXPECT_EQ(count(Reason::refused_no_region), 1u);
    EXPECT_EQ(shared.counters[0]->queued_no_region.get(), 0u);
}

}  // namespace
}  // namespace skerry::test
