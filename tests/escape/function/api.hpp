// The function as a worker of the Runtime API.
#pragma once

#include "tests/escape/function/attempt.hpp"

namespace skerry::escape {

// Serves until there is nobody to connect to.
int serve_api();
std::span<const Attempt> api_attempts();

}  // namespace skerry::escape
