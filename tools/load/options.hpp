// What one run of skerry-load does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/client/endpoint.hpp"
#include "tools/load/dpdk_port.hpp"
#include "tools/load/schedule.hpp"

namespace skerry::load {

inline constexpr std::size_t kMostFunctions = 1024;
inline constexpr std::uint32_t kMostSockets = 64;

struct Options {
    client::Endpoint pop;
    std::optional<PortOptions> port;     // through DPDK; else through kernel sockets
    std::vector<std::string> functions;  // 1 … kMostFunctions, the most popular first
    double zipf = 0;                     // 0: all alike
    double rate_per_s = 1000;
    double duration_s = 10;
    bool poisson = false;  // else evenly spaced
    std::string payload;
    std::uint32_t sockets = 4;  // 1 … kMostSockets: source ports
    std::uint32_t deadline_ms = 3000;
    std::uint32_t retransmit_ms = 0;  // 0: each request is sent once
    std::uint64_t seed = 1;
    // Instead of zipf, rate, duration, poisson and payload: these requests, when they are due.
    // `functions` are the schedule's then.
    std::optional<Schedule> replay;
    bool keep_answers = false;  // of a replay: Outcome::answers
    bool spin = false;          // never sleeps: exact sending times for one CPU
    bool progress = true;       // a line on stderr each second
};

}  // namespace skerry::load
