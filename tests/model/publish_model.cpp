// Publishing a snapshot: one pointer, and a core that reports when it holds none. What was replaced
// is freed only when no core can look at it any more, and from then on no core takes it up again.
//
// rte_rcu_qsbr is C with atomics of its own, which Relacy can't see through. What is explored is
// the protocol: DPDK's loads and stores as its rte_rcu_qsbr.h makes them (start, check, quiescent,
// online, offline), and our order around them (Reclaimer::publish, Core::turn, Core::sleep).
// publish_stress.cpp has the real one.
#include <cstdint>
#include <iterator>

#include "tests/model/model.hpp"
#include "tests/model/run.hpp"

namespace skerry::model {
namespace {

enum class Missing { nothing, grace, publisher_fence, online_fence, order_of_report };

template <Missing kMissing>
struct Qsbr {
    Atomic<std::uint64_t> token{1};
    Atomic<std::uint64_t> seen{0};  // of the one core; 0: offline

    std::uint64_t start() {
        const std::uint64_t next = token.fetch_add(1, SK_RELEASE) + 1;
        if (kMissing != Missing::publisher_fence) SK_FENCE(SK_SEQ_CST);
        return next;
    }
    bool check(std::uint64_t wanted) const {
        if (kMissing == Missing::grace) return true;
        const std::uint64_t now = seen.load(SK_ACQUIRE);
        return now == 0 || now >= wanted;
    }
    void online() {
        seen.store(token.load(SK_RELAXED), SK_RELAXED);
        if (kMissing != Missing::online_fence) SK_FENCE(SK_SEQ_CST);
    }
    void offline() { seen.store(0, SK_RELEASE); }
    void quiescent() { seen.store(token.load(SK_ACQUIRE), SK_RELEASE); }
};

// Thread 0 publishes snapshot 1 in place of snapshot 0, and frees 0 when it may. Thread 1 is a core
// that takes two turns with a sleep between them. Freed memory that is read is a data race, which
// Relacy reports.
template <Missing kMissing>
struct Publish : rl::test_suite<Publish<kMissing>, 2> {
    Qsbr<kMissing> qsbr;
    Atomic<std::uint32_t> current{0};
    Atomic<std::uint32_t> passed{0};
    rl::var<int> snapshot[2];

    void before() {
        snapshot[0]($) = 1;
        snapshot[1]($) = 1;
        qsbr.online();
    }
    void thread(unsigned who) {
        if (who == 0) {
            publisher();
        } else {
            turn();
            qsbr.offline();
            qsbr.online();
            turn();
        }
    }
    void publisher() {
        current.store(1, SK_RELEASE);
        const std::uint64_t wanted = qsbr.start();
        for (int i = 0; i < 3; ++i) {
            if (!qsbr.check(wanted)) continue;
            snapshot[0]($) = 0;  // freed
            passed.store(1, SK_RELEASE);
            return;
        }
    }
    void turn() {
        // A deploy has returned: whoever asks now gets the new version.
        const bool deployed = passed.load(SK_ACQUIRE) != 0;
        const std::uint32_t index = current.load(SK_ACQUIRE);
        RL_ASSERT(!deployed || index == 1);
        if (kMissing == Missing::order_of_report) qsbr.quiescent();
        const int alive = snapshot[index]($);
        RL_ASSERT(alive == 1);
        if (kMissing != Missing::order_of_report) qsbr.quiescent();
    }
};

constexpr Model kModels[] = {
    {"nothing_missing", true, explore_some<Publish<Missing::nothing>>},
    {"without_a_grace_period_it_is_freed_in_use", false, explore_some<Publish<Missing::grace>>},
    {"reported_before_the_last_look_it_is_freed_in_use", false,
     explore_some<Publish<Missing::order_of_report>>},
    {"without_the_publishers_fence_a_waking_core_takes_it_up_again", false,
     explore_some<Publish<Missing::publisher_fence>>},
    {"without_the_fence_of_waking_it_is_taken_up_again", false,
     explore_some<Publish<Missing::online_fence>>},
};

}  // namespace

std::span<const Model> models() {
    return kModels;
}

}  // namespace skerry::model
