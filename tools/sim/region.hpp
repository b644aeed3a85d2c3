// One region: slots, warm workers under a memory limit, and what it reports of itself.
//
// Requests are served in the order of their arrival by any free slot (a queue without limit, as
// long as the POP's deadline). A worker that is idle stays for keep_alive; when memory is short,
// the one that was used longest ago goes first.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tools/sim/scenario.hpp"

namespace skerry::sim {

// As published at one instant. POPs see it after half a round trip.
struct Report {
    std::int64_t at_us = -1;
    std::uint32_t in_flight = 0, waiting = 0;
    std::int32_t wait_us = 0;  // expected
    std::int32_t slots = 0;
    std::int32_t service_us = 0;  // mean of late
    std::int32_t region_us = 0;   // mean time in the region of late
    std::int32_t slow_permille = 1000;
    float keep_s = 0;    // how long an idle worker survives at present
    float crowding = 0;  // share of evictions that were regretted
};

// What is known of one function's warmth at one region, true and as it was before the last change:
// reports are late. Seconds of simulated time; kNever: not.
struct Cell {
    static constexpr float kNever = -1e9f;
    float rate = 0;  // arrivals a second, decayed, at rate_s
    float rate_s = 0;
    float used_s = kNever;    // last use of a worker that is still there
    float before_s = kNever;  // `used_s` before `changed_s`
    float changed_s = kNever;
    float busy_until_s = kNever;  // all workers are taken until then
    float evicted_s = kNever;     // when memory pressure took its last worker
    std::uint32_t pool = ~0u;     // first of its workers
};

class RegionSim {
  public:
    struct Outcome {
        std::int64_t start_us = 0, done_us = 0;
        bool cold = false;
    };
    struct Demand {
        std::uint32_t function = 0;
        std::uint32_t version = 0;
        float run_us = 0, cold_us = 0, memory_mib = 0;
        float usual_run_us = 0, usual_cold_us = 0;  // means
    };

    RegionSim(const Scenario& scenario, std::uint32_t index);

    // A request arrives. `slower`: factor of a brown-out. Times must not decrease.
    Outcome serve(Cell* cells, std::size_t stride, const Demand& demand, std::int64_t now_us,
                  double slower);
    // Would a request that arrives at `at_us` find a warm worker, and when would it start?
    bool is_warm(const Cell& cell, std::uint32_t version, std::int64_t at_us) const;
    std::int64_t would_start_us(std::int64_t at_us) const;

    void publish(std::int64_t now_us);
    void publish(const Report& report);  // of a region that somebody else simulates
    // The newest report that was made before `by_us`; at_us < 0: none yet.
    const Report& report(std::int64_t by_us) const;
    void lose_everything(Cell* cells, std::size_t stride, std::int64_t now_us);  // it went down

    std::uint64_t digest_changes() const { return digest_changes_; }
    double mean_keep_s() const { return keep_s_; }

  private:
    static constexpr std::uint32_t kNone = ~0u;
    static constexpr std::size_t kReports = 256;
    static constexpr std::size_t kFuture = 8192;
    struct Worker {
        std::int64_t free_at_us = 0;
        std::uint32_t function = 0, version = 0;
        std::uint32_t pool_next = kNone;
        std::uint32_t older = kNone, newer = kNone;  // order of use
        float memory_mib = 0;
    };

    std::uint32_t find_warm(Cell& cell, const Demand& demand, std::int64_t start_us);
    std::uint32_t start_worker(Cell* cells, std::size_t stride, const Demand& demand,
                               std::int64_t start_us);
    void make_room(Cell* cells, std::size_t stride, float memory_mib, std::int64_t now_us);
    void remove(Cell* cells, std::size_t stride, std::uint32_t worker, std::int64_t now_us,
                bool evicted);
    void touch(std::uint32_t worker);
    void unlink(std::uint32_t worker);
    bool expired(const Worker& worker, std::int64_t at_us) const {
        return worker.free_at_us + keep_alive_us_ < at_us;
    }
    void count_until(std::int64_t now_us);
    void note_busy(Cell& cell, std::int64_t now_us) const;

    std::int64_t keep_alive_us_, report_us_;
    float memory_limit_mib_;  // 0: none
    float memory_mib_ = 0;
    std::vector<std::int64_t> slots_;  // heap: when each becomes free
    std::vector<Worker> workers_;
    std::uint32_t unused_ = kNone;
    std::uint32_t oldest_ = kNone, newest_ = kNone;
    std::array<Report, kReports> reports_{};
    std::size_t last_report_ = 0;
    std::uint32_t in_flight_ = 0, waiting_ = 0;
    std::array<std::uint32_t, kFuture> done_{}, started_{};  // by report interval
    std::int64_t counted_ = 0;                               // intervals
    double service_us_ = 0, region_us_ = 0, slow_ = 1;
    double keep_s_, evictions_ = 0, regrets_ = 0;
    std::uint64_t digest_changes_ = 0;
};

}  // namespace skerry::sim
