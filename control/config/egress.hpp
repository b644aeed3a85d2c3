// [[egress]]: the networks that functions may be granted. Internal to control/config.
#pragma once

#include "control/config/config.hpp"
#include "control/config/preflight.hpp"
#include "control/config/reader.hpp"

namespace skerry::config {

// Reads one table, and compares it with those before it.
void read_egress(const toml::table& table, std::size_t index, Config& config, Problems& problems);

// One need for each network. Forks.
std::vector<Need> check_egress(const Config& config);

}  // namespace skerry::config
