// Which call of the Runtime API a request line means. Internal to sandbox/runtime_api.
#pragma once

#include <string_view>

#include "sandbox/runtime_api/request_reader.hpp"

namespace skerry::runtime_api {

// Fills `request_id` for the calls whose path has one; an id that is too long to be one of ours
// is kept as "?".
Call route(std::string_view method, std::string_view target, Text<64>& request_id);

}  // namespace skerry::runtime_api
