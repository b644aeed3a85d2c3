// Everything that is counted, as Prometheus text (exposition format 0.0.4). Built from the counters
// with each request; nothing is kept.
#pragma once

#include <string>

#include "control/admin/backend.hpp"

namespace skerry::admin {

std::string metrics_text(Backend& backend);

}  // namespace skerry::admin
