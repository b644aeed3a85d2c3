#include "control/admin/api.hpp"

#include <algorithm>
#include <exception>

#include "control/admin/metrics.hpp"
#include "control/admin/render.hpp"
#include "control/admin/route_calls.hpp"
#include "control/admin/rule_calls.hpp"
#include "control/catalog/artifacts.hpp"

namespace skerry::admin {
namespace {

using Handler = Answer (*)(const Call&, const std::string& name, std::string_view query,
                           Backend& backend);

Answer json_answer(const nlohmann::json& value) {
    return {200, "application/json", dump(value)};
}

template <typename T>
Answer view_answer(const ApiResult<T>& result) {
    return result.ok ? json_answer(to_json(result.value)) : error_answer(result.error);
}

Answer get_status(const Call&, const std::string&, std::string_view, Backend& backend) {
    return json_answer(to_json(backend.status()));
}

Answer get_functions(const Call&, const std::string&, std::string_view, Backend& backend) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& view : backend.functions()) list.push_back(to_json(view));
    return json_answer({{"functions", std::move(list)}});
}

Answer get_function(const Call&, const std::string& name, std::string_view, Backend& backend) {
    return view_answer(backend.function(name));
}

Answer delete_function(const Call&, const std::string& name, std::string_view, Backend& backend) {
    return view_answer(backend.erase(name));
}

Answer post_alias(const Call& call, const std::string& name, std::string_view query,
                  Backend& backend) {
    (void)call.read_body(nullptr);
    const auto request = parse_alias(query, true);
    if (!request.ok) return error_answer(request.error);
    return view_answer(backend.alias(name, request.value.alias, request.value.version));
}

Answer delete_alias(const Call& call, const std::string& name, std::string_view query,
                    Backend& backend) {
    (void)call.read_body(nullptr);
    const auto request = parse_alias(query, false);
    if (!request.ok) return error_answer(request.error);
    return view_answer(backend.alias(name, request.value.alias, {}));
}

Answer deploy(const Call& call, const std::string& name, std::string_view query, Api api,
              Backend& backend) {
    auto request = parse_deploy(name, query, api);
    std::string archive;
    if (!call.read_body(request.ok ? &archive : nullptr))
        return error_answer({413,
                             "too-large",
                             "the artifact is too large, or did not come whole",
                             {"at most " + std::to_string(catalog::kMaxArchiveBytes) + " bytes"}});
    if (!request.ok) return error_answer(request.error);
    if (!request.value.origin.empty())
        return archive.empty()
                   ? view_answer(backend.deploy(request.value, {}))
                   : error_answer({400, "two-artifacts", "a body and an origin", {"one of them"}});
    if (archive.empty())
        return error_answer({400,
                             "no-artifact",
                             "the body is empty",
                             {"a zip, tar or tar.gz with an executable `bootstrap`, or with the "
                              "handler's file"}});
    if (!request.value.digest.empty() && catalog::sha256_hex(archive) != request.value.digest)
        return error_answer(
            {409, "digest-mismatch", "the bytes do not hash to the digest given", {}});
    return view_answer(backend.deploy(request.value, archive));
}

Answer post_version(const Call& call, const std::string& name, std::string_view query,
                    Backend& backend) {
    return deploy(call, name, query, Api::admin, backend);
}

Answer post_pushed_version(const Call& call, const std::string& name, std::string_view query,
                           Backend& backend) {
    return deploy(call, name, query, Api::management, backend);
}

Answer get_fetches(const Call&, const std::string&, std::string_view, Backend& backend) {
    return json_answer(fetches_json(backend.fetches()));
}

Answer get_logs(const Call& call, const std::string& name, std::string_view query,
                Backend& backend) {
    (void)call.read_body(nullptr);
    const auto question = parse_logs(query);
    if (!question.ok) return error_answer(question.error);
    return view_answer(backend.logs(name, question.value));
}

Answer get_regions(const Call&, const std::string&, std::string_view, Backend& backend) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& view : backend.regions()) list.push_back(to_json(view));
    return json_answer({{"regions", std::move(list)}});
}

