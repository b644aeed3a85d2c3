// Calls whose body is JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control/admin/api.hpp"

namespace skerry::admin {

// The body, an object of at most `bytes_max` bytes. Such a call takes no parameters.
inline ApiResult<nlohmann::json> json_body(const Call& call, std::string_view query,
                                           std::size_t bytes_max) {
    std::string body;
    if (!call.read_body(&body) || body.size() > bytes_max)
        return ApiResult<nlohmann::json>::failure(
            {413, "too-large", "at most " + std::to_string(bytes_max) + " bytes", {}});
    if (!query.empty())
        return ApiResult<nlohmann::json>::failure(
            {400, "unknown-parameter", "this call takes no parameters", {}});
    nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
    if (json.is_object()) return {std::move(json), true, {}};
    return ApiResult<nlohmann::json>::failure(
        {400, "bad-json", "the body is to be a JSON object", {}});
}

}  // namespace skerry::admin
