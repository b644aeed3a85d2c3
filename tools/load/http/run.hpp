// One run of HTTP requests, of idle connections, of a SYN flood, or of all of them at once.
#pragma once

#include <atomic>
#include <memory>

#include "tools/load/http/options.hpp"
#include "tools/load/http/tally.hpp"

namespace skerry::load::http {

struct Outcome {
    std::unique_ptr<Tally> tally;
    double seconds = 0;           // that were counted
    std::uint64_t idle_held = 0;  // when they ended
    std::uint64_t idle_lost = 0;
    std::uint64_t flood_sent = 0;     // in these seconds
    std::uint64_t tx_full = 0;        // frames that the port did not take
    std::uint64_t retransmitted = 0;  // segments
    std::uint64_t merged = 0;         // frames in which the port had put several together
};

// Blocks until the time is over or `stop` is set, then waits for what is in flight (timeout_ms at
// most), and resets its connections. Errors: set-up; idle connections that could not be opened.
Result<Outcome> run(const Options& options, const std::atomic<bool>& stop);

}  // namespace skerry::load::http
