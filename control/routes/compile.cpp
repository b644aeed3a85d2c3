#include "control/routes/compile.hpp"

#include <algorithm>
#include <numeric>

#include "control/routes/builder.hpp"
#include "control/routes/order.hpp"

namespace skerry::routes {
namespace {

void rank(RouteSet& set) {
    std::vector<std::uint32_t> order(set.routes.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        Difference by;
        return compare(set.parsed[a], set.parsed[b], by) < 0;
    });
    set.ranks.resize(order.size());
    for (std::uint32_t at = 0; at < order.size(); ++at) set.ranks[order[at]] = at;
}

}  // namespace

Compiled compile(std::vector<Route> routes, std::uint32_t cores, Cache& cache) {
    Compiled compiled;
    if (routes.size() > classify::kRoutesMax) {
        compiled.problems.push_back({classify::kRoutesMax, "routes", -1,
                                     "more than " + std::to_string(classify::kRoutesMax)});
        return compiled;
    }
    auto set = std::make_shared<RouteSet>();
    set->routes = std::move(routes);
    set->parsed.resize(set->routes.size());
    for (std::uint32_t i = 0; i < set->routes.size(); ++i)
        parse(set->routes[i], i, set->parsed[i], compiled.problems);
    if (!compiled.problems.empty()) return compiled;
    rank(*set);
    Builder builder(*set, compiled.problems);
    builder.build();
    if (!compiled.problems.empty()) return compiled;
    builder.load(cores, cache);
    if (compiled.problems.empty()) compiled.set = std::move(set);
    return compiled;
}

}  // namespace skerry::routes
