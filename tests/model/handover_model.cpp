// The hand-over of slots: no wake-up is lost in either direction, and what was written to a slot is
// seen by whoever takes its bit. The code is sandbox/channel/handover.hpp itself.
#include <array>
#include <cstdint>
#include <iterator>

#include "sandbox/channel/handover.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

using channel::AsleepLine;
using channel::CoreDoorbell;
using channel::DoneLine;
using channel::PendingLine;

struct Real {
    static bool post(PendingLine& pending, const AsleepLine& worker, std::uint64_t bits) {
        return channel::post(pending, worker, bits);
    }
    static std::uint64_t take(PendingLine& pending) { return channel::take(pending); }
    static bool prepare_sleep(const PendingLine& pending, AsleepLine& worker) {
        return channel::prepare_sleep(pending, worker);
    }
    static bool answer(DoneLine& done, const CoreDoorbell& core, std::uint64_t bits) {
        return channel::answer(done, core, bits);
    }
    static std::uint64_t take_done(DoneLine& done) { return channel::take_done(done); }
    // As in dataplane/idle.cpp, for one channel.
    static bool core_may_block(const DoneLine& done, CoreDoorbell& own) {
        channel::announce_sleep(own);
        if (!channel::any_done(done)) return true;
        channel::woken(own);
        return false;
    }
};

// Variants with one order weakened each.
struct PostLooksRelaxed : Real {
    static bool post(PendingLine& pending, const AsleepLine& worker, std::uint64_t bits) {
        pending.slots.fetch_or(bits, SK_SEQ_CST);
        return worker.asleep.load(SK_RELAXED) != 0;
    }
};
struct PostLooksFirst : Real {
    static bool post(PendingLine& pending, const AsleepLine& worker, std::uint64_t bits) {
        const bool asleep = worker.asleep.load(SK_SEQ_CST) != 0;
        pending.slots.fetch_or(bits, SK_SEQ_CST);
        return asleep;
    }
};
struct PostSetsRelaxed : Real {
    static bool post(PendingLine& pending, const AsleepLine& worker, std::uint64_t bits) {
        pending.slots.fetch_or(bits, SK_RELAXED);
        return worker.asleep.load(SK_SEQ_CST) != 0;
    }
};
struct TakeRelaxed : Real {
    static std::uint64_t take(PendingLine& pending) {
        return pending.slots.exchange(0, SK_RELAXED);
    }
};
struct SleeperLooksRelaxed : Real {
    static bool prepare_sleep(const PendingLine& pending, AsleepLine& worker) {
        worker.asleep.store(1, SK_SEQ_CST);
        return pending.slots.load(SK_RELAXED) == 0;
    }
};
struct SleeperTellsRelaxed : Real {
    static bool prepare_sleep(const PendingLine& pending, AsleepLine& worker) {
        worker.asleep.store(1, SK_RELAXED);
        return pending.slots.load(SK_SEQ_CST) == 0;
    }
};
struct AnswerLooksRelaxed : Real {
    static bool answer(DoneLine& done, const CoreDoorbell& core, std::uint64_t bits) {
        done.slots.fetch_or(bits, SK_SEQ_CST);
        return core.asleep.load(SK_RELAXED) != 0;
    }
};
struct AnswerSetsRelaxed : Real {
    static bool answer(DoneLine& done, const CoreDoorbell& core, std::uint64_t bits) {
        done.slots.fetch_or(bits, SK_RELAXED);
        return core.asleep.load(SK_SEQ_CST) != 0;
    }
};
struct CoreLooksRelaxed : Real {
    static bool core_may_block(const DoneLine& done, CoreDoorbell& own) {
        channel::announce_sleep(own);
        return done.slots.load(SK_RELAXED) == 0;
    }
};

// One attempt each: a request arrives just as the worker goes to sleep. A party that blocks must
// find its bell rung, or nothing must be left for it. No blocking happens, so every execution ends,
// and all of them can be tried. The bell itself is no part of the model: it orders nothing here, as
// the code must not rely on what an eventfd orders.
template <typename Ops, int kCores>
struct GoingToSleep : rl::test_suite<GoingToSleep<Ops, kCores>, kCores + 1> {
    PendingLine pending;
    AsleepLine worker;
    std::array<rl::var<int>, kCores> slot;
    bool rung = false;
    bool blocked = false;
    std::uint64_t taken = 0;

