// A function's Reservation: never more in than its limit, and nothing lost: when all have left,
// there is room for all again.
#include <cstdint>
#include <span>

#include "dataplane/capacity/reservation.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

// Variants with one thing wrong each.
struct LooksFirst : Reservation {
    bool enter(std::uint32_t limit) {
        if (count.load(SK_SEQ_CST) >= limit) return false;
        count.fetch_add(1, SK_SEQ_CST);
        return true;
    }
};
struct StoresWhatItSaw : Reservation {
    bool enter(std::uint32_t limit) {
        const std::uint32_t seen = count.load(SK_SEQ_CST);
        if (seen >= limit) return false;
        count.store(seen + 1, SK_SEQ_CST);
        return true;
    }
};
struct KeepsWhatItAdded : Reservation {
    bool enter(std::uint32_t limit) { return count.fetch_add(1, SK_RELAXED) < limit; }
};

// Of cores that invoke, each `kRounds` times. `inside` is the model's own account, exact.
template <typename Count, int kCores, int kRounds, std::uint32_t kLimit>
struct EnterAndLeave : rl::test_suite<EnterAndLeave<Count, kCores, kRounds, kLimit>, kCores> {
    Count reservation;
    Atomic<std::uint32_t> inside;

    void before() {
        reservation.count.store(0, SK_RELAXED);
        inside.store(0, SK_RELAXED);
    }
    void thread(unsigned) {
        for (int round = 0; round < kRounds; ++round) {
            if (!reservation.enter(kLimit)) continue;
            RL_ASSERT(inside.fetch_add(1, SK_SEQ_CST) < kLimit);
            inside.fetch_sub(1, SK_SEQ_CST);
            reservation.leave();
        }
    }
    void after() { RL_ASSERT(reservation.count.load(SK_RELAXED) == 0); }
};

constexpr Model kModels[] = {
    {"two_cores_one_place", true, explore_all<EnterAndLeave<Reservation, 2, 1, 1>>},
    {"three_cores_one_place", true, explore_some<EnterAndLeave<Reservation, 3, 2, 1>>},
    {"three_cores_two_places", true, explore_some<EnterAndLeave<Reservation, 3, 2, 2>>},
    {"no_place", true, explore_all<EnterAndLeave<Reservation, 2, 1, 0>>},
    {"who_looks_first_finds_too_many", false, explore_some<EnterAndLeave<LooksFirst, 2, 1, 1>>},
    {"who_stores_what_it_saw_loses_some", false,
     explore_some<EnterAndLeave<StoresWhatItSaw, 3, 2, 2>>},
    {"who_keeps_what_it_added_closes_the_door", false,
     explore_some<EnterAndLeave<KeepsWhatItAdded, 2, 1, 1>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
