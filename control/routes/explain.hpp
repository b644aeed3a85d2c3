// Which route a request takes and why, and why each of the others does not. Control thread, tools:
// it looks at every route, through the very table that requests are looked up in.
#pragma once

#include <string>
#include <vector>

#include "control/routes/compile.hpp"
#include "dataplane/classify/request.hpp"

namespace skerry::routes {

struct Reasoning {
    std::uint32_t route = 0;
    bool won = false;
    bool matched = false;  // it won, or lost against a better one
    std::string text;      // "host: shop.example is not *.example"
};

struct Explanation {
    classify::Outcome outcome;     // its texts are `host` and `path`
    std::string host, path;        // the normal forms
    std::vector<Reasoning> lines;  // the winner first, then those that matched, then the rest; each
                                   // by rank
};

Explanation explain(const RouteSet& set, const classify::Request& request);

// A route in one line: "GET, HEAD shop.example/items/:id → items:live".
std::string to_text(const Route& route);

}  // namespace skerry::routes
