// One POP of the simulation: what it knows of its regions, and of the functions it is asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/select/candidates.hpp"
#include "tools/sim/prober.hpp"

namespace skerry::sim {

// One function at one POP. Zero bytes are a fresh one. Times in seconds of simulated time.
struct PopFunction {
    float rate = 0;            // arrivals a second, over the time that a worker is kept
    float fast = 0;            // the same for admission
    float at_s = 0;            // both are as of then
    float sent_s = 0;          // last request forwarded; with sent_to
    std::uint8_t sent_to = 0;  // region + 1; 0: none yet
    bool kept = false;         // admitted: executed here
    bool asks = false;         // popular, and there was no room: it is in PopSim::asking
    std::uint8_t reserved = 0;
    float warm_s = 0;  // kept: its worker is warm from then on
};
static_assert(sizeof(PopFunction) == 24);

struct PopSim {
    select::Candidates regions;
    select::Column<std::int64_t> seen_us{};  // when the report that is known was made
    select::Column<std::int32_t> wait_us{};  // that it reports
    select::Column<float> response_us{};     // peak EWMA, as of response_s
    select::Column<float> response_s{};
    select::Column<float> keep_s{};
    select::Column<float> crowding{};
    std::vector<Prober> probers;        // of regions that faults concern
    std::vector<std::uint32_t> kept;    // functions
    std::vector<std::uint32_t> asking;  // to be kept, when the POP plans the next time
    std::uint64_t memory_mib = 0;       // of those that are kept
    std::uint32_t running = 0;          // invocations here
    double latency_us = 0;              // sum, of what it measured
    std::uint64_t requests = 0;
};

}  // namespace skerry::sim
