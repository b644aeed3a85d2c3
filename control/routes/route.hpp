// A route as the operator writes it (docs/routes.md has the language), and what is said of one that
// is refused. Control thread and tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skerry::routes {

// Who may call: as Function URLs have it (AuthType).
enum class Auth : std::uint8_t {
    aws_iam,  // who signs with an access key that may invoke the function
    none,     // whoever reaches the port
};

struct Route {
    std::vector<std::string> methods;  // in capitals; none: any
    std::string host;                  // name, *.name, ~regular expression; empty or *: any
    std::string path;                  // /a/:b/*.c, /a/*, ~regular expression
    std::vector<std::string> headers;  // conditions: NAME, !NAME, NAME=VALUE, NAME=VALUE*
    std::vector<std::string> query;
    std::string function, qualifier;
    Auth auth = Auth::aws_iam;
    bool operator==(const Route&) const = default;
};

inline constexpr std::uint32_t kNoRoute = ~0u;

struct Problem {
    std::uint32_t route = kNoRoute;  // its place; kNoRoute: all of them together
    std::string where;               // "path", "host", "method", "header", "query"
    std::int32_t at = -1;            // byte of that text; -1: all of it
    std::string text;                // what is wrong
};
// "route 3: path, at byte 7: …"
std::string to_text(const Problem& problem);

}  // namespace skerry::routes
