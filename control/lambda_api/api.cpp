#include "control/lambda_api/api.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <vector>

#include "control/admin/query.hpp"
#include "control/lambda_api/calls.hpp"
#include "dataplane/http/routes.hpp"

namespace skerry::lambda_api {
namespace {

using nlohmann::json;

constexpr std::size_t kTargetBytesMax = 2048;

struct Route {
    std::string_view method, version;  // of the API: the path's first part
    // After "functions/NAME": "" is the function itself, "*" an alias. "." is "functions" alone.
    std::string_view rest;
    const char* operation;
    Reply (*call)(const Call&);
    bool changes;
};

constexpr Route kRoutes[] = {
    {"POST", "2015-03-31", ".", "CreateFunction", create_function, true},
    {"GET", "2015-03-31", ".", "ListFunctions", list_functions, false},
    {"GET", "2015-03-31", "", "GetFunction", get_function, false},
    {"DELETE", "2015-03-31", "", "DeleteFunction", delete_function, true},
    {"GET", "2015-03-31", "configuration", "GetFunctionConfiguration", get_configuration, false},
    {"PUT", "2015-03-31", "configuration", "UpdateFunctionConfiguration", update_configuration,
     true},
    {"PUT", "2015-03-31", "code", "UpdateFunctionCode", update_code, true},
    {"GET", "2015-03-31", "versions", "ListVersionsByFunction", list_versions, false},
    {"POST", "2015-03-31", "versions", "PublishVersion", publish_version, true},
    {"POST", "2015-03-31", "aliases", "CreateAlias", create_alias, true},
    {"GET", "2015-03-31", "aliases", "ListAliases", list_aliases, false},
    {"GET", "2015-03-31", "aliases/*", "GetAlias", get_alias, false},
    {"PUT", "2015-03-31", "aliases/*", "UpdateAlias", update_alias, true},
    {"DELETE", "2015-03-31", "aliases/*", "DeleteAlias", delete_alias, true},
    {"PUT", "2017-10-31", "concurrency", "PutFunctionConcurrency", put_concurrency, true},
    {"DELETE", "2017-10-31", "concurrency", "DeleteFunctionConcurrency", delete_concurrency, true},
    {"GET", "2019-09-30", "concurrency", "GetFunctionConcurrency", get_concurrency, false},
};

std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty() && parts.size() < 8) {
        path.remove_prefix(1);  // its slash
        const std::string_view part = path.substr(0, path.find('/'));
        parts.push_back(part);
        path.remove_prefix(part.size());
    }
    return parts;
}

bool fits(const Route& route, const std::vector<std::string_view>& parts) {
    if (parts[0] != route.version) return false;
    if (route.rest == ".") return parts.size() == 2 || (parts.size() == 3 && parts[2].empty());
    if (parts.size() < 3 || parts[2].empty()) return false;
    if (route.rest.empty()) return parts.size() == 3;
    const std::size_t slash = route.rest.find('/');
    if (parts.size() < 4 || parts[3] != route.rest.substr(0, slash)) return false;
    return slash == std::string_view::npos ? parts.size() == 4
                                           : parts.size() == 5 && !parts[4].empty();
}

std::map<std::string, std::string> query_of(std::string_view query) {
    const auto parameters = admin::parse_parameters(query);
    if (!parameters.ok) throw bad_value(parameters.error.message);
    return {parameters.value.begin(), parameters.value.end()};
}

Answer run(const Request& request, const Route& route, const std::vector<std::string_view>& parts,
           std::string_view query, Functions& functions) {
    const json body = parse_body(route.changes ? std::string_view(request.body) : "");
    Call call{request, functions, Body(body), query_of(query), {}, {}, {}};
    if (route.rest != ".") {
        http::Names names;
        const http::Refusal refusal = http::parse_names(parts[2], query, names);
        if (refusal != http::Refusal::none) throw bad_value(std::string(http::info(refusal).text));
        call.name = names.function;
        call.qualifier = names.qualifier;
        // parse_names() has one word for both, and delete-function tells them apart.
        if (call.qualifier.empty() && call.query.count("Qualifier") != 0 &&
            call.query["Qualifier"] == kLatest)
            call.qualifier = kLatest;
        if (!allowed(call, call.name)) throw denied(call, call.name);
    }
    if (parts.size() == 5) call.alias = parts[4];
    const Reply result = route.call(call);
    if (route.changes)
        spdlog::info(
            "{} {} by access key {}", route.operation,
            call.name.empty() ? Body(body).text("FunctionName", 256).value_or("") : call.name,
            request.key->id());
    return {result.status,
            result.body.is_null()
                ? std::string()
                : result.body.dump(-1, ' ', false, json::error_handler_t::replace),
            {}};
}

Answer dispatch(const Request& request, Functions& functions) {
    const std::string_view target = request.target;
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = target.substr(std::min(path.size() + 1, target.size()));
    const std::vector<std::string_view> parts = split(path);
    bool known = false;
    if (target.size() <= kTargetBytesMax && parts.size() >= 2 && parts[1] == "functions")
        for (const Route& route : kRoutes) {
            if (!fits(route, parts)) continue;
            known = true;
            if (request.method == route.method) return run(request, route, parts, query, functions);
        }
    if (known) return error_answer(405, "MethodNotAllowedException", "not with this method");
    return error_answer(404, "UnknownOperationException",
                        "there is no such call here; invocations go to the packet path's port");
}

}  // namespace

Answer error_answer(int status, const std::string& type, const std::string& message) {
    const json body = {{"Type", status >= 500 ? "Service" : "User"},
                       {has_capital_message(type) ? "Message" : "message", message}};
    return {status, body.dump(-1, ' ', false, json::error_handler_t::replace), type};
}

Answer handle(const Request& request, Functions& functions) {
    try {
        return dispatch(request, functions);
    } catch (const Fault& fault) {
        return error_answer(fault.status, fault.type, fault.message);
    } catch (const std::exception& error) {
        return error_answer(500, "ServiceException", error.what());
    }
}

}  // namespace skerry::lambda_api
