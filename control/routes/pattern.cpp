#include "control/routes/pattern.hpp"

#include <algorithm>
#include <array>

#include "dataplane/classify/normal.hpp"

namespace skerry::routes {
namespace {

using classify::Condition;

constexpr std::array<std::string_view, 9> kMethods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};

bool is_token(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text) {
        const bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!letter && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
            return false;
    }
    return true;
}

Complaint parse_wildcard(std::string_view name, HostPattern& host) {
    std::array<char, classify::kHostBytesMax + 1> buffer;
    std::string_view normal;
    if (name.find(':') != std::string_view::npos || name.find('[') != std::string_view::npos ||
        classify::normalise_host(name, buffer, normal) != classify::Fault::none || normal.empty())
        return {"behind *. is to be a name", 2};
    host.kind = HostKind::wildcard;
    host.text = "." + std::string(normal);
    host.labels = static_cast<std::uint32_t>(std::count(host.text.begin(), host.text.end(), '.'));
    if (host.labels > classify::kWildcardLabelsMax)
        return {"more than " + std::to_string(classify::kWildcardLabelsMax) + " labels", 2};
    return {};
}

}  // namespace

std::string to_text(const Problem& problem) {
    std::string text =
        problem.route == kNoRoute ? "routes" : "route " + std::to_string(problem.route);
    text += ": " + problem.where;
    if (problem.at >= 0) text += ", at byte " + std::to_string(problem.at);
    return text + ": " + problem.text;
}

std::uint16_t method_of(std::string_view name) {
    for (std::size_t i = 0; i < kMethods.size(); ++i)
        if (kMethods[i] == name) return static_cast<std::uint16_t>(1u << i);
    return 0;
}

std::string methods_text(std::uint16_t methods) {
    std::string text;
    for (std::size_t i = 0; i < kMethods.size(); ++i)
        if (methods >> i & 1) text += (text.empty() ? "" : ", ") + std::string(kMethods[i]);
    return text;
}

Complaint parse_host(std::string_view text, HostPattern& host) {
    host = {};
    if (text.empty() || text == "*") return {};
    if (text[0] == '~') {
        host.kind = HostKind::expression;
        host.text = text.substr(1);
        if (host.text.empty()) return {"behind ~ is to be a regular expression", 1};
        if (host.text.size() > classify::kPatternBytesMax) return {"too long", 0};
        if (host.text.find('\0') != std::string::npos) return {"a NUL", 1};
        return {};
    }
    if (text.substr(0, 2) == "*.") return parse_wildcard(text.substr(2), host);
    std::array<char, classify::kHostBytesMax + 1> buffer;
    std::string_view normal;
    if (classify::normalise_host(text, buffer, normal) != classify::Fault::none || normal.empty())
        return {
            "neither a name (letters, digits, - and _, and dots between them; others as "
            "punycode), nor *.name, ~expression or *",
            0};
    if (text.back() != ']' && text.find(':') != std::string_view::npos)
        return {"a route has no port", static_cast<std::int32_t>(text.rfind(':'))};
    if (text[0] == '[' && text.back() != ']')
        return {"a route has no port", static_cast<std::int32_t>(text.rfind(']')) + 1};
    host.kind = HostKind::literal;
    host.text = normal;
    return {};
}

Complaint parse_condition(std::string_view text, bool of_query, ConditionText& condition) {
    condition = {};
    condition.of_query = of_query;
    std::string_view rest = text;
    const bool absent = !rest.empty() && rest[0] == '!';
    if (absent) rest.remove_prefix(1);
    const std::size_t equals = rest.find('=');
    condition.name = rest.substr(0, equals);
    condition.kind = absent ? Condition::Kind::absent : Condition::Kind::present;
    if (!of_query) {
        if (!is_token(condition.name)) return {"no name of a header field", 0};
        for (char& c : condition.name)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    }
    if (condition.name.empty()) return {"there is to be a name", 0};
    if (condition.name.size() > classify::kConditionBytesMax) return {"too long a name", 0};
    if (equals == std::string_view::npos) return {};
    const auto at = static_cast<std::int32_t>(text.find('='));
    if (absent) return {"what is absent has no value", at};
    condition.kind = Condition::Kind::equal;
    const std::string_view value = rest.substr(equals + 1);
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '*') {
            if (i + 1 != value.size())
                return {"an asterisk stands at the end only (\\* for itself)",
                        at + 1 + static_cast<std::int32_t>(i)};
            condition.kind = Condition::Kind::prefix;
            break;
        }
        if (value[i] == '\\') {
            if (++i == value.size()) return {"nothing is behind the backslash", at + 1};
        }
        condition.value += value[i];
    }
    if (condition.value.size() > classify::kConditionBytesMax) return {"too long a value", at + 1};
    return {};
}

void parse(const Route& route, std::uint32_t number, Parsed& parsed,
           std::vector<Problem>& problems) {
    const auto complain = [&](const char* where, const Complaint& complaint) {
        if (!complaint.text.empty())
            problems.push_back({number, where, complaint.at, complaint.text});
    };
    parsed = {};
    complain("host", parse_host(route.host, parsed.host));
    complain("path", parse_path(route.path, parsed.path));
    for (const std::string& name : route.methods) {
        const std::uint16_t bit = method_of(name);
        if (bit == 0) complain("method", {"there is no method " + name, 0});
        parsed.methods = static_cast<std::uint16_t>(parsed.methods | bit);
    }
    // RFC 9110 §9.3.2: HEAD is GET, but for the content.
    if (parsed.methods & classify::method::get)
        parsed.methods = static_cast<std::uint16_t>(parsed.methods | classify::method::head);
    if (route.methods.empty()) parsed.methods = classify::method::any;
    for (const auto* texts : {&route.headers, &route.query})
        for (const std::string& text : *texts) {
            const bool of_query = texts == &route.query;
            parsed.conditions.emplace_back();
            complain(of_query ? "query" : "header",
                     parse_condition(text, of_query, parsed.conditions.back()));
        }
    if (parsed.conditions.size() > classify::kConditionsMax)
        complain("header",
                 {"more than " + std::to_string(classify::kConditionsMax) + " conditions"});
}

}  // namespace skerry::routes
