// Watches the regions: decides when each is probed, takes what the dataplane measured, counts
// passive failures, and writes the numbers that the packet path reads (RegionNumbersTable).
//
// Control thread only. It sends nothing itself: probes go the way of requests, through core 0.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "control/regions/digest_book.hpp"
#include "control/regions/health.hpp"
#include "control/regions/outliers.hpp"
#include "dataplane/shared.hpp"

namespace skerry::regions {

struct MonitorLimits {
    std::uint64_t period_us = 250'000;  // jittered by a fifth either way
    std::uint64_t fresh_us = 1'000'000;
    HealthLimits health;
    OutlierLimits outliers = {};
    // The operator's, of each region; missing ones have 100.
    std::vector<std::uint32_t> weight_percent = {};
};

// What is known of one region, for the admin API and for `explain`.
struct Standing {
    Health::State state = Health::State::unheard;
    std::uint32_t weight_permille = 0;
    std::uint32_t rtt_us = 0, rtt_variation_us = 0;
    std::uint32_t in_flight = 0, waiting = 0, free_slots = 0;
    // As it reports; what it does not report is 0, and its slots those that it has.
    std::uint32_t slots = 0, service_us = 0, region_us = 0, slow_permille = 1000;
    std::uint32_t consecutive_failures = 0;
    std::uint64_t ejections = 0;           // for probes and requests in vain, one after the other
    std::uint64_t ejections_rate = 0;      // for its success rate
    std::uint64_t ejections_withheld = 0;  // too many were ejected already
    std::uint64_t ejected_for_us = 0;      // from now on, at least; 0: it is not ejected
    bool in_panic = false;  // ejected, and used nevertheless: too many are (outliers.hpp)
    std::uint64_t probes_sent = 0, probes_answered = 0;
    std::uint64_t last_heard_us = 0;  // 0: never
    std::uint64_t boot_id = 0, catalog_epoch = 0;
    bool draining = false;
    bool fresh = false;
};

class Monitor {
  public:
    // `digests`, if there are any, outlives it.
    Monitor(Shared& shared, std::uint32_t region_count, MonitorLimits limits, std::uint64_t seed,
            DigestBook* digests = nullptr);

    // Takes results, sends what is due, writes the numbers. Returns when it wants to be called
    // next.
    std::uint64_t step(std::uint64_t now_us);

    // Regions that started anew, or whose set of versions changed, since the last call: one bit
    // each.
    std::uint64_t take_changed();
    Standing standing(std::uint32_t region, std::uint64_t now_us);

  private:
    struct Region {
        explicit Region(HealthLimits limits) : health(limits) {}
        Health health;
        Standing last;
        std::uint64_t token = 0;  // of the probe that is out; 0: none
        std::uint64_t sent_us = 0;
        std::uint64_t due_us = 0;
        std::uint64_t cookie = 0;
        std::uint64_t fresh_until_tsc = 0;
        std::uint64_t fresh_until_us = 0;
        bool longer = false;            // it understands longer probes
        std::uint32_t probe_bytes = 0;  // of the last one
        // Entries of a digest that it answers. When one with a digest was lost the next are without
        // for a while: the way may carry no packets of that length.
        std::uint32_t digest_entries = 0;
        std::uint32_t digests_lost = 0;
        std::uint64_t digest_from_us = 0;
        std::uint64_t answered_seen = 0;  // passive counters at the last look
        std::uint64_t silent_seen = 0;
        Outcomes outcomes_seen;  // at the last look at success rates
    };

    void take_results(std::uint64_t now_us);
    void take_numbers(std::uint32_t index, const ProbeResult& result);
    void keep_fresh(Region& region, std::uint64_t now_us) const;
    void eject_outliers(std::uint64_t now_us);
    void note(Region& region, Health::Outcome outcome, std::uint64_t Standing::*counter);
    bool may_eject() const;
    bool is_reachable(const Region& region, std::uint64_t now_us) const;
    void look_for_panic(std::uint64_t now_us);
    bool in_panic(const Region& region, std::uint64_t now_us) const;
    void take_passive(std::uint32_t index, std::uint64_t now_us);
    void probe(std::uint32_t index, std::uint64_t now_us);
    void add_digest(std::uint32_t index, std::uint64_t now_us, ProbeCommand& command);
    void take_digest(std::uint32_t index, const ProbeResult& result, std::uint64_t now_us);
    bool is_nearest(std::uint32_t index, std::uint64_t now_us) const;
    void give_up_probe(Region& region, std::uint64_t now_us);
    void write_numbers(std::uint32_t index, std::uint64_t now_us);
    std::uint64_t patience_us(const Region& region) const;
    std::uint16_t weight_permille(std::uint32_t index, std::uint64_t now_us);

    Shared& shared_;
    MonitorLimits limits_;
    DigestBook* digests_;
    std::vector<Region> regions_;
    std::mt19937_64 random_;
    std::uint64_t probes_ = 0;
    std::uint64_t changed_ = 0;
    std::uint64_t outliers_due_us_ = 0;  // 0: the first step says
    bool panic_ = false;
};

}  // namespace skerry::regions
