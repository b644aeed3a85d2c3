// A policy's values as they are written: in the catalog, in the management API, on the command
// line.
#pragma once

#include <string_view>

namespace skerry::catalog {

inline constexpr std::string_view kPlaces[] = {"auto", "pop", "region"};  // by Place
// By RetryPolicy.
inline constexpr std::string_view kRetries[] = {"unstarted", "idempotent", "never", "marked"};

}  // namespace skerry::catalog
