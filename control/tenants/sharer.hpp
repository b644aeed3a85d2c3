// Sets the caps of tenants (dataplane/capacity/tenants.hpp) by what they have and want.
//
// While all that is wanted fits, nobody has a cap: what one leaves, others use. As soon as it does
// not, each tenant's cap is its fair share of the common permits: who is above it gets no further
// one until enough of his invocations have ended, so the permits that come free go to who is below
// his. Nothing is taken away from an invocation that has begun.
//
// What was wanted within the last kHold_us counts as wanted: a client that asks again when it has
// its answer must not lose its permit to who was faster. So much time may pass until a share that
// is not wanted any more is lent. Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "control/tenants/shares.hpp"
#include "dataplane/shared.hpp"

namespace skerry::tenants {

class Sharer {
  public:
    static constexpr std::uint64_t kPeriod_us = 10'000;
    static constexpr std::uint64_t kIdlePeriod_us = 100'000;
    static constexpr std::uint64_t kHold_us = 200'000;

    explicit Sharer(Shared& shared) : shared_(shared) {}

    // `wanting`: by tenant, the invocations that it would execute besides those that it does, had
    // it the permits. Nothing is done without tenants.
    void step(std::span<const std::uint32_t> wanting, std::uint64_t now_us);
    std::uint64_t next_us() const { return next_us_; }
    bool due(std::uint64_t now_us) const { return now_us >= next_us_; }

    // Permits that the tenant may have now, its own among them.
    std::uint32_t may_use(std::uint32_t tenant) const;
    // It has as many.
    bool full(std::uint32_t tenant) const;
    // What it may have when all tenants want all they can get.
    double share(std::uint32_t tenant) const;

  private:
    double demand(std::uint32_t tenant, std::uint32_t wanting);
    void set_caps(std::span<const Claimant> claimants);
    std::uint32_t count() const {
        return static_cast<std::uint32_t>(shared_.server.tenants.size());
    }

    struct Held {
        double now = 0,
               before = 0;  // the most that was wanted in this half of kHold_us, and the last
    };
    Shared& shared_;
    std::array<Held, kMaxTenants> held_{};
    WholeShares whole_;
    std::uint64_t half_us_ = 0;
    std::uint64_t next_us_ = 0;
};

}  // namespace skerry::tenants
