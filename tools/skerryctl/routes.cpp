// Routes: which function gets which HTTP request.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tools/skerryctl/admin_client.hpp"
#include "tools/skerryctl/commands.hpp"
#include "tools/skerryctl/exit_codes.hpp"

namespace skerry::ctl {
namespace {

using nlohmann::json;

std::string joined(const json& list, const char* between) {
    std::string text;
    for (const json& each : list)
        if (each.is_string()) text += (text.empty() ? "" : between) + each.get<std::string>();
    return text;
}

int print_routes(const Common& common, const Answer& answer) {
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& found = std::get<json>(answer);
    if (common.json) {
        print_json(found);
        return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const json& route : list_of(found, "routes")) {
        const std::string methods = joined(list_of(route, "methods"), ",");
        const std::string host = field(route, "host"), qualifier = field(route, "qualifier");
        std::string conditions = joined(list_of(route, "headers"), " ");
        const std::string query = joined(list_of(route, "query"), " ?");
        if (!query.empty()) conditions += (conditions.empty() ? "?" : " ?") + query;
        rows.push_back({std::to_string(rows.size()), methods.empty() ? "*" : methods,
                        host.empty() ? "*" : host, field(route, "path"), conditions,
                        field(route, "function") + (qualifier.empty() ? "" : ":" + qualifier),
                        field(route, "auth")});
    }
    print_table({"NUMBER", "METHODS", "HOST", "PATH", "CONDITIONS", "FUNCTION", "AUTH"}, rows);
    for (const json& said : list_of(found, "said"))
        if (said.is_string())
            std::fprintf(stderr, "note: %s\n", printable(said.get<std::string>()).c_str());
    return kExitOk;
}

}  // namespace

int list_routes(const Common& common) {
    return print_routes(common, AdminClient(common.admin).get("/v1/routes"));
}

int add_route(const Common& common, const RouteOptions& options) {
    const std::size_t colon = options.function.find(':');
    json route = {{"path", options.path},
                  {"function", options.function.substr(0, colon)},
                  {"auth", options.auth}};
    if (colon != std::string::npos) route["qualifier"] = options.function.substr(colon + 1);
    if (!options.host.empty()) route["host"] = options.host;
    if (!options.methods.empty()) route["methods"] = options.methods;
    if (!options.headers.empty()) route["headers"] = options.headers;
    if (!options.query.empty()) route["query"] = options.query;
    const std::string body = route.dump(-1, ' ', false, json::error_handler_t::replace);
    return print_routes(common, AdminClient(common.admin).post("/v1/routes", body));
}

int load_routes(const Common& common, const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf()))
        return report({kExitUsage, "bad-file", file + ": " + std::strerror(errno), {}},
                      common.json);
    return print_routes(common, AdminClient(common.admin).put("/v1/routes", text.str()));
}

int delete_route(const Common& common, std::uint32_t number) {
    return print_routes(common,
                        AdminClient(common.admin).erase("/v1/routes/" + std::to_string(number)));
}

int test_route(const Common& common, const RouteTestOptions& options) {
    json question = {{"method", options.method}, {"url", options.url}};
    for (const std::string& each : options.headers) {
        const std::size_t colon = each.find(':');
        std::string value = colon == std::string::npos ? "" : each.substr(colon + 1);
        value.erase(0, value.find_first_not_of(' '));
        question["headers"][each.substr(0, colon)] = value;
    }
    const std::string body = question.dump(-1, ' ', false, json::error_handler_t::replace);
    const Answer answer = AdminClient(common.admin).post("/v1/route-test", body);
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& found = std::get<json>(answer);
    if (common.json) {
        print_json(found);
        return kExitOk;
    }
    std::printf("%s %s%s: %s\n", printable(options.method).c_str(),
                printable(field(found, "host")).c_str(), printable(field(found, "path")).c_str(),
                printable(field(found, "verdict")).c_str());
    std::vector<std::vector<std::string>> rows;
    for (const json& line : list_of(found, "routes")) {
        const bool won = line.value("won", false), matched = line.value("matched", false);
        rows.push_back({field(line, "number"),
                        won       ? "won"
                        : matched ? "lost"
                                  : "no match",
                        field(line, "route"), field(line, "why")});
    }
    print_table({"NUMBER", "", "ROUTE", "WHY"}, rows);
    return kExitOk;
}

}  // namespace skerry::ctl
