// A scenario: what the simulated world is like, as read from its TOML file. scenarios/README.md
// explains each key. Reading is strict, like control/config: an unknown key, a wrong type or an
// impossible value is an error that names file, line, what was found and what is allowed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::sim {

enum class ArrivalKind : std::uint8_t { poisson, diurnal };
enum class FaultKind : std::uint8_t {
    down,       // regions answer nothing
    brown_out,  // regions execute slower, by `factor`, with as much fewer slots
    partition,  // POPs of a range of longitudes can't reach regions
    loss,       // a share `factor` of the messages to regions is lost
    stale,      // regions' reports come `factor` seconds late
};
struct Fault {  // [[fault]]
    FaultKind kind = FaultKind::down;
    std::vector<std::uint8_t> regions;  // indices
    double from_s = 0, to_s = 0;
    double factor = 1;
    double west_deg = -180, east_deg = 180;  // partition: POPs between these longitudes
};
struct Rollout {      // [rollout]; a share of the functions gets a new version
    double at_s = 0;  // 0: none
    double share = 0;
    double replicate_s = 60;  // mean time until a region has it; the first has it at once
};
struct Flash {  // [[flash]]: a few functions are asked for much more, from everywhere
    double from_s = 0, to_s = 0;
    std::uint32_t first = 0, functions = 1;  // by rank of popularity, most popular first
    double requests_per_s = 0;
};

struct Scenario {
    std::string name, about;
    double seconds = 3600;
    double warm_up_s = 900;  // not measured
    double requests_per_s = 150;
    bool memory_pressure = false;  // which of the goals for regret applies; said by the author

    struct {
        std::uint32_t count = 200;
        // A function may be kept at a POP while it is asked for this often there; which of them
        // are, control/worth's plan() decides.
        double popular_per_s = 5;
        double half_life_s = 60;       // of that rate
        std::uint32_t workers = 64;    // functions kept, at most
        std::uint32_t memory_mib = 0;  // for them; 0: ample
        std::uint32_t slots = 256;     // invocations at once
    } pops;
    struct {
        std::uint32_t count = 24;
        std::uint32_t slots = 4000;    // invocations at once
        std::uint32_t memory_mib = 0;  // for warm and busy workers; 0: ample
        double keep_alive_s = 600;
        std::uint32_t report_ms = 1000;
        std::uint32_t fresh_ms = 800;
        std::uint32_t probe_ms = 250;
        std::uint32_t failures_to_eject = 3;
    } regions;
    struct {
        double inflation = 2.1;  // of the great circle, at light's speed in glass
        double overhead_ms = 1;
        double silence_factor = 3;  // a region is silent after this many round trips + 100 ms …
        // A row of round trips for each POP, one to each region; empty: by the great circle.
        std::vector<std::vector<double>> rtt_ms;
    } network;
    // [workers]: servers have workers as control/placement does (pool.hpp), POPs too: pops.workers
    // and regions.slots of them, each for one invocation at a time. Else a simpler world, of which
    // a million requests a second can be simulated.
    struct {
        bool modelled = false;
        std::uint32_t per_function = 4;  // at most, at each server
        bool digest = true;  // POPs know what is warm at regions; else their own requests alone
    } workers;
    struct {
        std::uint32_t count = 50'000;
        double zipf = 0.9;
        double local_share =
            0;  // of requests that come from the 10 POPs around the function's home
        double run_ms = 20, run_sigma = 1.0;  // median over functions and its spread (log-normal)
        double run_noise = 0.5;               // of one invocation around its function's median
        double cold_ms = 250, cold_sigma = 0.5, cold_noise = 0.2;
        double memory_mib = 128, memory_sigma = 0.5;
        std::uint32_t request_bytes = 1000, reply_bytes = 4000;
        double deadline_s = 30;
    } functions;
    ArrivalKind arrivals = ArrivalKind::poisson;
    double amplitude = 0.8;  // diurnal: rate swings by this share around its mean
    double day_s = 86'400;   // may be shorter, so that a run sees more than one
    std::vector<Flash> flashes;
    std::vector<Fault> faults;
    Rollout rollout;
    // Files of public traces (trace.hpp); empty: generated.
    std::string trace;        // invocations a minute; its functions are the scenario's, by rank
    std::string durations;    // of the trace's functions; those that it lacks are generated
    std::string cold_starts;  // each function's cold start is as dear as one of these
};

// Limits of what a scenario may ask for, so that a hostile one can't take the machine.
inline constexpr std::uint32_t kMaxPops = 1000;
inline constexpr std::uint32_t kMaxSimRegions = 36;
inline constexpr std::uint32_t kMaxSimFunctions = 1'000'000;
inline constexpr double kMaxRequests = 2.0e9;
inline constexpr std::uint32_t kMaxPoolWorkers = 1024;   // of one server, with [workers]
inline constexpr std::uint32_t kMaxPoolPairs = 100'000;  // POPs × functions, with [workers]

// All problems found, not the first only, each with `file:line:`.
Result<Scenario> parse_scenario(std::string_view toml, const std::string& file_name);
Result<Scenario> load_scenario(const std::string& path);

}  // namespace skerry::sim
