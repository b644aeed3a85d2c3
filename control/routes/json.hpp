// Routes as JSON: in the state's file, and in the admin API. Control thread and tools.
//
// {"methods": ["GET"], "host": "…", "path": "…", "headers": […], "query": […], "function": "…",
//  "qualifier": "…", "auth": "AWS_IAM"}; all but path and function may be left out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "control/routes/route.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::routes {

inline constexpr std::size_t kFileBytesMax = 32u << 20;

nlohmann::json to_json(const Route& route);
// An error says which member is what it must not be. What the texts mean is not looked at.
Result<Route> route_of(const nlohmann::json& json);

// The file: {"version": 1, "routes": […]}, in the order of their declaration.
std::string file_text(const std::vector<Route>& routes);
Result<std::vector<Route>> routes_of(const nlohmann::json& file);
Result<std::vector<Route>> parse_file(std::string_view text);

}  // namespace skerry::routes
