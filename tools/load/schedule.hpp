// Requests that are to be sent at given times, and what became of each: `skerry-load --replay`.
//
// One request a line: microseconds from the start, never less than the line before; the function's
// name; the payload, which is the rest of the line and may be missing. Lines that are empty or
// begin with # say nothing.
//
//     1250 resize us=20000 mode=sleep
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::load {

inline constexpr std::size_t kMostPlanned = 1'000'000;
inline constexpr std::size_t kMaxScheduleBytes = std::size_t{256} << 20;
inline constexpr std::uint64_t kLatestUs = 86'400'000'000;

struct Planned {
    std::uint64_t at_us = 0;
    std::uint32_t function = 0;  // of Schedule::functions
    std::string payload;
};

struct Schedule {
    std::vector<std::string> functions;  // at most kMostFunctions, in the order of their first line
    std::vector<Planned> requests;       // at most kMostPlanned, in the order of time

    double seconds() const {
        return requests.empty() ? 0 : static_cast<double>(requests.back().at_us) * 1e-6;
    }
    std::size_t longest_payload() const;
    // The most within a window of so many microseconds: what has to fit into tables.
    std::size_t most_within(std::uint64_t window_us) const;
};

// The first line that can't be read is the error, with its number.
Result<Schedule> parse_schedule(std::string_view text, const std::string& file_name);
Result<Schedule> load_schedule(const std::string& path);

// What became of one request; one line of CSV, in the order of the answers. A request without one
// was lost.
struct Answered {
    std::uint64_t at_us = 0;  // as planned
    std::uint64_t latency_us = 0;
    std::uint32_t function = 0;
    std::uint32_t queue_us = 0, run_us = 0;
    std::uint8_t status = 0;
    bool cold = false;
    std::string place;
};
// at_us,function,place,status,cold,queue_us,run_us,latency_us
bool write_answers(std::FILE* file, const std::vector<std::string>& functions,
                   const std::vector<Answered>& answers);

}  // namespace skerry::load
