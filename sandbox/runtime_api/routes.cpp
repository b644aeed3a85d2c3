#include "sandbox/runtime_api/routes.hpp"

namespace skerry::runtime_api {
namespace {

struct Route {
    std::string_view method;
    std::string_view path;
    Call call;
};

// Extensions, logs and telemetry are not offered: they get answers that keep their clients going.
constexpr Route kRoutes[] = {
    {"GET", "/2018-06-01/runtime/invocation/next", Call::next},
    {"POST", "/2018-06-01/runtime/init/error", Call::init_error},
    {"GET", "/2018-06-01/runtime/restore/next", Call::restore_next},
    {"POST", "/2018-06-01/runtime/restore/error", Call::restore_error},
    {"GET", "/2018-06-01/ping", Call::ping},
    {"POST", "/2020-01-01/extension/register", Call::extension_register},
    {"GET", "/2020-01-01/extension/event/next", Call::extension_next},
    {"POST", "/2020-01-01/extension/init/error", Call::extension_error},
    {"POST", "/2020-01-01/extension/exit/error", Call::extension_error},
    {"PUT", "/2020-08-15/logs", Call::logs},
    {"PUT", "/2022-07-01/telemetry", Call::telemetry},
    {"GET", "/skerry/assignment", Call::assignment},
};

constexpr std::string_view kInvocations = "/2018-06-01/runtime/invocation/";

// The path of a target: "/a?b", or "http://host/a" as proxies are asked (RFC 9112, 3.2.2).
std::string_view path_of(std::string_view target) {
    constexpr std::string_view kScheme = "http://";
    if (target.substr(0, kScheme.size()) == kScheme) {
        target.remove_prefix(kScheme.size());
        const std::size_t slash = target.find('/');
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    return target.substr(0, target.find('?'));
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Without its percent-encoding; one that is wrong stays as it is, and matches nothing.
std::string_view decoded(std::string_view path, char (&to)[kLineBytes]) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < path.size() && size < kLineBytes; ++i) {
        to[size] = path[i];
        if (path[i] == '%' && path.size() - i > 2 && hex_value(path[i + 1]) >= 0 &&
            hex_value(path[i + 2]) >= 0) {
            to[size] = static_cast<char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]));
            i += 2;
        }
        ++size;
    }
    return {to, size};
}

}  // namespace

Call route(std::string_view method, std::string_view target, Text<64>& request_id) {
    char text[kLineBytes];
    const std::string_view path = decoded(path_of(target), text);
    for (const Route& known : kRoutes)
        if (path == known.path) return method == known.method ? known.call : Call::wrong_method;
    if (path.substr(0, kInvocations.size()) != kInvocations) return Call::unknown;
    const std::string_view rest = path.substr(kInvocations.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || slash == 0) return Call::unknown;
    const std::string_view what = rest.substr(slash + 1);
    if (what != "response" && what != "error") return Call::unknown;
    if (method != "POST") return Call::wrong_method;
    if (!request_id.set(rest.substr(0, slash))) (void)request_id.set("?");
    return what == "response" ? Call::response : Call::error;
}

}  // namespace skerry::runtime_api
