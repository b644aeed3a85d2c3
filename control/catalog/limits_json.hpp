// A function's limits as JSON, each under its name: in the catalog, in a fleet's records, and in
// what the admin API shows. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "control/catalog/catalog.hpp"

namespace skerry::catalog {

nlohmann::json limits_json(const Limits& limits);

}  // namespace skerry::catalog
