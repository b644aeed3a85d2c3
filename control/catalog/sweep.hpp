// Removes artifacts that no function names any more.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "control/catalog/artifacts.hpp"

namespace skerry::catalog {

// Returns how many were removed. What can't be removed stays for the next time, and what does
// not look like an artifact was put there by somebody else, and stays too.
std::size_t sweep_artifacts(const ArtifactStore& store, const std::set<std::string>& keep);

}  // namespace skerry::catalog