    void before() {
        pending.slots.store(0, SK_RELAXED);
        worker.asleep.store(0, SK_RELAXED);
    }
    void collect() {
        const std::uint64_t bits = Ops::take(pending);
        RL_ASSERT((bits & taken) == 0);
        for (int core = 0; core < kCores; ++core)
            if (bits >> core & 1) RL_ASSERT(slot[static_cast<std::size_t>(core)]($) == core + 1);
        taken |= bits;
    }
    void thread(unsigned who) {
        if (who < kCores) {
            slot[who]($) = static_cast<int>(who) + 1;
            if (Ops::post(pending, worker, std::uint64_t{1} << who)) rung = true;
            return;
        }
        collect();
        blocked = Ops::prepare_sleep(pending, worker);
        if (blocked) return;
        const std::uint64_t before = taken;
        collect();
        RL_ASSERT(taken != before);  // it stayed awake because there was something
    }
    void after() {
        const std::uint64_t left = pending.slots.load(SK_RELAXED);
        RL_ASSERT((left | taken) == (1u << kCores) - 1);
        if (blocked && left != 0) RL_ASSERT(rung);
    }
};

// The same the other way: an answer arrives just as the core goes to sleep.
template <typename Ops>
struct CoreGoingToSleep : rl::test_suite<CoreGoingToSleep<Ops>, 2> {
    DoneLine done;
    CoreDoorbell core;
    rl::var<int> response;
    bool rung = false;
    bool blocked = false;

    void before() {
        done.slots.store(0, SK_RELAXED);
        core.asleep.store(0, SK_RELAXED);
    }
    void thread(unsigned who) {
        if (who == 0) {
            response($) = 7;
            if (Ops::answer(done, core, 1)) rung = true;
            return;
        }
        std::uint64_t bits = Ops::take_done(done);
        if (bits == 0) {
            blocked = Ops::core_may_block(done, core);
            if (blocked) return;
            bits = Ops::take_done(done);
            RL_ASSERT(bits == 1);
        }
        RL_ASSERT(response($) == 7);
    }
    void after() {
        if (blocked) RL_ASSERT(rung);
    }
};

// Whole invocations, one after the other through one slot: both sides really block, and a lost
// wake-up is a deadlock. The slot's content is one plain variable: a request that overtakes the
// reading of the answer before it would be a data race.
template <typename Ops>
struct RoundTrips : rl::test_suite<RoundTrips<Ops>, 2> {
    static constexpr int kRounds = 3;
    PendingLine pending;
    AsleepLine worker;
    DoneLine done;
    CoreDoorbell core;
    rl::var<int> slot;
    sem_t wake_worker, wake_core;

    void before() {
        pending.slots.store(0, SK_RELAXED);
        worker.asleep.store(0, SK_RELAXED);
        done.slots.store(0, SK_RELAXED);
        core.asleep.store(0, SK_RELAXED);
        sem_init(&wake_worker, 0, 0);
        sem_init(&wake_core, 0, 0);
    }
    void after() {
        sem_destroy(&wake_worker);
        sem_destroy(&wake_core);
    }
    void thread(unsigned who) {
        for (int round = 0; round < kRounds; ++round) who == 0 ? call(round) : serve();
    }
    void call(int round) {
        slot($) = 10 * round;
        if (Ops::post(pending, worker, 1)) sem_post(&wake_worker);
        while (Ops::take_done(done) == 0) {
            if (!Ops::core_may_block(done, core)) continue;
            sem_wait(&wake_core);  // may return for nothing, as a blocked core may
            channel::woken(core);
        }
        RL_ASSERT(slot($) == 10 * round + 1);
    }
    void serve() {
        while (Ops::take(pending) == 0) {
            if (!Ops::prepare_sleep(pending, worker)) continue;
            sem_wait(&wake_worker);
            channel::woken(worker);
        }
        slot($) = slot($) + 1;
        if (Ops::answer(done, core, 1)) sem_post(&wake_core);
    }
};

// Variants of taking singly and taking back.
struct Singly {
    static std::uint32_t take_one(PendingLine& pending, std::uint32_t from) {
        return channel::take_one(pending, from);
    }
    static bool take_back(PendingLine& pending, std::uint64_t bit) {
        return channel::take_back(pending, bit);
    }
};
struct TakeOneLooksAndStores : Singly {
    static std::uint32_t take_one(PendingLine& pending, std::uint32_t) {
        const std::uint64_t seen = pending.slots.load(SK_SEQ_CST);
        if (seen == 0) return channel::kNothingTaken;
        pending.slots.store(seen & (seen - 1), SK_SEQ_CST);
        return static_cast<std::uint32_t>(std::countr_zero(seen));
    }
};
struct TakeOneRelaxed : Singly {
    static std::uint32_t take_one(PendingLine& pending, std::uint32_t) {
        std::uint64_t seen = pending.slots.load(SK_RELAXED);
        while (seen != 0) {
            const std::uint64_t bit = seen & (~seen + 1);
            seen = pending.slots.fetch_and(~bit, SK_RELAXED);
            if (seen & bit) return static_cast<std::uint32_t>(std::countr_zero(bit));
        }
        return channel::kNothingTaken;
    }
};
struct TakeBackLooksAndStores : Singly {
    static bool take_back(PendingLine& pending, std::uint64_t bit) {
        const std::uint64_t seen = pending.slots.load(SK_SEQ_CST);
        pending.slots.store(seen & ~bit, SK_SEQ_CST);
        return (seen & bit) != 0;
    }
};

