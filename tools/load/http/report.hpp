// What `skerry-load http` and `skerry-load syn-flood` say at the end.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/load/http/run.hpp"

namespace skerry::load::http {

// Latencies in microseconds: `latency_us.ok` of answers with a status below 400,
// `latency_us.others` of all others, `latency_us.connect` of handshakes.
nlohmann::json to_json(const Options& options, const Outcome& outcome);

void print_text(const nlohmann::json& result);

}  // namespace skerry::load::http
