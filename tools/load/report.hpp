// What skerry-load says at the end.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/load/generator.hpp"

namespace skerry::load {

// Latencies in microseconds, from the intended sending time. `latency_us.executed` has what ran
// ("ok" and "function_error"), `latency_us.others` all other replies.
nlohmann::json to_json(const Options& options, const Outcome& outcome);

void print_text(const nlohmann::json& result);

// Pieces of both reports: microseconds of a histogram of nanoseconds; a line of one; a line of
// counts.
nlohmann::json latency_json(const Histogram& histogram);
void print_latency(const std::string& name, const nlohmann::json& latency);
void print_counts(const char* title, const nlohmann::json& counts);

}  // namespace skerry::load
