// What a worker finds in its environment: what we tell it, and what its function's settings add.
// Runs in the child; the check of a function's settings runs everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"
#include "sandbox/runtime/kind.hpp"

namespace skerry::jail {

struct Order;

// What a worker is told of its function.
struct Told {
    runtime::Kind kind = runtime::Kind::native;
    std::string_view function;
    std::string_view version_hex;
    std::string_view handler;
    std::string_view server_name;
    std::string_view environment;  // the function's settings
    std::uint32_t memory_mib = 0;
};

// Whether `settings` may be the environment of a function: NAME=value, each with a zero at its end,
// at most kEnvironmentBytesMax bytes; names are letters, digits and '_', do not begin with a digit,
// come once, and are none of those that we tell the worker ourselves (AWS_LAMBDA_…, SKERRY_…, …).
// The error names the one that is wrong.
Status check_environment(std::string_view settings);

// Whether a program that runs already can be given these settings as if it had been started with
// them: not if they are for the interpreter, its libraries or the loader, which look at them once,
// and not if they are other than ASCII, which an interpreter may change.
bool can_come_later(std::string_view settings);

// NAME=value; a function's settings first, then what they leave open. Never a name twice.
std::vector<std::string> make_environment(const Told& told);
// The same, of an order; of one to stand by, what is known without a function.
std::vector<std::string> make_environment(const Order& order);

}  // namespace skerry::jail