Answer get_region(const Call&, const std::string& name, std::string_view, Backend& backend) {
    std::vector<std::string> known;
    for (const auto& view : backend.regions()) {
        if (view.name == name) return json_answer(to_json(view));
        known.push_back(view.name);
    }
    return error_answer({404, "no-such-region", "no region is called that", std::move(known)});
}

Answer get_explain(const Call&, const std::string& name, std::string_view, Backend& backend) {
    return view_answer(backend.explain(name));
}

Answer get_stats(const Call&, const std::string&, std::string_view, Backend& backend) {
    return json_answer(stats_json(backend.cores(), backend.tsc_hz()));
}

Answer drain(Backend& backend, bool draining) {
    const std::uint64_t in_flight = backend.set_draining(draining);
    return json_answer({{"draining", draining}, {"in_flight", in_flight}});
}

Answer post_drain(const Call&, const std::string&, std::string_view, Backend& backend) {
    return drain(backend, true);
}

Answer delete_drain(const Call&, const std::string&, std::string_view, Backend& backend) {
    return drain(backend, false);
}

Answer get_events(const Call&, const std::string&, std::string_view, Backend& backend) {
    return view_answer(backend.events());
}

Answer get_tenants(const Call&, const std::string&, std::string_view, Backend& backend) {
    return json_answer(tenants_json(backend.tenants()));
}

Answer get_access_keys(const Call&, const std::string&, std::string_view, Backend& backend) {
    return json_answer(access_keys_json(backend.access_keys()));
}

Answer post_reload_keys(const Call&, const std::string&, std::string_view, Backend& backend) {
    const auto result = backend.reload_access_keys();
    return result.ok ? json_answer(access_keys_json(result.value)) : error_answer(result.error);
}

Answer get_metrics(const Call&, const std::string&, std::string_view, Backend& backend) {
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(backend)};
}

Answer get_versions(const Call&, const std::string&, std::string_view, Backend& backend) {
    return json_answer(versions_json(backend.held()));
}

Answer get_artifact(const Call&, const std::string& digest, std::string_view, Backend& backend) {
    const bool is_digest =
        digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (is_digest)
        if (auto bytes = backend.archive(digest))
            return {200, "application/octet-stream", std::move(*bytes)};
    return error_answer({404, "no-such-artifact", "no artifact with that digest is here", {}});
}

struct Route {
    std::string_view method;
    std::string_view pattern;  // "*" stands for one segment: the name
    Handler handler;
    bool takes_query;
};

constexpr Route kAdminRoutes[] = {
    {"GET", "/v1/status", get_status, false},
    {"GET", "/v1/functions", get_functions, false},
    {"GET", "/v1/functions/*", get_function, false},
    {"DELETE", "/v1/functions/*", delete_function, false},
    {"GET", "/v1/functions/*/logs", get_logs, true},
    {"POST", "/v1/functions/*/versions", post_version, true},
    {"POST", "/v1/functions/*/aliases", post_alias, true},
    {"DELETE", "/v1/functions/*/aliases", delete_alias, true},
    {"GET", "/v1/fetches", get_fetches, false},
    {"GET", "/v1/regions", get_regions, false},
    {"GET", "/v1/regions/*", get_region, false},
    {"GET", "/v1/explain/*", get_explain, false},
    {"GET", "/v1/routes", get_routes, false},
    {"POST", "/v1/routes", post_route, true},
    {"PUT", "/v1/routes", put_routes, true},
    {"POST", "/v1/route-test", post_route_test, true},
    {"DELETE", "/v1/routes/*", delete_route, false},
    {"GET", "/v1/rules", get_rules, false},
    {"POST", "/v1/rules", post_rule, true},
    {"PUT", "/v1/rules", put_rules, true},
    {"POST", "/v1/rule-test", post_rule_test, true},
    {"DELETE", "/v1/rules/*", delete_rule, false},
    {"GET", "/v1/stats", get_stats, false},
    {"POST", "/v1/drain", post_drain, false},
    {"DELETE", "/v1/drain", delete_drain, false},
    {"GET", "/v1/events", get_events, false},
    {"GET", "/v1/tenants", get_tenants, false},
    {"GET", "/v1/access-keys", get_access_keys, false},
    {"POST", "/v1/access-keys/reload", post_reload_keys, false},
    {"GET", "/metrics", get_metrics, false},
};

