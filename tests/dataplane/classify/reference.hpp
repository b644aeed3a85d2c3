// What a request's route is, by docs/routes.md and nothing else: one route after the other, over
// lists of decoded segments. Slow; shares no code with what it judges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/routes/route.hpp"

namespace skerry::reference {

struct Request {
    std::string method, host, path, query;
    std::vector<std::pair<std::string, std::string>> fields;
};

// The list of decoded segments; none: refused.
std::optional<std::vector<std::string>> segments_of(std::string_view raw);
std::string normal_of(const std::vector<std::string>& segments);
// None: refused.
std::optional<std::string> host_of(std::string_view authority);

bool matches(const routes::Route& route, const Request& request, bool whatever_method = false);

// The place of the route that is the request's; none: no route.
std::optional<std::uint32_t> choose(const std::vector<routes::Route>& routes,
                                    const Request& request);

}  // namespace skerry::reference
