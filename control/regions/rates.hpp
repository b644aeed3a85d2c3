// How often each function is asked for, and where it went: decayed averages of the cores' counters,
// and from them what cores need to know of each function for the choice of its region
// (WarmthTable). Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "control/regions/digest_book.hpp"
#include "dataplane/select/warmth.hpp"
#include "dataplane/shared.hpp"

namespace skerry::regions {

struct RateLimits {
    double half_life_s = 2.0;    // of rate_per_s()
    double keep_alive_s = 30.0;  // how long an idle worker is kept; regions are configured alike
    select::Warmth warmth = select::Warmth::stream;
    // Of functions that share a row: what a start of theirs costs is not known.
    double common_cold_cost_us = 50'000;
};

class Rates {
  public:
    // `digests`: what regions tell; outlives it.
    Rates(Shared& shared, std::uint32_t region_count, RateLimits limits, DigestBook& digests);

    // Call about ten times a second.
    void step(std::span<const Tracked> functions, std::uint64_t now_us);
    // A row begins to stand for another function: what is counted until now is not its own.
    // `per_s`: how often it is asked for already, as the sketch says.
    void reset(std::uint32_t function, std::uint64_t now_us, double per_s = 0);

    // Arrivals a second at this server; of kCommonRow: of all functions that share it.
    double rate_per_s(std::uint32_t function) const { return arrivals_[function].rate; }
    // The same over the longer time.
    double steady_per_s(std::uint32_t function) const { return slow_[function].rate; }
    // All arrivals that have been counted, as of the last step.
    std::uint64_t arrived(std::uint32_t function) const { return arrivals_[function].seen; }
    // When it was asked for last, to a step exactly; 0: not since it has its index.
    std::uint64_t used_us(std::uint32_t function) const { return used_us_[function]; }
    // Of an execution, wherever it was; 0: none is known of.
    double run_us(std::uint32_t function) const { return runs_[function].mean_us; }

  private:
    struct Rate {
        double rate = 0;
        std::uint64_t seen = 0;
        void step(std::uint64_t count, double passed_s, double decay);
    };
    struct Sent {
        Rate rate;                  // as slow_
        std::uint64_t last_us = 0;  // when something was sent there last; 0: never
    };
    struct Runs {
        std::uint64_t count = 0, us = 0;  // seen
        double mean_us = 0;
    };

    std::uint64_t sum(std::uint32_t function, Counter FunctionCounters::*member) const;
    std::uint64_t runs(std::uint32_t function) const;
    std::uint64_t runs_us(std::uint32_t function) const;
    std::uint64_t sent(std::uint32_t function, std::uint32_t region) const;
    void step_runs(std::uint32_t function);
    void write_common(std::uint64_t now_us);
    void write_row(const Tracked& tracked, double passed_s, double decay, std::uint64_t now_us);

    Shared& shared_;
    std::uint32_t region_count_;
    RateLimits limits_;
    DigestBook& digests_;
    std::uint64_t last_us_ = 0;
    std::array<Rate, kFunctionRows> arrivals_{};
    // The same over a time that is told by how long an idle worker is kept (select/warmth.hpp).
    std::array<Rate, kFunctionRows> slow_{};
    std::array<Runs, kFunctionRows> runs_{};
    std::array<std::uint64_t, kFunctionRows> used_us_{};
    std::unique_ptr<std::array<std::array<Sent, kMaxRegions>, kFunctionRows>> sent_;
    select::WarmthView view_;
    alignas(64) select::Column<std::int32_t> row_{};
};

}  // namespace skerry::regions