constexpr Route kManagementRoutes[] = {
    {"GET", "/v1/versions", get_versions, false},
    {"GET", "/v1/artifacts/*", get_artifact, false},
    {"POST", "/v1/functions/*/versions", post_pushed_version, true},
    {"DELETE", "/v1/functions/*", delete_function, false},
};

// Of a POP, for the members of its fleet.
constexpr Route kFleetRoutes[] = {
    {"GET", "/v1/artifacts/*", get_artifact, false},
};

// Whether `path` has the pattern's form; the segment under "*" goes to `name`.
bool matches(std::string_view pattern, std::string_view path, std::string& name) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == path;
    const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
    if (path.size() <= head.size() + tail.size() || path.substr(0, head.size()) != head ||
        path.substr(path.size() - tail.size()) != tail)
        return false;
    const auto middle = path.substr(head.size(), path.size() - head.size() - tail.size());
    if (middle.find('/') != std::string_view::npos) return false;
    name = middle;
    return true;
}

Answer refuse(const Call& call, const ApiError& error) {
    (void)call.read_body(nullptr);
    return error_answer(error);
}

Answer run(const Call& call, const Route& route, const std::string& name, std::string_view query,
           Backend& backend) {
    if (route.takes_query) return route.handler(call, name, query, backend);
    const auto parameters = parse_parameters(query);
    if (!parameters.ok) return refuse(call, parameters.error);
    if (!parameters.value.empty())
        return refuse(call, {400, "unknown-parameter", "this call takes no parameters", {}});
    (void)call.read_body(nullptr);
    return route.handler(call, name, query, backend);
}

Answer dispatch(const Call& call, Api api, Backend& backend) {
    const std::string_view target = call.target;
    const auto question = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, question);
    const std::string_view query = target.substr(std::min(question + 1, target.size()));
    if (path.size() > kMaxPathBytes)
        return refuse(call, {404, "no-such-path", "the path is too long for any call", {}});
    std::vector<std::string> methods;
    const auto try_route = [&](const Route& route, Answer& answer) {
        std::string name;
        if (!matches(route.pattern, path, name)) return false;
        if (call.method != route.method) {
            methods.emplace_back(route.method);
            return false;
        }
        // Names need no escapes, so a "%" in one is refused with them.
        const bool other = route.pattern == "/v1/regions/*" || route.pattern == "/v1/artifacts/*";
        if (!name.empty() && !other && !catalog::validate_name(name))
            answer = refuse(call, {400,
                                   "bad-name",
                                   "that can't be the name of a function",
                                   {"1 to 63 characters of a-z, A-Z, 0-9, - and _"}});
        else
            answer = run(call, route, name, query, backend);
        return true;
    };
    Answer answer;
    if (api == Api::admin) {
        for (const auto& route : kAdminRoutes)
            if (try_route(route, answer)) return answer;
    } else if (api == Api::fleet) {
        for (const auto& route : kFleetRoutes)
            if (try_route(route, answer)) return answer;
    } else {
        for (const auto& route : kManagementRoutes)
            if (try_route(route, answer)) return answer;
    }
    if (!methods.empty())
        return refuse(call,
                      {405, "method-not-allowed", "not with this method", std::move(methods)});
    return refuse(call,
                  {404, "no-such-path", "no call has that path; see control/admin/API.md", {}});
}

}  // namespace

Answer error_answer(const ApiError& error) {
    return {error.http_status, "application/json", dump(to_json(error))};
}

Answer handle(const Call& call, Api api, Backend& backend) {
    try {
        return dispatch(call, api, backend);
    } catch (const std::exception& error) {
        return error_answer({500, "internal", error.what(), {}});
    }
}

}  // namespace skerry::admin
