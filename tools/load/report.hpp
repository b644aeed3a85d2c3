// What skerry-load says at the end.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/load/generator.hpp"

namespace skerry::load {

// Latencies in microseconds, from the intended sending time. `latency_us.executed` has what ran
// ("ok" and "function_error"), `latency_us.others` all other replies.
nlohmann::json to_json(const Options& options, const Outcome& outcome);

void print_text(const nlohmann::json& result);

}  // namespace skerry::load
