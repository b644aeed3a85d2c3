// Which of two routes that match the same request is the more specific (docs/routes.md). The order
// does not depend on the request: it is the rank of a route in its table. Pure.
#pragma once

#include "control/routes/pattern.hpp"

namespace skerry::routes {

// In the order in which they are looked at.
enum class Difference : std::uint8_t { none, host, path, methods, conditions };

// < 0: `a` is before `b`; 0: only the order in which they were declared says. `by` says what made
// the difference. A strict weak order; what it says of two that no request matches both is of no
// meaning.
int compare(const Parsed& a, const Parsed& b, Difference& by);

}  // namespace skerry::routes
