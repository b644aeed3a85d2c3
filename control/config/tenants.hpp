// [[tenant]]: who shares this server, and by what rules. Internal to control/config.
#pragma once

#include "control/config/config.hpp"
#include "control/config/reader.hpp"

namespace skerry::config {

inline constexpr std::size_t kTenantsMax = 63;  // and the default one

// After [limits] and [workers]: adds the default one, and sees that what is reserved is there.
void read_tenants(Reader& top, Config& config, Problems& problems);

}  // namespace skerry::config
