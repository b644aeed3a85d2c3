// The names that a policy may use for numbers. Internal to sandbox/seccomp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace skerry::seccomp {

std::optional<std::uint32_t> constant(std::string_view name);
// "EPERM" and the like.
std::optional<int> errno_value(std::string_view name);

}  // namespace skerry::seccomp
