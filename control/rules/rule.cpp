#include "control/rules/rule.hpp"

#include <algorithm>
#include <set>

namespace skerry::rules {
namespace {

constexpr std::string_view kParts[] = {"path", "query", "header", "body"};
constexpr std::string_view kActions[] = {"count", "deny", "rate"};
// Those that need no further field of the answer.
constexpr std::uint16_t kStatuses[] = {400, 403, 404, 410, 429, 451, 503};

bool is_letter(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

bool made_of(std::string_view text, std::string_view marks) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter(c) || marks.find(c) != std::string_view::npos;
    });
}

// RFC 9110 §5.1, in lower case.
bool is_field_name(std::string_view name) {
    return !name.empty() && name.size() <= kFieldNameBytesMax && made_of(name, "!#$%&'*+-.^_`|~") &&
           std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

template <typename Say>
void check_action(const Declared& rule, const Say& say) {
    if (rule.status != 0) {
        if (rule.action == Action::count) say("status", "what only counts refuses nothing");
        if (std::find(std::begin(kStatuses), std::end(kStatuses), rule.status) ==
            std::end(kStatuses))
            say("status", "one of 400, 403, 404, 410, 429, 451 and 503");
    }
    if (rule.action != Action::rate) {
        if (rule.per_second != 0 || rule.burst != 0) say("per_second", "is for rates only");
        if (!rule.key_field.empty()) say("key", "is for rates only");
        return;
    }
    if (rule.per_second == 0 || rule.per_second > kPerSecondMax)
        say("per_second", "1 to " + std::to_string(kPerSecondMax));
    if (rule.burst > kPerSecondMax) say("burst", "at most " + std::to_string(kPerSecondMax));
    if (!rule.key_field.empty() && !is_field_name(rule.key_field))
        say("key", "source, or header:NAME");
    // When a body has come its head is gone.
    if (!rule.key_field.empty() && rule.in == Part::body)
        say("key", "the rate of a body goes by its source only");
}

template <typename Say>
void check_one(const Declared& rule, const Say& say) {
    if (rule.name.empty() || rule.name.size() > kNameBytesMax || !made_of(rule.name, "-_."))
        say("name", "1 to 64 of letters, digits, -, _ and .");
    if (rule.in == Part::header ? !rule.field.empty() && !is_field_name(rule.field)
                                : !rule.field.empty())
        say("header", "the name of a field, of rules that look at header");
    if (rule.pattern.empty()) say("pattern", "there is to be one (^ is in every text)");
    if (rule.pattern.size() > kPatternBytesMax)
        say("pattern", "more than " + std::to_string(kPatternBytesMax) + " bytes");
    if (rule.pattern.find('\0') != std::string::npos) say("pattern", "a NUL");
    check_action(rule, say);
}

}  // namespace

std::string to_text(const Problem& problem) {
    std::string text = problem.rule.empty() ? "rules" : "rule " + problem.rule;
    text += ": " + problem.where;
    if (problem.at >= 0) text += ", at byte " + std::to_string(problem.at);
    return text + ": " + problem.text;
}

std::vector<Problem> check(const std::vector<Declared>& rules) {
    std::vector<Problem> problems;
    if (rules.size() > kRulesMax) {
        problems.push_back({"", "rules", -1, "more than " + std::to_string(kRulesMax)});
        return problems;
    }
    std::set<std::string_view> names, fields;
    std::uint32_t rates = 0;
    for (const Declared& each : rules) {
        check_one(each, [&](const char* where, const std::string& text) {
            problems.push_back({each.name, where, -1, text});
        });
        if (!names.insert(each.name).second)
            problems.push_back({each.name, "name", -1, "two are called that"});
        if (each.in == Part::header && !each.field.empty()) fields.insert(each.field);
        if (each.action == Action::rate) ++rates;
    }
    if (fields.size() > kFieldNamesMax)
        problems.push_back(
            {"", "header", -1, "more than " + std::to_string(kFieldNamesMax) + " different names"});
    if (rates > kRateRulesMax)
        problems.push_back(
            {"", "action", -1, "more than " + std::to_string(kRateRulesMax) + " rates"});
    return problems;
}

std::string_view name_of(Part part) {
    return kParts[static_cast<std::size_t>(part)];
}
std::string_view name_of(Action action) {
    return kActions[static_cast<std::size_t>(action)];
}

bool parse(std::string_view name, Part& part) {
    const auto* found = std::find(std::begin(kParts), std::end(kParts), name);
    part = static_cast<Part>(found - std::begin(kParts));
    return found != std::end(kParts);
}
bool parse(std::string_view name, Action& action) {
    const auto* found = std::find(std::begin(kActions), std::end(kActions), name);
    action = static_cast<Action>(found - std::begin(kActions));
    return found != std::end(kActions);
}

std::string to_text(const Declared& rule) {
    std::string text(name_of(rule.in));
    if (!rule.field.empty()) text += " " + rule.field;
    return text + " " + rule.pattern;
}

}  // namespace skerry::rules
