// Admission rules as JSON: in the state's file, and in the admin API. Control thread and tools.
//
// {"name": "…", "in": "path|query|header|body", "header": "…", "pattern": "…", "action":
//  "count|deny|rate", "status": 403, "per_second": 10, "burst": 20, "key": "source|header:NAME"};
// all but name, in, pattern and action may be left out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "control/rules/rule.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::rules {

inline constexpr std::size_t kFileBytesMax = 8u << 20;

nlohmann::json to_json(const Declared& rule);
// An error says which member is what it must not be. What check() looks at is not looked at.
Result<Declared> rule_of(const nlohmann::json& json);

// The file: {"version": 1, "rules": […]}, in the order of their declaration. Read without a
// version, too.
std::string file_text(const std::vector<Declared>& rules);
Result<std::vector<Declared>> rules_of(const nlohmann::json& file);
Result<std::vector<Declared>> parse_file(std::string_view text);

}  // namespace skerry::rules
