// The admin API's calls about routes (API.md). Their bodies are JSON that somebody wrote: of wrong
// types as well.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "control/admin/api.hpp"

namespace skerry::admin {

Answer get_routes(const Call& call, const std::string& name, std::string_view query,
                  Backend& backend);
Answer post_route(const Call& call, const std::string& name, std::string_view query,
                  Backend& backend);
Answer put_routes(const Call& call, const std::string& name, std::string_view query,
                  Backend& backend);
Answer delete_route(const Call& call, const std::string& name, std::string_view query,
                    Backend& backend);
// "method", "url" and "headers" of a request that is not made; an error says what is wrong.
std::optional<ApiError> take_request(const nlohmann::json& from, RouteTest& test);
Answer post_route_test(const Call& call, const std::string& name, std::string_view query,
                       Backend& backend);

}  // namespace skerry::admin
