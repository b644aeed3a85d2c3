// Removes what no function names any more: artifacts, and the logs of workers.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "control/catalog/artifacts.hpp"

namespace skerry::catalog {

// As the worker pool names it: FUNCTION-VERSION.log, of the version its first 12 digits.
std::string log_name(const std::string& function, const std::string& digest);

// Both return how many were removed. What can't be removed stays for the next time, and what does
// not look like an artifact or a log was put there by somebody else, and stays too.
std::size_t sweep_artifacts(const ArtifactStore& store, const std::set<std::string>& keep);
std::size_t sweep_logs(const std::string& folder, const std::set<std::string>& keep);

}  // namespace skerry::catalog
