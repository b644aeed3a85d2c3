#include "control/admin/route_calls.hpp"

#include <algorithm>

#include "control/admin/json_call.hpp"
#include "control/admin/render.hpp"
#include "control/routes/json.hpp"
#include "control/routes/pattern.hpp"

namespace skerry::admin {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRouteBytes = 64 << 10;

template <typename T>
Answer answer_of(const ApiResult<T>& result) {
    if (!result.ok) return error_answer(result.error);
    return {200, "application/json", dump(to_json(result.value))};
}

// A member that is a text, or not there.
bool take_text(const json& from, const char* name, std::string& to) {
    const auto found = from.find(name);
    if (found == from.end()) return true;
    if (!found->is_string()) return false;
    to = found->get<std::string>();
    return true;
}

bool take_fields(const json& from, RouteTest& test) {
    const auto found = from.find("headers");
    if (found == from.end()) return true;
    if (!found->is_object()) return false;
    for (const auto& [name, value] : found->items()) {
        if (!value.is_string()) return false;
        std::string lower = name;
        for (char& c : lower)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
        test.fields.emplace_back(std::move(lower), value.get<std::string>());
    }
    return true;
}

// "http://host/path?query", or without scheme and host.
bool take_url(std::string url, RouteTest& test) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (url.rfind(scheme, 0) != 0) continue;
        url.erase(0, scheme.size());
        const std::size_t end = std::min(url.find_first_of("/?"), url.size());
        test.host = url.substr(0, end);
        url.erase(0, end);
        break;
    }
    const std::size_t question = url.find('?');
    test.path = url.substr(0, question);
    if (question != std::string::npos) test.query = url.substr(question + 1);
    if (test.path.empty()) test.path = "/";
    return test.path[0] == '/';
}

}  // namespace

std::optional<ApiError> take_request(const json& from, RouteTest& test) {
    std::string method = "GET", url;
    if (!take_text(from, "method", method) || !take_text(from, "url", url) ||
        !take_fields(from, test))
        return ApiError{400,
                        "bad-request",
                        "a member is not what it must be",
                        {"method: a text", "url: a text", "headers: an object of texts"}};
    test.method = routes::method_of(method);
    if (test.method == 0) return ApiError{400, "bad-method", "no method " + method, {}};
    if (!take_url(std::move(url), test))
        return ApiError{400, "bad-url", "http://HOST/PATH, or /PATH", {}};
    return {};
}

Answer get_routes(const Call&, const std::string&, std::string_view, Backend& backend) {
    return answer_of(ApiResult<RoutesOutcome>{{backend.routes(), {}}, true, {}});
}

Answer post_route(const Call& call, const std::string&, std::string_view query, Backend& backend) {
    const auto body = json_body(call, query, kMaxRouteBytes);
    if (!body.ok) return error_answer(body.error);
    const Result<routes::Route> route = routes::route_of(body.value);
    if (!route) return error_answer({400, "bad-route", route.error().text, {}});
    return answer_of(backend.add_route(*route));
}

// All of them at once, as in the file that they are kept in.
Answer put_routes(const Call& call, const std::string&, std::string_view query, Backend& backend) {
    const auto body = json_body(call, query, routes::kFileBytesMax);
    if (!body.ok) return error_answer(body.error);
    Result<std::vector<routes::Route>> all = routes::routes_of(body.value);
    if (!all) return error_answer({400, "bad-route", all.error().text, {}});
    return answer_of(backend.replace_routes(std::move(*all)));
}

Answer delete_route(const Call&, const std::string& name, std::string_view, Backend& backend) {
    if (name.size() > 6 || name.find_first_not_of("0123456789") != std::string::npos)
        return error_answer({400, "bad-number", "routes have numbers", {}});
    return answer_of(backend.delete_route(static_cast<std::uint32_t>(std::stoul(name))));
}

Answer post_route_test(const Call& call, const std::string&, std::string_view query,
                       Backend& backend) {
    const auto body = json_body(call, query, kMaxRouteBytes);
    if (!body.ok) return error_answer(body.error);
    RouteTest test;
    if (const auto error = take_request(body.value, test)) return error_answer(*error);
    return answer_of(backend.test_route(test));
}

}  // namespace skerry::admin
