// Runs one script against one tcp::Stack: frames through classify(), a clock that only the script
// moves, no NIC. Needs DPDK's environment for packet buffers.
#pragma once

#include <string>

#include "tests/dataplane/tcp/timeline/script.hpp"

namespace skerry::timeline {

// Empty if everything happened as the script says, and nothing else did; otherwise what did not,
// and what had happened before. `short_way`: frames go by Stack::answer_flood() first.
std::string run_script(const Script& script, bool short_way = false);

}  // namespace skerry::timeline
