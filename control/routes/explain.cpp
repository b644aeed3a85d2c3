#include "control/routes/explain.hpp"

#include <algorithm>

#include "control/routes/order.hpp"
#include "dataplane/classify/classifier.hpp"
#include "dataplane/classify/walk.hpp"

namespace skerry::routes {
namespace {

// Every bucket that the request's host and path match.
struct All {
    std::vector<bool> matched;
    bool wants(std::uint32_t) const { return true; }
    void operator()(std::uint32_t bucket) { matched[bucket] = true; }
};

hs_scratch_t* scratch_of(const RouteSet& set) {
    const auto& scratches = set.table.scratches;
    return scratches.empty() ? nullptr : scratches[set.control_core].get();
}

bool host_matches(const RouteSet& set, std::uint32_t route, const std::string& host) {
    const HostPattern& pattern = set.parsed[route].host;
    switch (pattern.kind) {
        case HostKind::literal:
            return host == pattern.text;
        case HostKind::wildcard:
            return host.size() > pattern.text.size() &&
                   host.compare(host.size() - pattern.text.size(), std::string::npos,
                                pattern.text) == 0;
        case HostKind::any:
            return true;
        case HostKind::expression:
            break;
    }
    const classify::Table& table = set.table;
    bool found = false;
    if (host.empty()) return false;
    const auto each = [&](std::uint32_t id) {
        const std::uint32_t best = table.hosts[table.host_patterns[id]].best;
        found |= set.parsed[table.rows[best].route].host.text == pattern.text;
    };
    classify::scan(table.databases[table.host_database].get(), scratch_of(set), host, each);
    return found;
}

std::string name_of(const RouteSet& set, const classify::Condition& condition) {
    const std::string name(set.table.text(condition.name));
    const std::string value(set.table.text(condition.value));
    const std::string of = condition.of_query ? "query " : "header ";
    switch (condition.kind) {
        case classify::Condition::Kind::present:
            return of + name;
        case classify::Condition::Kind::absent:
            return of + "!" + name;
        case classify::Condition::Kind::equal:
            return of + name + "=" + value;
        case classify::Condition::Kind::prefix:
            return of + name + "=" + value + "*";
    }
    return of;
}

std::string why_before(const RouteSet& set, std::uint32_t winner, std::uint32_t route) {
    const Parsed &a = set.parsed[winner], &b = set.parsed[route];
    static constexpr const char* kHosts[] = {"a literal host", "a longer wildcard",
                                             "a regular expression", "any host"};
    static constexpr const char* kPaths[] = {"an exact path", "a regular expression",
                                             "a path of as many segments", "a prefix"};
    Difference by;
    compare(a, b, by);
    const std::string other = " of route " + std::to_string(winner);
    switch (by) {
        case Difference::host:
            return std::string("host: ") + kHosts[static_cast<std::size_t>(a.host.kind)] + other +
                   " is more specific";
        case Difference::path:
            if (a.path.kind == b.path.kind)
                return "path: the first segments that differ are more specific in that" + other;
            return std::string("path: ") + kPaths[static_cast<std::size_t>(a.path.kind)] + other +
                   " is more specific";
        case Difference::methods:
            return "method: route " + std::to_string(winner) + " names its methods";
        case Difference::conditions:
            return "conditions: route " + std::to_string(winner) + " has more";
        case Difference::none:
            break;
    }
    return "order: route " + std::to_string(winner) + " is before it";
}

std::string why_not(const RouteSet& set, std::uint32_t route, const All& all,
                    const Explanation& explanation, const classify::Request& request) {
    const classify::Row& row = set.table.rows[set.ranks[route]];
    if (!all.matched[row.bucket]) {
        const Route& it = set.routes[route];
        if (!host_matches(set, route, explanation.host))
            return "host: " + (explanation.host.empty() ? "none" : explanation.host) + " is not " +
                   it.host;
        return "path: " + explanation.path + " is not " + it.path;
    }
    if ((row.methods & request.method) == 0)
        return "method: " + methods_text(request.method) + " is not " + methods_text(row.methods);
    for (std::uint32_t i = 0; i < row.conditions; ++i) {
        const classify::Condition& condition = set.table.conditions[row.first_condition + i];
        if (!classify::holds(set.table, condition, request))
            return "condition: " + name_of(set, condition) + " does not hold";
    }
    return {};
}

}  // namespace

std::string to_text(const Route& route) {
    std::string text;
    for (const std::string& method : route.methods) text += (text.empty() ? "" : ",") + method;
    if (text.empty()) text = "*";
    text += " " + (route.host.empty() ? "*" : route.host) + " " + route.path;
    for (const std::string& each : route.headers) text += " header:" + each;
    for (const std::string& each : route.query) text += " query:" + each;
    text += " -> " + route.function;
    if (!route.qualifier.empty()) text += ":" + route.qualifier;
    if (route.auth == Auth::none) text += " (public)";
    return text;
}

Explanation explain(const RouteSet& set, const classify::Request& request) {
    Explanation explanation;
    classify::Classifier classifier(set.control_core);
    classifier.classify(set.table, {&request, 1}, {&explanation.outcome, 1});
    classify::Outcome& outcome = explanation.outcome;
    explanation.host = outcome.host;
    explanation.path = outcome.path;
    outcome.host = explanation.host;
    outcome.path = explanation.path;
    if (outcome.verdict == classify::Verdict::malformed) return explanation;

    All all;
    all.matched.resize(set.table.buckets.size());
    classify::Walk(set.table, scratch_of(set),
                   {explanation.host, explanation.path, classify::hash_of(explanation.path)}, all)
        .run(set.table.find_host(set.table.literal_hosts, explanation.host));
    for (std::uint32_t rank = 0; rank < set.table.rows.size(); ++rank) {
        Reasoning line;
        line.route = set.table.rows[rank].route;
        line.text = why_not(set, line.route, all, explanation, request);
        line.matched = line.text.empty();
        line.won = rank == outcome.rank;
        if (line.won)
            line.text = "matches, and is the most specific";
        else if (line.matched)
            line.text = why_before(set, set.table.rows[outcome.rank].route, line.route);
        explanation.lines.push_back(std::move(line));
    }
    std::stable_sort(explanation.lines.begin(), explanation.lines.end(),
                     [](const Reasoning& a, const Reasoning& b) {
                         return a.won != b.won ? a.won : a.matched && !b.matched;
                     });
    return explanation;
}

}  // namespace skerry::routes
