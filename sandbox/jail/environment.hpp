// What a worker finds in its environment: what we tell it, and what its function's settings add.
// Runs in the child; the check of a function's settings runs everywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::jail {

struct Order;

// Whether `settings` may be the environment of a function: NAME=value, each with a zero at its end,
// at most kEnvironmentBytesMax bytes; names are letters, digits and '_', do not begin with a digit,
// come once, and are none of those that we tell the worker ourselves (AWS_LAMBDA_…, SKERRY_…, …).
// The error names the one that is wrong.
Status check_environment(std::string_view settings);

// NAME=value; a function's settings first, then what they leave open. Never a name twice.
std::vector<std::string> make_environment(const Order& order);

}  // namespace skerry::jail
