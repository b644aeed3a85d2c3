// What is worth a server's memory and CPUs: how many workers of which function version are kept
// ready here, of all that are asked for. A pure function of plain numbers, without a clock: the
// control thread calls it about ten times a second, and the simulator calls the same.
//
// The value of a version's k-th worker is what it saves its callers, in µs of waiting a second:
//
//     requests a second that it catches × time by which each is answered sooner than elsewhere.
//
// A request that finds all slots busy goes to a region at once (a loss system), so the first k
// workers catch λ·(1 − B(k·slots, λ·run)) with Erlang's B, and each further one catches less. The
// budgets go to whoever brings most for them, worker by worker: by value ÷ (share of the places +
// share of the memory + share of the CPUs). Since a version's values fall with k, this greedy order
// is the best one for divisible budgets; it loses at most what the last worker that does not fit is
// worth.
//
// So that nothing flaps: a worker that is there is judged by the longer or the shorter memory of
// its rate, whichever is kinder, and its value counts kStays as much; one that is not there has to
// be worth it by both, and has to earn its start within the horizon.
//
// Sources: Erlang 1917 (B); Messerli 1972 (B is convex in the number of servers, so what the next
// one catches falls); Dantzig 1957 (greedy by density). docs/decisions/0030-placement.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/snapshot/snapshot.hpp"

namespace skerry::worth {

// A worker that is there counts so much more than one that would have to be started.
inline constexpr double kStays = 1.5;
// A worker beyond the first is not kept for less than these: a part of the rate that makes a
// function popular, and of all of its own requests.
inline constexpr double kLeastOfPopular = 0.1;
inline constexpr double kLeastOfOwn = 0.01;

// One function version, as it is asked for at this server. Rates a second.
struct Candidate {
    std::uint64_t key = 0;  // no two have the same: equals are ordered by it
    bool current = true;    // not an old version
    Place place = Place::automatic;
    std::uint32_t warm_min = 0;  // the owner's: kept in any case
    std::uint32_t warm_max = 1;  // and at most
    std::uint32_t slots = 1;     // of a worker
    std::uint32_t memory_mib = 128;
    double cpus = 1;            // that a busy slot uses, at most
    double rate_per_s = 0;      // of late: tells whether it is popular
    double steady_per_s = 0;    // over a longer time
    double forecast_per_s = 0;  // of what is about to come, at this time of the week; 0: unknown
    double run_us = 0;          // of one execution; 0: unknown
    double saved_us = 0;        // by which a request is answered sooner here than elsewhere
    double start_us = 0;        // what a start takes
    double weight = 1;          // what waiting costs the owner, against others
    std::uint32_t workers = 0;  // there, or starting
    bool was_popular = false;   // as of the last plan
    bool all_busy = false;      // no slot was free at the last looks: it needs more than there are
    bool expected = false;      // its next request is due soon (idle_times.hpp), here
    bool held_back = false;     // its starts fail, and the next try is not due
};

struct Budget {
    bool is_pop = true;  // a region keeps what only regions execute, and what is expected
    double popular_per_s = 5;
    std::uint32_t workers = 64;    // places
    std::uint64_t memory_mib = 0;  // 0: no limit but the places
    double cpus = 0;               // 0: no limit
    std::uint32_t starts = 4;      // begun by one plan, beyond the owners' minimums
    double horizon_s = 30;         // in which a start has to pay
};

// Why there are so many, or what stands in the way of one more.
enum class Why : std::uint8_t {
    not_here,     // the owner's policy, or a region that starts it on demand
    old_version,  // only what requests need
    pinned,       // the owner's minimum, and it is worth no more
    unpopular,
    no_gain,   // elsewhere it is answered as soon
    enough,    // a further one would catch too little
    most,      // the owner's maximum
    no_room,   // what there is goes to functions that are worth more
    cpu,       // the same of CPUs
    turn,      // its start comes with one of the next plans
    failing,   // its starts fail
    expected,  // kept for the request that is due
};
std::string_view text(Why why);

struct Verdict {
    std::uint32_t workers = 0;  // to be kept
    bool popular = false;
    Why why = Why::not_here;
    // µs saved a second: by all that are kept, and what one more would save.
    double value = 0, next_value = 0;
    // Others are to be started, and their place or memory is taken: workers above `workers` end
    // as soon as they have nothing to do.
    bool yields = false;
};

// One verdict for each candidate, in the same order; the candidates' order does not matter. The
// sum of what is kept is within each budget, or is the owners' minimums alone.
std::vector<Verdict> plan(std::span<const Candidate> candidates, const Budget& budget);

// What the owner wants to be kept here, whatever it is worth.
std::uint32_t pinned(const Candidate& candidate, bool is_pop);
// Half the rate to stay: a function at the edge does not come and go with each look.
bool is_popular(double rate_per_s, double popular_per_s, bool was_popular);

// Erlang's B: the share of requests that find all `servers` busy, when `offered` would be busy on
// average if there were enough. 1 without servers.
double erlang_b(std::uint32_t servers, double offered);

}  // namespace skerry::worth
