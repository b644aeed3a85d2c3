// What a request is for: the service's own pages, or a function by its name (AWS Lambda's Invoke
// API, 2015-03-31). Names are decoded into a buffer that the caller has. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/http/head.hpp"
#include "dataplane/http/refusal.hpp"

namespace skerry::http {

enum class Route : std::uint8_t { none, server, healthz, readyz, invoke };

inline constexpr std::size_t kNameBytesMax = 64;
inline constexpr std::size_t kQualifierBytesMax = 128;

struct Names {
    std::string_view function;
    std::string_view qualifier;  // empty: none, or $LATEST
    std::array<char, 256> name_text;
    std::array<char, kQualifierBytesMax> query_text;
};

// `server` is OPTIONS *. Decodes nothing.
Route find_route(const Head& head);
// Whether the path is kept for the service's API: no route gets it.
bool is_reserved(std::string_view path);

// Of a path that find_route() called `invoke`: the function's name as name, account:name, partial
// or whole ARN, each with :qualifier or without, and the query's Qualifier.
Refusal parse_names(const Head& head, Names& names);
// The same of the path's one segment, as it was sent, and the query.
Refusal parse_names(std::string_view name, std::string_view query, Names& names);

// The methods that a route has, as Allow has them.
std::string_view allowed(Route route);
bool allows(Route route, Method method);

}  // namespace skerry::http
