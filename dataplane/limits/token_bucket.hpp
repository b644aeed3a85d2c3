// A token bucket in one word: how many things a second, and how many at once after a pause. Kept is
// only when it would be full again, as ATM's GCRA keeps it (ITU-T I.371 Annex A, "virtual
// scheduling"); what it lets through is what srTCM's committed bucket calls green (RFC 2697,
// rte_meter_srtcm with every packet of one byte and no excess burst), in a third of the memory.
//
// A bucket that is full is the same as one that nobody ever used, whatever happened before. So a
// table of them may forget a full one and lose nothing (bucket_table.hpp).
//
// Pure; owned by one thread (shared_bucket.hpp has one for many). Instants are ticks of any clock
// that never goes back, TSC in the packet path; inside they are sixteenths of ticks, so that at a
// hundred million a second the rate is still within half a percent.
#pragma once

#include <algorithm>
#include <cstdint>

namespace skerry::limits {

inline constexpr std::uint32_t kRateMax = 100'000'000;  // a second
inline constexpr std::uint32_t kBurstMax = 100'000'000;
inline constexpr unsigned kTickBits = 4;

// What a bucket is held against; worked out once, since it needs a division.
struct Rate {
    std::uint64_t interval = 0;  // for one token, in sixteenths of a tick; 0: no limit
    std::uint64_t depth = 0;     // the burst: what a full bucket has, as the time it takes to fill

    // 0 a second: no limit. A burst of 0 is one of 1. `hz`: ticks a second.
    static Rate of(std::uint32_t per_second, std::uint32_t burst, std::uint64_t hz) {
        if (per_second == 0) return {};
        const std::uint64_t per_token =
            std::max<std::uint64_t>((hz << kTickBits) / std::min(per_second, kRateMax), 1);
        return {per_token, per_token * std::clamp<std::uint64_t>(burst, 1, kBurstMax)};
    }
    bool limited() const { return interval != 0; }
    // For `n` that share one bucket.
    Rate shared_by(std::uint64_t n) const {
        return {interval == 0 ? 0 : std::max<std::uint64_t>(interval / n, 1), depth};
    }
};

class TokenBucket {
  public:
    TokenBucket() = default;  // full
    explicit TokenBucket(std::uint64_t full_at) : full_at_(full_at) {}

    // True: there are that many tokens, and they are taken. False: nothing is. More than the burst
    // are never there.
    bool take(const Rate& rate, std::uint64_t now, std::uint64_t tokens = 1) {
        const std::uint64_t next = after(rate, now, tokens);
        if (next > (now << kTickBits) + rate.depth) return false;
        full_at_ = next;
        return true;
    }
    bool would_take(const Rate& rate, std::uint64_t now, std::uint64_t tokens = 1) const {
        return after(rate, now, tokens) <= (now << kTickBits) + rate.depth;
    }
    // Ticks until would_take(); 0: now.
    std::uint64_t wait(const Rate& rate, std::uint64_t now, std::uint64_t tokens = 1) const {
        const std::uint64_t next = after(rate, now, tokens);
        const std::uint64_t limit = (now << kTickBits) + rate.depth;
        return next <= limit ? 0 : (next - limit + (1u << kTickBits) - 1) >> kTickBits;
    }
    bool full(std::uint64_t now) const { return full_at_ <= now << kTickBits; }
    // When it will be full if nothing more is taken: who owes more has a later one. Sixteenths.
    std::uint64_t full_at() const { return full_at_; }

  private:
    std::uint64_t after(const Rate& rate, std::uint64_t now, std::uint64_t tokens) const {
        return std::max(full_at_, now << kTickBits) + tokens * rate.interval;
    }
    std::uint64_t full_at_ = 0;
};
static_assert(sizeof(TokenBucket) == 8);

}  // namespace skerry::limits
