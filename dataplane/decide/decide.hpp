// The decision (mission rows M4, M5, M6): execute here, forward to a region, queue, or refuse.
//
// A pure function of plain structs: no clock, no table, no global. The packet path, `explain`, the
// simulator and the tests call the very same code.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/reasons.hpp"
#include "dataplane/snapshot/snapshot.hpp"

namespace skerry {

enum class Verdict : std::uint8_t { local, forward, queue, refuse };

struct LocalView {
    bool slot_free = false;  // a slot has been claimed for this request
    bool may_queue = false;  // workers of this version exist or can be started here, and the queue
                             // of this server has room
    bool is_pop = false;     // has regions behind it
    bool draining = false;
    std::uint32_t trunk_payload_bytes = 0;  // what a trunk carries, if one is up; 0: none is kept
};

struct RegionView {
    std::uint32_t rtt_us = 0;
    std::uint32_t rtt_variation_us = 0;
    std::uint32_t waiting_us = 0;
    std::uint32_t expected_cold_us = 0;
    std::uint16_t weight_permille = 0;
    std::uint32_t max_payload_bytes = 0;  // that a trunk carries there, or one datagram
    bool fresh = false;
};

struct Request {
    std::uint32_t deadline_us = 0;  // time left
    std::uint32_t payload_bytes = 0;
    std::uint8_t hop_count = 0;
    std::uint64_t tried = 0;   // bit r: region r was already asked for this request
    std::uint64_t spread = 0;  // random bits of the request: shares traffic by weight
};

struct Decision {
    Verdict verdict = Verdict::refuse;
    std::uint8_t region = 0;                      // for forward
    Reason reason = Reason::refused_no_capacity;  // for refuse
};

// Why a region can't be chosen, for `explain`. `eligible` is the only one that can.
enum class Eligibility : std::uint8_t {
    eligible,
    tried,
    no_version,
    not_fresh,
    ejected,
    returning,  // healthy again, and this request is not in its share yet
    too_far,    // the reply could not be here before the deadline
    too_large,  // no trunk is up, and one datagram on the way there does not carry it
};

struct Candidate {
    Eligibility eligibility = Eligibility::no_version;
    std::uint64_t cost_us = 0;
};

// One region's standing. `cost_us` is the expected time to the reply, execution itself left out.
Candidate judge(const Target& target, std::uint8_t region, const RegionView& view,
                const Request& request);

// Whether a slot of this server may be claimed for the target at all.
constexpr bool may_run_here(const Target& target, bool is_pop) {
    return target.entry != kNoEntry && !(is_pop && target.place == Place::region);
}

// `regions[r]` describes region r of the snapshot. At most kMaxRegions.
Decision decide(const Target& target, const LocalView& local, std::span<const RegionView> regions,
                const Request& request);

// M6: expected extra time because the function may be cold at a region. Rates are per second,
// decayed averages; times in seconds. Called by the control thread (WarmthTable) and the simulator.
// `tie` is a hash of (function, region) so that all POPs break ties towards the same home.
struct WarmthView {
    double region_rate = 0;     // arrivals of this function at the region, as known here
    double own_rate = 0;        // arrivals at this POP
    double keep_alive_s = 600;  // how long an idle worker survives there
    bool warm = false;          // a worker that can execute it is believed to be there now
    bool busy = false;          // and all of them are taken
    std::uint32_t cold_cost_us = 0;
    std::uint64_t tie = 0;
};
std::uint32_t expected_cold_us(const WarmthView& view);

}  // namespace skerry
