// How workers end, and how their slots and places come back.
#include "tests/control/placement/rig.hpp"

namespace skerry::placement {
namespace {

using Ends = PoolTest;

TEST_F(Ends, ASlotThatACoreHasComesBackThroughTheCore) {
    const auto entry = open(2, 1);
    const auto id = ready_worker(entry);
    ASSERT_EQ(table(entry).claim(0), 0u);
    Channel* const channel = shared_.capacity->refs[entry][0].channel;
    exited(id);
    step();
    EXPECT_TRUE(channel->dead.load());
    EXPECT_EQ(pool_->free_slots(entry), 0u) << "the free one is taken back";
    EXPECT_EQ(pool_->workers(), 2u) << "it, and the one that replaces it";
    table(entry).retire(0);
    step();
    EXPECT_EQ(pool_->workers(), 1u);
}

TEST_F(Ends, WhatHangsOrLiesIsKilledAndCounted) {
    const auto entry = open(1, 2);
    const auto hung = ready_worker(entry);
    const auto liar = ready_worker(entry);
    pool_->set_target(entry, 0, true);
    shared_.capacity->refs[entry][0].channel->fault = WorkerFault::hung;
    shared_.capacity->refs[entry][1].channel->fault = WorkerFault::malformed;
    step();
    take_orders();
    EXPECT_EQ(killed_, (std::vector<std::uint64_t>{hung, liar}));
    EXPECT_EQ(pool_->totals().hung, 1u);
    EXPECT_EQ(pool_->totals().malformed, 1u);
    exited(hung, 9);
    exited(liar, 9);
    step();
    EXPECT_EQ(pool_->workers(), 0u);
    EXPECT_EQ(pool_->totals().crashed, 0u) << "they were told to end";
    EXPECT_EQ(pool_->start_failure(entry), "");
}

TEST_F(Ends, WhatUsedTooMuchCpuTimeIsKilledAndCounted) {
    const auto entry = open(1, 1);
    const auto id = ready_worker(entry);
    shared_.capacity->refs[entry][0].channel->fault = WorkerFault::cpu_limit;
    step();
    take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{id});
    EXPECT_EQ(pool_->totals().cpu_limit, 1u);
    EXPECT_EQ(pool_->history(entry).cpu_limit(), 1u);
    EXPECT_EQ(pool_->totals().malformed, 0u);
}

TEST_F(Ends, TheFirstAnswerIsMeasuredFromReadinessOrTheRequest) {
    const auto entry = open(1, 2);
    const auto first_answer = [&](std::uint32_t slot, std::uint64_t arrival, std::uint64_t answer) {
        Channel* channel = shared_.capacity->refs[entry][slot].channel;
        channel->first_arrival_us = arrival;
        channel->first_answer_us = answer;
        step();
        return pool_->history(entry).starts().phases[kFirstAnswerPhase].p50_us;
    };
    ready_worker(entry);
    EXPECT_EQ(pool_->history(entry).starts().phases[kFirstAnswerPhase].p50_us, 0u);
    // The request was there before the worker; then, long after.
    const auto cold_answer = [&] {
        return pool_->history(entry).starts().phases[kColdAnswerPhase].p99_us;
    };
    EXPECT_EQ(first_answer(0, now_us_ - 2'000, now_us_ + 700), 700u);
    EXPECT_EQ(cold_answer(), 2'700u) << "from when the request was there";
    ready_worker(entry);
    EXPECT_EQ(first_answer(1, now_us_ + 5'000'000, now_us_ + 5'000'300), 300u);
    EXPECT_EQ(cold_answer(), 2'700u) << "nobody waited for the second worker";
}

TEST_F(Ends, AKillThatTheWardenHasNoRoomForIsSentLater) {
    const auto entry = open(1, 8);
    for (int i = 0; i < 8; ++i) ready_worker(entry);
    pool_->set_target(entry, 0, true);
    const int small = 1;
    ASSERT_EQ(::setsockopt(client_->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (std::uint32_t slot = 0; slot < 8; ++slot)
        shared_.capacity->refs[entry][slot].channel->fault = WorkerFault::hung;
    int steps = 0;
    for (; killed_.size() < 8 && steps < 20; ++steps) {
        step();
        take_orders();
    }
    EXPECT_EQ(killed_.size(), 8u);
    EXPECT_GT(steps, 1) << "the socket was never full";
    EXPECT_FALSE(pool_->warden_gone());
}

TEST_F(Ends, WhatDoesNotBecomeReadyInTimeIsKilled) {
    const auto entry = open(1, 1);
    pool_->set_target(entry, 1, true);
    step();
    ASSERT_EQ(take_orders(), 1u);
    const auto id = last_;
    step(10'000'001);
    take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{id});
    EXPECT_NE(pool_->start_failure(entry).find("ready"), std::string::npos);
    ordered_[id].ring_ready();
    step();
    EXPECT_EQ(pool_->free_slots(entry), 0u) << "too late";
}

TEST_F(Ends, AnIdleOneEndsAfterItsTimeAndABusyOneDoesNot) {
    const auto entry = open(1, 2);
    ready_worker(entry);
    const auto second = ready_worker(entry);
    pool_->set_target(entry, 1, true);
    step(29'000'000);
    take_orders();
    EXPECT_TRUE(killed_.empty());
    step(2'000'000);
    take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{second});
}

// The core that somebody waits on may not have looked yet.
TEST_F(Ends, WhatWasStartedForSomebodyDoesNotEndBeforeItServed) {
    const std::uint32_t entry = open(1, 1);
    pool_->set_target(entry, 0, false);  // an old version: idle workers of it end at once
    CapacityEntry& table = shared_.capacity->entries[entry];
    table.wanted = 1;
    step();
    ASSERT_EQ(take_orders(), 1u);
    ordered_[last_].ring_ready();
    for (int i = 0; i < 5; ++i) step();
    EXPECT_EQ(table.free_slots.load(), 1u);
    table.wanted = 0;  // it was served
    step();
    EXPECT_EQ(table.free_slots.load(), 0u);
}

TEST_F(Ends, TrimEndsWhatIsIdleAndRemembersWhatIsBusy) {
    const auto entry = open(1, 2);
    ready_worker(entry);
    ready_worker(entry);
    ASSERT_EQ(table(entry).claim(1), 1u);
    shared_.capacity->refs[entry][1].channel->slot(0)->request_seq = 1;
    pool_->set_target(entry, 1, true);
    ASSERT_EQ(table(entry).claim(0), 0u);
    pool_->trim(entry);
    table(entry).release(0);
    table(entry).release(1);
    step();
    take_orders();
    EXPECT_TRUE(killed_.empty()) << "it got a request a moment ago";
    pool_->trim(entry);
    take_orders();
    EXPECT_EQ(killed_.size(), 1u);
}

TEST_F(Ends, AClosedEntryIsUsedAgainWhenItsWorkersAreGone) {
    const auto entry = open(1, 1);
    const auto id = ready_worker(entry);
    pool_->close_entry(entry);
    step();
    EXPECT_NE(open(1, 1), entry);
    exited(id, 9);
    step();
    EXPECT_EQ(open(1, 1), entry);
}

TEST_F(Ends, ThePoolEndsItsWorkers) {
    const auto entry = open(1, 3);
    const auto one = ready_worker(entry);
    const auto two = ready_worker(entry);
    exited(one, 9);
    exited(two, 9);
    pool_.reset();
    take_orders();
    EXPECT_EQ(killed_, (std::vector<std::uint64_t>{one, two}));
}

TEST_F(Ends, ThePoolEndsAlsoWhenTheWardenHasGone) {
    const auto entry = open(1, 1);
    ready_worker(entry);
    warden_.reset();
    step();
    EXPECT_TRUE(pool_->warden_gone());
    pool_.reset();
}

}  // namespace
}  // namespace skerry::placement
