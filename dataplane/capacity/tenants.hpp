// What the tenants of a server have in it: invocations in hand, and permits to execute here. Shared
// by all cores; lock-free, a cache line for each tenant and one for what they have in common.
//
// A server executes so many invocations at once (TenantRules below say how many permits there are).
// Some permits are a tenant's own: as many as are reserved for it, and nobody else ever has one.
// The others are common: whoever asks gets one while there are any, and while the asker has fewer
// of them than its cap. Caps are the control thread's (control/tenants): all there are while
// everybody gets what he wants, and each one's fair share as soon as somebody does not.
//
// Contract
//   admit, take     any core. Wait-free: at most two additions for each count, as in
//                   reservation.hpp: never more in than the limit, but while one is being turned
//                   away another may be, too, for whom there was just room.
//   done, give_back any core, once for each admit() that said true, and each take() that did not
//                   say none, with what it said.
//   set_cap         control thread. Who has more than a new cap keeps them, and gets no further
//   one. away, back      any core: an invocation that a region has because its tenant got no
//   permit.
// Relaxed: the counts order nothing else.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/capacity/reservation.hpp"
#include "sandbox/base/atomics.hpp"

namespace skerry {

inline constexpr std::uint32_t kMaxTenants = 64;  // the default one, number 0, among them

enum class Permit : std::uint8_t {
    none,
    own,     // of those that are reserved for the tenant
    common,  // of the others
};

struct alignas(64) TenantLine {
    BoundedCount in_hand;  // waiting, executing, and forwarded
    BoundedCount own;
    BoundedCount common;
    Atomic<std::uint32_t> cap{~0u};  // of `common`
    Atomic<std::uint32_t> away{0};

    Permit take(std::uint32_t reserved, BoundedCount& all, std::uint32_t common_permits) {
        if (own.enter(reserved)) return Permit::own;
        if (!common.enter(cap.load(SK_RELAXED))) return Permit::none;
        if (all.enter(common_permits)) return Permit::common;
        common.leave();
        return Permit::none;
    }
    void give_back(Permit permit, BoundedCount& all) {
        if (permit == Permit::own) own.leave();
        if (permit != Permit::common) return;
        all.leave();
        common.leave();
    }
};

#ifndef SKERRY_MODEL_CHECK
static_assert(sizeof(TenantLine) == 64 && alignof(TenantLine) == 64);
#endif

class Tenants {
  public:
    // `tenant` < kMaxTenants. `limit` 0: none.
    bool admit(std::uint32_t tenant, std::uint32_t limit) {
        return lines_[tenant].in_hand.enter(limit == 0 ? ~0u : limit);
    }
    void done(std::uint32_t tenant) { lines_[tenant].in_hand.leave(); }
    Permit take(std::uint32_t tenant, std::uint32_t reserved, std::uint32_t common_permits) {
        return lines_[tenant].take(reserved, all_common_, common_permits);
    }
    void give_back(std::uint32_t tenant, Permit permit) {
        lines_[tenant].give_back(permit, all_common_);
    }
    void away(std::uint32_t tenant) { lines_[tenant].away.fetch_add(1, SK_RELAXED); }
    void back(std::uint32_t tenant) { lines_[tenant].away.fetch_sub(1, SK_RELAXED); }
    void set_cap(std::uint32_t tenant, std::uint32_t cap) {
        if (lines_[tenant].cap.load(SK_RELAXED) != cap) lines_[tenant].cap.store(cap, SK_RELAXED);
    }

    const TenantLine& line(std::uint32_t tenant) const { return lines_[tenant]; }
    std::uint32_t common() const { return all_common_.count.load(SK_RELAXED); }

  private:
    std::array<TenantLine, kMaxTenants> lines_{};
    alignas(64) BoundedCount all_common_;
};

}  // namespace skerry
