// The seqlock: a reader that is told "read" has one whole value that was written, and never an
// older one than it had before.
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "dataplane/snapshot/seqlock.hpp"
#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

struct Pair {
    std::uint64_t a, b;
};

// The seqlock once more, with one thing missing: Seqlock has nothing a variant could override.
enum class Missing { nothing, write_fence, read_fence, publish, subscribe, odd };
template <Missing kMissing>
struct Weakened {
    Atomic<std::uint32_t> sequence{0};
    Atomic<std::uint64_t> a{0}, b{0};

    void write(const Pair& value) {
        const std::uint32_t before = sequence.load(SK_RELAXED);
        if (kMissing != Missing::odd) sequence.store(before + 1, SK_RELAXED);
        if (kMissing != Missing::write_fence) SK_FENCE(SK_RELEASE);
        a.store(value.a, SK_RELAXED);
        b.store(value.b, SK_RELAXED);
        if (kMissing == Missing::publish) {
            sequence.store(before + 2, SK_RELAXED);
        } else {
            sequence.store(before + 2, SK_RELEASE);
        }
    }
    bool read(Pair& value) const {
        const std::uint32_t before =
            kMissing == Missing::subscribe ? sequence.load(SK_RELAXED) : sequence.load(SK_ACQUIRE);
        if (before & 1u) return false;
        value.a = a.load(SK_RELAXED);
        value.b = b.load(SK_RELAXED);
        if (kMissing != Missing::read_fence) SK_FENCE(SK_ACQUIRE);
        return sequence.load(SK_RELAXED) == before;
    }
};

template <typename Lock, int kReaders, int kWrites>
struct ReadAndWrite : rl::test_suite<ReadAndWrite<Lock, kReaders, kWrites>, kReaders + 1> {
    Lock lock;

    void before() { lock.write({0, 0}); }
    void thread(unsigned who) {
        if (who == 0) {
            for (std::uint64_t i = 1; i <= kWrites; ++i) lock.write({i, 100 * i});
            return;
        }
        std::uint64_t last = 0;
        for (int i = 0; i < 2; ++i) {
            Pair value{};
            if (!lock.read(value)) continue;
            RL_ASSERT(value.b == 100 * value.a);
            RL_ASSERT(value.a <= kWrites);
            RL_ASSERT(value.a >= last);
            last = value.a;
        }
    }
};

// The real one tries again when it met a writer: bounded, so the model is.
using RealLock = Seqlock<Pair>;

constexpr Model kModels[] = {
    {"one_reader", true, explore_some<ReadAndWrite<RealLock, 1, 1>>},
    {"one_reader_three_writes", true, explore_some<ReadAndWrite<RealLock, 1, 3>>},
    {"two_readers", true, explore_some<ReadAndWrite<RealLock, 2, 2>>},
    {"variant_with_nothing_missing", true,
     explore_some<ReadAndWrite<Weakened<Missing::nothing>, 1, 2>>},
    {"without_the_write_fence_tears", false,
     explore_some<ReadAndWrite<Weakened<Missing::write_fence>, 1, 2>>},
    {"without_the_read_fence_tears", false,
     explore_some<ReadAndWrite<Weakened<Missing::read_fence>, 1, 2>>},
    {"published_relaxed_tears", false,
     explore_some<ReadAndWrite<Weakened<Missing::publish>, 1, 2>>},
    {"subscribed_relaxed_tears", false,
     explore_some<ReadAndWrite<Weakened<Missing::subscribe>, 1, 2>>},
    {"never_odd_tears", false, explore_some<ReadAndWrite<Weakened<Missing::odd>, 1, 2>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
