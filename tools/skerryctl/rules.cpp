// Admission rules: which requests get no further.
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

std::string number(const json& from, const char* name) {
    const auto found = from.find(name);
    return found != from.end() && found->is_number_unsigned()
               ? std::to_string(found->get<std::uint64_t>())
               : std::string();
}

std::string place_of(const json& rule) {
    const std::string field_name = field(rule, "header");
    return field(rule, "in") + (field_name.empty() ? "" : " " + field_name);
}

// "deny 404", "rate 10/s by source".
std::string action_of(const json& rule) {
    std::string text = field(rule, "action");
    const std::string status = number(rule, "status"), rate = number(rule, "per_second");
    if (!rate.empty()) text += " " + rate + "/s by " + field(rule, "key");
    return text + (status.empty() ? "" : " " + status);
}

int print_rules(const Common& common, const Answer& answer) {
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& found = std::get<json>(answer);
    if (common.json) {
        print_json(found);
        return kExitOk;
    }
    std::vector<std::vector<std::string>> rows;
    for (const json& rule : list_of(found, "rules"))
        rows.push_back({field(rule, "name"), place_of(rule), field(rule, "pattern"),
                        action_of(rule), number(rule, "matched"), number(rule, "refused")});
    print_table({"NAME", "IN", "PATTERN", "ACTION", "MATCHED", "REFUSED"}, rows);
    for (const json& said : list_of(found, "said"))
        if (said.is_string())
            std::fprintf(stderr, "note: %s\n", printable(said.get<std::string>()).c_str());
    return kExitOk;
}

std::string text_of(const json& document) {
    return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

int list_rules(const Common& common) {
    return print_rules(common, AdminClient(common.admin).get("/v1/rules"));
}

int add_rule(const Common& common, const RuleOptions& options) {
    json rule = {{"name", options.name},
                 {"in", options.in},
                 {"pattern", options.pattern},
                 {"action", options.action}};
    if (!options.header.empty()) rule["header"] = options.header;
    if (options.status != 0) rule["status"] = options.status;
    if (options.per_second != 0) rule["per_second"] = options.per_second;
    if (options.burst != 0) rule["burst"] = options.burst;
    if (!options.key.empty()) rule["key"] = options.key;
    return print_rules(common, AdminClient(common.admin).post("/v1/rules", text_of(rule)));
}

int load_rules(const Common& common, const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf()))
        return report({kExitUsage, "bad-file", file + ": " + std::strerror(errno), {}},
                      common.json);
    return print_rules(common, AdminClient(common.admin).put("/v1/rules", text.str()));
}

int delete_rule(const Common& common, const std::string& name) {
    return print_rules(common, AdminClient(common.admin).erase("/v1/rules/" + name));
}

int test_rules(const Common& common, const RuleTestOptions& options) {
    json question = {{"url", options.url}};
    for (const std::string& each : options.headers) {
        const std::size_t colon = each.find(':');
        std::string value = colon == std::string::npos ? "" : each.substr(colon + 1);
        value.erase(0, value.find_first_not_of(' '));
        question["headers"][each.substr(0, colon)] = value;
    }
    if (!options.body.empty()) question["body"] = options.body;
    const Answer answer = AdminClient(common.admin).post("/v1/rule-test", text_of(question));
    if (const auto* failure = std::get_if<Failure>(&answer)) return report(*failure, common.json);
    const json& found = std::get<json>(answer);
    if (common.json) {
        print_json(found);
        return kExitOk;
    }
    std::printf("%s: %s\n", printable(field(found, "path")).c_str(),
                printable(field(found, "verdict")).c_str());
    std::vector<std::vector<std::string>> rows;
    for (const json& rule : list_of(found, "matched"))
        rows.push_back(
            {field(rule, "name"), place_of(rule), field(rule, "pattern"), action_of(rule)});
    if (!rows.empty()) print_table({"MATCHED", "IN", "PATTERN", "ACTION"}, rows);
    return kExitOk;
}

}  // namespace skerry::ctl
