// A token bucket that all cores take from: of a function, whose requests come to whichever core
// their connections are on. token_bucket.hpp has the arithmetic; the state is one atomic word.
//
// ANY THREAD MAY CALL take(), at any time. Lock-free: a failed exchange means that another core's
// succeeded; after kTries of them the answer is "no", so it is bounded too.
// Exact: of what was asked at any instants, no more is let through than `burst` and the rate since
// allow, on however many cores. What is refused writes nothing, so a function that is asked far
// too often costs its cores a shared cache line each, and no traffic between them.
// MEMORY ORDERING: relaxed. Nothing else is published with the word.
// CLOCK: instants of different cores must be of one clock; where they differ by d, a core that is
// behind may be refused for d longer.
#pragma once

#include <cstdint>

#include "dataplane/limits/token_bucket.hpp"
#include "sandbox/base/atomics.hpp"

namespace skerry::limits {

class alignas(64) SharedBucket {
  public:
    static constexpr int kTries = 32;  // twice as many as there can be cores

    bool take(const Rate& rate, std::uint64_t now) {
        std::uint64_t before = full_at_.load(SK_RELAXED);
        for (int i = 0; i < kTries; ++i) {
            TokenBucket bucket(before);
            if (!bucket.take(rate, now)) return false;
            if (full_at_.compare_exchange_strong(before, bucket.full_at(), SK_RELAXED)) return true;
        }
        return false;
    }

  private:
    Atomic<std::uint64_t> full_at_{0};
};
#ifndef SKERRY_MODEL_CHECK
static_assert(sizeof(SharedBucket) == 64);
#endif

}  // namespace skerry::limits
