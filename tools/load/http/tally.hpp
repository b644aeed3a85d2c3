// What is counted of a run.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/reasons.hpp"
#include "tools/load/histogram.hpp"

namespace skerry::load::http {

struct Tally {
    std::uint64_t sent = 0;        // requests
    std::uint64_t answered = 0;    // all of an answer has come
    std::uint64_t body_bytes = 0;  // of answers
    std::uint64_t changed = 0;     // of answers that were to have the request's body: had another
    std::uint64_t cut_off = 0;     // the connection ended before the answer did
    std::uint64_t timed_out = 0;   // requests and handshakes
    std::uint64_t malformed = 0;   // answers
    std::uint64_t unasked = 0;     // bytes came where no answer was due: the connection is ended
    std::uint64_t connected = 0;
    std::uint64_t not_connected = 0;  // refused, reset, or no local port was free
    std::array<std::uint64_t, 1000> by_status{};
    std::array<std::uint64_t, kReasonCount> closed_for{};  // connections that ended by themselves
    Histogram good;                                        // ns, of answers with a status below 400
    Histogram others;                                      // … and of all other answers
    Histogram connects;                                    // ns, from SYN to established
};

}  // namespace skerry::load::http