// Two requests are handed over, the second one is taken back and, if that worked, its slot is
// filled with a third. The worker takes singly, executes each before it takes the next, and sleeps
// once it finds nothing. Each request is executed once, or was taken back; one that was is seen by
// nobody, though its slot is written again at once.
template <typename Ops>
struct TakenBack : rl::test_suite<TakenBack<Ops>, 2> {
    PendingLine pending;
    AsleepLine worker;
    std::array<rl::var<int>, 2> slot;
    std::array<int, 4> executed{};
    bool back = false, rung = false, blocked = false;

    void before() {
        pending.slots.store(0, SK_RELAXED);
        worker.asleep.store(0, SK_RELAXED);
    }
    void thread(unsigned who) {
        if (who == 0) {
            hand_over();
        } else {
            serve();
        }
    }
    void hand_over() {
        slot[0]($) = 1;
        slot[1]($) = 2;
        rung |= channel::post(pending, worker, 3);
        back = Ops::take_back(pending, 2);
        if (!back) return;
        slot[1]($) = 3;
        rung |= channel::post(pending, worker, 2);
    }
    void serve() {
        std::uint32_t next = 0;
        for (int looks = 0; looks < 4; ++looks) {
            const std::uint32_t taken = Ops::take_one(pending, next);
            if (taken == channel::kNothingTaken) {
                blocked = channel::prepare_sleep(pending, worker);
                if (blocked) return;
                continue;
            }
            ++executed[static_cast<std::size_t>(slot[taken]($))];
            next = taken + 1;
        }
    }
    void after() {
        const std::uint64_t left = pending.slots.load(SK_RELAXED);
        if (blocked && left != 0) RL_ASSERT(rung);
        const int first_left = (left & 1) != 0, second_left = (left & 2) != 0;
        RL_ASSERT(executed[1] + first_left == 1);
        RL_ASSERT(executed[2] == (back ? 0 : 1 - second_left));
        RL_ASSERT(executed[3] + (back ? second_left : 0) == (back ? 1 : 0));
    }
};

constexpr Model kModels[] = {
    {"taken_singly_or_taken_back", true, explore_all<TakenBack<Singly>>},
    {"take_one_that_looks_and_stores_executes_twice", false,
     explore_all<TakenBack<TakeOneLooksAndStores>>},
    {"take_one_relaxed_races", false, explore_all<TakenBack<TakeOneRelaxed>>},
    {"take_back_that_looks_and_stores_executes_it", false,
     explore_all<TakenBack<TakeBackLooksAndStores>>},
    {"worker_going_to_sleep", true, explore_all<GoingToSleep<Real, 1>>},
    {"worker_going_to_sleep_two_cores", true, explore_some<GoingToSleep<Real, 2>>},
    {"core_going_to_sleep", true, explore_all<CoreGoingToSleep<Real>>},
    {"round_trips", true, explore_some<RoundTrips<Real>>},
    {"post_looks_relaxed_loses_a_wakeup", false, explore_all<GoingToSleep<PostLooksRelaxed, 1>>},
    {"post_looks_first_loses_a_wakeup", false, explore_all<GoingToSleep<PostLooksFirst, 1>>},
    {"post_sets_relaxed_races", false, explore_all<GoingToSleep<PostSetsRelaxed, 1>>},
    {"take_relaxed_races", false, explore_all<GoingToSleep<TakeRelaxed, 1>>},
    {"sleeper_looks_relaxed_loses_a_wakeup", false,
     explore_all<GoingToSleep<SleeperLooksRelaxed, 1>>},
    {"sleeper_tells_relaxed_loses_a_wakeup", false,
     explore_all<GoingToSleep<SleeperTellsRelaxed, 1>>},
    {"answer_looks_relaxed_loses_a_wakeup", false,
     explore_all<CoreGoingToSleep<AnswerLooksRelaxed>>},
    {"answer_sets_relaxed_races", false, explore_all<CoreGoingToSleep<AnswerSetsRelaxed>>},
    {"core_looks_relaxed_loses_a_wakeup", false, explore_all<CoreGoingToSleep<CoreLooksRelaxed>>},
    {"round_trips_post_looks_relaxed_deadlock", false, explore_some<RoundTrips<PostLooksRelaxed>>},
    {"round_trips_answer_looks_relaxed_deadlock", false,
     explore_some<RoundTrips<AnswerLooksRelaxed>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
