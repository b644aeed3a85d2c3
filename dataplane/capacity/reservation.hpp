// A count with a limit, of what several cores have in their hands: of one function, which may have
// only so many invocations at once (Reservation, a cache line), or of a tenant (tenants.hpp).
// Shared by all cores; lock-free.
//
// Contract
//   enter  any core. Wait-free: one addition, or two: who finds the limit reached takes back what
//          was added. So there are never more in than the limit; but while one is being turned
//          away another may be, too, for whom there was just room.
//   leave  any core, once for each enter() that said true.
// Relaxed: the count orders nothing else.
#pragma once

#include <cstdint>

#include "sandbox/base/atomics.hpp"

namespace skerry {

struct BoundedCount {
    Atomic<std::uint32_t> count{0};

    bool enter(std::uint32_t limit) {
        if (limit == 0) return false;
        if (count.fetch_add(1, SK_RELAXED) < limit) return true;
        count.fetch_sub(1, SK_RELAXED);
        return false;
    }
    void leave() { count.fetch_sub(1, SK_RELAXED); }
};

struct alignas(64) Reservation : BoundedCount {};

#ifndef SKERRY_MODEL_CHECK
static_assert(sizeof(Reservation) == 64 && alignof(Reservation) == 64);
#endif

}  // namespace skerry
