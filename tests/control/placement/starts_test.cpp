// When a worker is started, and when not: for a minimum, for those who wait, after failures.
#include <sys/resource.h>

#include "tests/control/placement/rig.hpp"

namespace skerry::placement {
namespace {

using warden::MessageKind;

class Starts : public PoolTest {
  protected:
    // How many workers are ordered in `us`, when each of them ends as soon as it is ready.
    std::size_t starts_in_crash_loop(std::uint64_t us) {
        std::size_t starts = 0;
        for (const std::uint64_t end_us = now_us_ + us; now_us_ < end_us;) {
            step(3000);
            if (take_orders() == 0) continue;
            ++starts;
            ordered_[last_].ring_ready();
            step(1000);
            exited(last_);
        }
        return starts;
    }
};

TEST_F(Starts, PhasesAreRightWhicheverNewsComesFirst) {
    const std::uint32_t entry = open(1, 4);
    pool_->set_target(entry, 1, true);
    start_one();
    pool_->set_target(entry, 2, true);
    step();
    ASSERT_EQ(take_orders(), 1u);
    ordered_[last_].ring_ready();
    step();
    EXPECT_EQ(pool_->ready(entry), 2u);
    tell(warden::MessageKind::spawned, last_);
    step();
    const StartSummary summary = pool_->history(entry).starts();
    EXPECT_EQ(summary.starts, 2u);
    for (std::size_t phase = 0; phase < kPhaseCount; ++phase)
        EXPECT_LE(summary.phases[phase].p99_us, 10'000u) << kPhaseNames[phase];
}

TEST_F(Starts, AWorkerIsKnownToCoresWhenItSaysThatItIsReady) {
    const auto entry = open(2, 4);
    pool_->set_target(entry, 1, true);
    step();
    ASSERT_EQ(take_orders(), 1u);
    EXPECT_EQ(ordered_[last_].message.host_uid, 210000u);
    EXPECT_EQ(pool_->workers(entry), 1u);
    EXPECT_EQ(pool_->free_slots(entry), 0u);
    ordered_[last_].ring_ready();
    step();
    EXPECT_EQ(pool_->ready(entry), 1u);
    EXPECT_EQ(pool_->free_slots(entry), 2u);
}

// More workers than may execute at once are no more slots to anybody else.
TEST_F(Starts, PeersAreToldWhatMayBeExecutedAtOnce) {
    const auto told = [this] {
        return std::pair{shared_.own_load.slots.load(), shared_.idle_slots.load()};
    };
    const auto with_two_workers = [this](std::uint32_t executed_max) {
        const WorkerLimits limits{.max = 8, .first_uid = 210000, .executed_max = executed_max};
        pool_ = std::make_unique<WorkerPool>(shared_, *client_, doorbells_, limits);
        const auto entry = open(2, 4);
        pool_->set_target(entry, 2, true);
        step();
        EXPECT_EQ(take_orders(), 2u);
        for (auto& [id, order] : ordered_) order.ring_ready();
        step();
        ordered_.clear();
        return entry;
    };
    std::uint32_t entry = with_two_workers(0);
    EXPECT_EQ(told(), std::pair(4u + 6u, 4u));
    pool_.reset();
    entry = with_two_workers(3);
    EXPECT_EQ(told(), std::pair(3u, 3u));
    ASSERT_NE(table(entry).claim(0), kNoSlot);
    step();
    EXPECT_EQ(told(), std::pair(3u, 2u));
    for (int i = 0; i < 3; ++i) ASSERT_NE(table(entry).claim(0), kNoSlot);
    step();
    EXPECT_EQ(told(), std::pair(3u, 0u));
}

// The open file is the worker's too: a read of an empty eventfd would last for ever.
TEST_F(Starts, AWorkerCannotMakeTheControlThreadWait) {
    const auto entry = open(1, 1);
    pool_->set_target(entry, 1, true);
    step();
    ASSERT_EQ(take_orders(), 1u);
    ASSERT_EQ(::fcntl(ordered_[last_].ready_bell().get(), F_SETFL, O_RDWR), 0);
    step();
    EXPECT_EQ(pool_->ready(entry), 0u);
    ordered_[last_].ring_ready();
    step();
    EXPECT_EQ(pool_->ready(entry), 1u);
}

TEST_F(Starts, WhoWaitsIsServedAsFarAsNothingIsFreeOrComing) {
    const auto entry = open(2, 8);
    table(entry).wanted = 5;
    step();
    EXPECT_EQ(take_orders(), 3u);
    step();
    EXPECT_EQ(take_orders(), 0u) << "three are starting";
    for (auto& [id, order] : ordered_) order.ring_ready();
    step();
    EXPECT_EQ(take_orders(), 0u) << "six slots are free, and the cores will find them";
    EXPECT_EQ(pool_->free_slots(entry), 6u);
    for (std::uint32_t i = 0; i < 5; ++i) ASSERT_NE(table(entry).claim(0), kNoSlot);
    table(entry).wanted = 2;
    step();
    EXPECT_EQ(take_orders(), 1u) << "one slot is free, one more is needed";
    EXPECT_EQ(table(entry).wanted.load(), 2u) << "a level that the cores keep";
}

TEST_F(Starts, NoMoreThanTheFunctionMayHave) {
    const auto entry = open(1, 2);
    table(entry).wanted = 100;
    step();
    EXPECT_EQ(take_orders(), 2u);
}

TEST_F(Starts, AFailureIsHeldBackLongerEachTime) {
    const auto entry = open(1, 1);
    pool_->set_target(entry, 1, true);
    step();
    for (const std::uint64_t pause_us : {50'000, 100'000, 200'000, 400'000}) {
        ASSERT_EQ(take_orders(), 1u);
        tell(MessageKind::failed, last_, 0, "no bootstrap");
        step(1);
        EXPECT_EQ(pool_->start_failure(entry), "no bootstrap");
        EXPECT_TRUE(pool_->held_back(entry, now_us_));
        step(pause_us - 1000);
        EXPECT_EQ(take_orders(), 0u) << pause_us;
        step(1000);
    }
    EXPECT_EQ(pool_->totals().failed, 4u);
    ASSERT_EQ(take_orders(), 1u);
    pool_->forgive(entry);
    EXPECT_EQ(pool_->start_failure(entry), "");
}

TEST_F(Starts, OnesThatFailTogetherAreOneFailure) {
    const auto entry = open(1, 8);
    pool_->set_target(entry, 8, true);
    step();
    ASSERT_EQ(take_orders(), 8u);
    for (auto& [id, order] : ordered_) tell(MessageKind::failed, id, 0, "no bootstrap");
    step(1);
    step(50'000);
    EXPECT_EQ(take_orders(), 8u);
}

TEST_F(Starts, ACrashLoopIsHeldBack) {
    const auto entry = open(1, 1);
    pool_->set_target(entry, 1, true);
    const std::size_t starts = starts_in_crash_loop(60'000'000);
    EXPECT_GE(starts, 8u);
    EXPECT_LE(starts, 14u);
    EXPECT_NE(pool_->start_failure(entry), "");
}

TEST_F(Starts, ACrashLoopIsHeldBackAlsoBesideAWorkerThatIsWell) {
    const auto entry = open(1, 2);
    ready_worker(entry);
    step(2'000'000);
    pool_->set_target(entry, 2, true);
    EXPECT_LE(starts_in_crash_loop(60'000'000), 14u);
    EXPECT_NE(pool_->start_failure(entry), "");
}

TEST_F(Starts, AWorkerThatLivesForASecondProvesThatStartsWork) {
    const auto entry = open(1, 1);
    pool_->set_target(entry, 1, true);
    starts_in_crash_loop(1'000'000);
    step(1'000'000);
    ASSERT_EQ(take_orders(), 1u);
    ordered_[last_].ring_ready();
    step();
    EXPECT_NE(pool_->start_failure(entry), "");
    step(1'000'000);
    EXPECT_EQ(pool_->start_failure(entry), "");
}

// What lies in the channel is the worker's word.
TEST_F(Starts, ACrashLoopThatPretendsToHaveHadRequestsIsHeldBack) {
    const auto entry = open(1, 1);
    const auto id = ready_worker(entry);
    shared_.capacity->refs[entry][0].channel->slot(0)->request_seq = 77;
    exited(id);
    step();
    EXPECT_NE(pool_->start_failure(entry), "");
}

TEST_F(Starts, ACrashWithARequestInHandSaysNothingAboutTheNextStart) {
    const auto entry = open(1, 2);
    const auto id = ready_worker(entry);
    ASSERT_EQ(table(entry).claim(0), 0u);
    exited(id);
    step();
    EXPECT_EQ(pool_->start_failure(entry), "");
    EXPECT_EQ(take_orders(), 1u);
    EXPECT_EQ(pool_->totals().crashed, 1u);
}

TEST_F(Starts, WhoStillWaitsWhenAWorkerCrashesGetsAnother) {
    const auto entry = open(1, 1);
    table(entry).wanted = 5;
    const auto id = start_one();
    ASSERT_EQ(table(entry).claim(0), 0u);
    table(entry).wanted = 4;
    exited(id);
    step();
    EXPECT_EQ(take_orders(), 1u) << "its slot bit is another one, while a core has the old";
    table(entry).retire(0);
    step();
    EXPECT_EQ(pool_->workers(), 1u);
}

TEST_F(Starts, WhoWaitsWhenAnOrderCannotBeMadeIsNotForgotten) {
    const auto entry = open(1, 1);
    table(entry).wanted = 1;
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next = dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    step();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_EQ(take_orders(), 0u);
    EXPECT_NE(pool_->start_failure(entry).find("open"), std::string::npos);
    step(50'000);
    EXPECT_EQ(take_orders(), 1u);
}

TEST_F(Starts, NoMoreAtOnceThanAreAllowed) {
    pool_.reset();
    make_pool(8, 2);
    const auto one = open(1, 4, "one"), two = open(1, 4, "two");
    pool_->set_target(one, 3, true);
    pool_->set_target(two, 1, true);
    step();
    EXPECT_EQ(take_orders(), 2u);
    step();
    EXPECT_EQ(take_orders(), 0u) << "two start already";
    tell(warden::MessageKind::spawned, last_);
    ordered_[last_].ring_ready();
    step();
    EXPECT_EQ(take_orders(), 1u);
    exited(last_);  // it makes room too, and its function waits
    step();
    EXPECT_EQ(take_orders(), 1u) << "for the other function";
}

TEST_F(Starts, WhoWaitsWhileAllPlacesAreTakenGetsTheOneThatIsIdle) {
    pool_.reset();
    make_pool(2);
    const auto idle = open(1, 2, "idle");
    const auto entry = open(1, 1, "wanted");
    ready_worker(idle);
    ready_worker(idle);
    pool_->set_target(idle, 0, true);
    step(600'000);
    table(entry).wanted = 1;
    step();
    step();
    EXPECT_EQ(take_orders(), 0u);
    ASSERT_EQ(killed_.size(), 1u) << "one is enough, however often it is looked";
    exited(killed_[0], 9);
    step();
    ASSERT_EQ(take_orders(), 1u);
    EXPECT_STREQ(ordered_[last_].message.function, "wanted");
}

TEST_F(Starts, MemoryIsALimitToo) {
    pool_.reset();
    pool_ = std::make_unique<WorkerPool>(
        shared_, *client_, doorbells_,
        WorkerLimits{.max = 8, .first_uid = 210000, .memory_mib = 300});
    const auto idle = open(1, 4, "idle"), entry = open(1, 1, "wanted");
    ready_worker(idle);
    ready_worker(idle);
    EXPECT_EQ(pool_->memory_mib(), 256u);
    EXPECT_EQ(pool_->slots(), 2u) << "and no third one";
    pool_->set_target(idle, 3, true);
    step(600'000);
    EXPECT_EQ(take_orders(), 0u);
    EXPECT_TRUE(killed_.empty()) << "those that are kept make no room";
    pool_->set_target(idle, 1, true);
    table(entry).wanted = 1;
    step();
    step();
    EXPECT_EQ(take_orders(), 0u);
    ASSERT_EQ(killed_.size(), 1u);
    exited(killed_[0], 9);
    step();
    ASSERT_EQ(take_orders(), 1u);
    EXPECT_STREQ(ordered_[last_].message.function, "wanted");
}

TEST_F(Starts, WhatNeedsMoreMemoryThanThereIsFailsAndSaysSo) {
    pool_.reset();
    pool_ = std::make_unique<WorkerPool>(
        shared_, *client_, doorbells_,
        WorkerLimits{.max = 8, .first_uid = 210000, .memory_mib = 100});
    const auto entry = open(1, 1);
    pool_->set_target(entry, 1, true);
    step();
    EXPECT_EQ(take_orders(), 0u);
    EXPECT_NE(pool_->start_failure(entry).find("workers.memory_mib"), std::string::npos);
}

TEST_F(Starts, APatienceOfItsOwn) {
    const auto one = open(1, 2, "one"), two = open(1, 2, "two");
    const auto first = ready_worker(one);
    ready_worker(two);
    pool_->set_target(one, 0, true);
    pool_->set_target(two, 0, true);
    pool_->set_patience(one, 2'000'000);
    step(1'000'000);
    step(1'500'000);
    take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{first});
    pool_->set_patience(two, 0);  // the server's, half a minute
    step(20'000'000);
    take_orders();
    EXPECT_EQ(killed_.size(), 1u);
}

TEST_F(Starts, AWorkerIsIdleFromTheEndOfItsRequestOn) {
    const auto entry = open(1, 2);
    const auto worker = ready_worker(entry);
    pool_->set_target(entry, 0, true);
    ASSERT_EQ(table(entry).claim(0), 0u);
    step(40'000'000);  // more than an idle one is kept
    table(entry).release(0);
    step(20'000'000);
    take_orders();
    EXPECT_TRUE(killed_.empty()) << "it was not idle for as long as its request took";
    step(20'000'000);
    take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{worker});
}

TEST_F(Starts, ALongRequestOfTheOldestDoesNotKeepTheOthersPlaces) {
    pool_.reset();
    make_pool(2);
    const auto idle = open(1, 2, "idle");
    const auto entry = open(1, 1, "wanted");
    ready_worker(idle);
    const auto younger = ready_worker(idle);
    pool_->set_target(idle, 0, true);
    ASSERT_EQ(table(idle).claim(0), 0u);
    step(600'000);
    table(entry).wanted = 1;
    step();
    take_orders();
    EXPECT_EQ(killed_, std::vector<std::uint64_t>{younger});
}

TEST_F(Starts, AWardenWithAFullSocketIsAskedAgain) {
    const int small = 1;
    ASSERT_EQ(::setsockopt(client_->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    const auto entry = open(1, 8);
    pool_->set_target(entry, 8, true);
    std::size_t got = 0;
    int steps = 0;
    for (; got < 8 && steps < 20; ++steps) {
        step();
        EXPECT_EQ(pool_->start_failure(entry), "");
        got += take_orders();
    }
    EXPECT_EQ(got, 8u);
    EXPECT_GT(steps, 1) << "the socket was never full";
    EXPECT_EQ(pool_->totals().failed, 0u);
}

}  // namespace
}  // namespace skerry::placement
