// One run: sends at the given rate whatever the answers do (open loop), and measures each latency
// from the moment the request was due, not from when it was sent: a server that stalls pays for all
// the requests that a stalled generator would not have sent ("coordinated omission").
#pragma once

#include <atomic>

#include "tools/load/in_flight.hpp"
#include "tools/load/options.hpp"
#include "tools/load/random.hpp"
#include "tools/load/sockets.hpp"
#include "tools/load/tally.hpp"

namespace skerry::load {

struct Outcome {
    Tally tally;
    double seconds = 0;             // of sending
    std::vector<Answered> answers;  // if they are kept: in the order in which they came
};

// Blocks until every request is answered or given up, or `stop` is set (a signal): then it stops
// sending, and waits for what is in flight. Errors: set-up, and a payload too large for the path.
Result<Outcome> run(const Options& options, const std::atomic<bool>& stop);

}  // namespace skerry::load
