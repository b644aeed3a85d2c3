#include "control/rules/json.hpp"

#include <limits>
#include <nlohmann/json.hpp>

namespace skerry::rules {
namespace {

using nlohmann::json;

constexpr std::string_view kHeaderKey = "header:";

bool take(const json& from, std::string& to) {
    if (!from.is_string()) return false;
    to = from.get<std::string>();
    return true;
}

template <typename Number>
bool take_number(const json& from, Number& to) {
    if (!from.is_number_unsigned()) return false;
    const auto number = from.get<std::uint64_t>();
    if (number > std::numeric_limits<Number>::max()) return false;
    to = static_cast<Number>(number);
    return true;
}

// Names of fields have no case.
bool take_lower(const json& from, std::string& to) {
    if (!take(from, to)) return false;
    for (char& c : to)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return true;
}

bool take_key(const json& from, std::string& to) {
    if (!take_lower(from, to)) return false;
    if (to == "source") {
        to.clear();
        return true;
    }
    if (!to.starts_with(kHeaderKey) || to.size() == kHeaderKey.size()) return false;
    to.erase(0, kHeaderKey.size());
    return true;
}

template <typename Word>
bool take_word(const json& from, Word& to) {
    std::string name;
    return take(from, name) && parse(name, to);
}

Error bad(const std::string& member) {
    return Error{EINVAL, member + " is missing, or not what it must be"};
}

}  // namespace

json to_json(const Declared& rule) {
    json made = {{"name", rule.name},
                 {"in", name_of(rule.in)},
                 {"pattern", rule.pattern},
                 {"action", name_of(rule.action)}};
    if (!rule.field.empty()) made["header"] = rule.field;
    if (rule.status != 0) made["status"] = rule.status;
    if (rule.per_second != 0) made["per_second"] = rule.per_second;
    if (rule.burst != 0) made["burst"] = rule.burst;
    if (!rule.key_field.empty())
        made["key"] = std::string(kHeaderKey) + rule.key_field;
    else if (rule.action == Action::rate)
        made["key"] = "source";
    return made;
}

Result<Declared> rule_of(const json& from) {
    if (!from.is_object()) return Error{EINVAL, "a rule is an object"};
    Declared rule;
    for (const char* needed : {"name", "in", "pattern", "action"})
        if (!from.contains(needed)) return bad(needed);
    for (const auto& [name, value] : from.items()) {
        const bool good = name == "name"         ? take(value, rule.name)
                          : name == "in"         ? take_word(value, rule.in)
                          : name == "header"     ? take_lower(value, rule.field)
                          : name == "pattern"    ? take(value, rule.pattern)
                          : name == "action"     ? take_word(value, rule.action)
                          : name == "status"     ? take_number(value, rule.status)
                          : name == "per_second" ? take_number(value, rule.per_second)
                          : name == "burst"      ? take_number(value, rule.burst)
                          : name == "key"        ? take_key(value, rule.key_field)
                                                 : false;
        if (!good) return bad(name);
    }
    return rule;
}

std::string file_text(const std::vector<Declared>& rules) {
    json list = json::array();
    for (const Declared& each : rules) list.push_back(to_json(each));
    return json{{"version", 1}, {"rules", std::move(list)}}.dump(1, ' ', false,
                                                                 json::error_handler_t::replace) +
           "\n";
}

// What `rule list --json` says has counts in it as well, and no version: they are left out, and it
// is this one.
Result<std::vector<Declared>> rules_of(const json& file) {
    if (!file.is_object() || (file.contains("version") && file["version"] != 1) ||
        !file.contains("rules") || !file["rules"].is_array())
        return Error{EINVAL, "no file of rules"};
    if (file["rules"].size() > kRulesMax) return Error{E2BIG, "too many rules"};
    std::vector<Declared> rules;
    for (json each : file["rules"]) {
        if (each.is_object()) {
            each.erase("matched");
            each.erase("refused");
        }
        Result<Declared> rule = rule_of(each);
        if (!rule)
            return Error{EINVAL, "rule " + std::to_string(rules.size()) + ": " + rule.error().text};
        rules.push_back(std::move(*rule));
    }
    return rules;
}

Result<std::vector<Declared>> parse_file(std::string_view text) {
    return rules_of(json::parse(text, nullptr, false));
}

}  // namespace skerry::rules
