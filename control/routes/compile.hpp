// From routes to the table that the packet path looks things up in. Control thread; allocates, and
// takes seconds if there are thousands of patterns that no cache has.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/routes/databases.hpp"
#include "control/routes/pattern.hpp"
#include "control/routes/route.hpp"
#include "dataplane/classify/table.hpp"

namespace skerry::routes {

// Routes, what they mean, and the table; immutable.
struct RouteSet {
    std::vector<Route> routes;
    std::vector<Parsed> parsed;        // of the same place
    std::vector<std::uint32_t> ranks;  // of the same place
    classify::Table table;
    std::uint32_t control_core = 0;  // the control thread classifies as this one
    std::vector<Problem> warnings;   // routes that never win
};

struct Compiled {
    std::shared_ptr<const RouteSet> set;  // none: `problems` says why
    std::vector<Problem> problems;
};

// `cores`: how many will classify. Every problem that can be found is, not only the first.
Compiled compile(std::vector<Route> routes, std::uint32_t cores, Cache& cache);

}  // namespace skerry::routes
