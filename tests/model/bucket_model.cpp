// The bucket that cores share: never more than there is, and who is refused was right to be.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "dataplane/limits/shared_bucket.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

// One that looks and then writes, without an exchange.
struct InTwoSteps {
    Atomic<std::uint64_t> full_at{0};
    bool take(const limits::Rate& rate, std::uint64_t now) {
        limits::TokenBucket bucket(full_at.load(SK_RELAXED));
        if (!bucket.take(rate, now)) return false;
        full_at.store(bucket.full_at(), SK_RELAXED);
        return true;
    }
};

// Two tokens, three threads that each want one at the same instant: two get one.
template <typename Bucket>
struct ThreeWantTwo : rl::test_suite<ThreeWantTwo<Bucket>, 3> {
    Bucket bucket;
    Atomic<std::uint32_t> taken{0};

    void before() { taken.store(0, SK_RELAXED); }
    void thread(unsigned) {
        if (bucket.take(limits::Rate::of(1, 2, 1000), 5000)) taken.fetch_add(1, SK_ACQ_REL);
    }
    void after() { RL_ASSERT(taken.load(SK_ACQUIRE) == 2); }
};

constexpr Model kModels[] = {
    {"three_want_two", true, explore_some<ThreeWantTwo<limits::SharedBucket>>},
    {"in_two_steps_gives_too_many", false, explore_some<ThreeWantTwo<InTwoSteps>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
