// [artifacts]. Internal to control/config.
#pragma once

#include "control/config/config.hpp"
#include "control/config/reader.hpp"

namespace skerry::config {

void read_artifacts(Reader& top, Artifacts& a, Problems& problems);

}  // namespace skerry::config
