// A function as JSON: in catalog.db and in a fleet's records; and the catalog.json of earlier
// versions, which is only read. Internal to control/catalog and control/fleet.
#pragma once

#include <string>
#include <string_view>

#include "control/catalog/catalog.hpp"

namespace skerry::catalog {

inline constexpr std::uint64_t kFormat = 1;  // of catalog.json

std::string render(const Function& function);  // on one line
// Strict: what `render` never writes is damage. The error says where, and does not name the file.
Result<State> parse(std::string_view json);
Result<Function> parse_function(std::string_view json);

bool is_digest(const std::string& text);
Status validate_region_name(const std::string& name);
Status validate(const Policy& policy);
// Name, limits, policy, and versions that are digests, different, and contain `current`.
Status validate(const Function& function);

}  // namespace skerry::catalog
