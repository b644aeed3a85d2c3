#include "control/routes/json.hpp"

#include <nlohmann/json.hpp>

#include "dataplane/classify/limits.hpp"

namespace skerry::routes {
namespace {

using nlohmann::json;

bool take_text(const json& from, std::string& to) {
    if (!from.is_string()) return false;
    to = from.get<std::string>();
    return to.find('\0') == std::string::npos;
}

bool take_texts(const json& from, std::vector<std::string>& to) {
    if (!from.is_array() || from.size() > 64) return false;
    for (const json& each : from)
        if (!take_text(each, to.emplace_back())) return false;
    return true;
}

bool take_auth(const json& from, Auth& to) {
    if (from == "NONE") {
        to = Auth::none;
    } else if (from == "AWS_IAM") {
        to = Auth::aws_iam;
    } else {
        return false;
    }
    return true;
}

Error bad(const std::string& member) {
    return Error{EINVAL, member + " is missing, or not what it must be"};
}

}  // namespace

json to_json(const Route& route) {
    json made = {{"path", route.path}, {"function", route.function}};
    if (!route.methods.empty()) made["methods"] = route.methods;
    if (!route.host.empty()) made["host"] = route.host;
    if (!route.headers.empty()) made["headers"] = route.headers;
    if (!route.query.empty()) made["query"] = route.query;
    if (!route.qualifier.empty()) made["qualifier"] = route.qualifier;
    made["auth"] = route.auth == Auth::none ? "NONE" : "AWS_IAM";
    return made;
}

Result<Route> route_of(const json& from) {
    if (!from.is_object()) return Error{EINVAL, "a route is an object"};
    Route route;
    for (const auto& [name, value] : from.items()) {
        const bool good = name == "path"        ? take_text(value, route.path)
                          : name == "host"      ? take_text(value, route.host)
                          : name == "function"  ? take_text(value, route.function)
                          : name == "qualifier" ? take_text(value, route.qualifier)
                          : name == "methods"   ? take_texts(value, route.methods)
                          : name == "headers"   ? take_texts(value, route.headers)
                          : name == "query"     ? take_texts(value, route.query)
                          : name == "auth"      ? take_auth(value, route.auth)
                                                : false;
        if (!good) return bad(name);
    }
    if (route.path.empty()) return bad("path");
    if (route.function.empty() || route.function.size() > 64) return bad("function");
    if (route.qualifier.size() > 128) return bad("qualifier");
    return route;
}

std::string file_text(const std::vector<Route>& routes) {
    json list = json::array();
    for (const Route& each : routes) list.push_back(to_json(each));
    return json{{"version", 1}, {"routes", std::move(list)}}.dump(1, ' ', false,
                                                                  json::error_handler_t::replace) +
           "\n";
}

// What `route list --json` says has no version: it is this one.
Result<std::vector<Route>> routes_of(const json& file) {
    if (!file.is_object() || (file.contains("version") && file["version"] != 1) ||
        !file.contains("routes") || !file["routes"].is_array())
        return Error{EINVAL, "no file of routes"};
    if (file["routes"].size() > classify::kRoutesMax) return Error{E2BIG, "too many routes"};
    std::vector<Route> routes;
    for (const json& each : file["routes"]) {
        Result<Route> route = route_of(each);
        if (!route)
            return Error{EINVAL,
                         "route " + std::to_string(routes.size()) + ": " + route.error().text};
        routes.push_back(std::move(*route));
    }
    return routes;
}

Result<std::vector<Route>> parse_file(std::string_view text) {
    return routes_of(json::parse(text, nullptr, false));
}

}  // namespace skerry::routes
