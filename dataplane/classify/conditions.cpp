#include "dataplane/classify/request.hpp"

namespace skerry::classify {
namespace {

// Whether `raw` (of a query: RFC 3986 escapes, and "+" for a space) decodes to `wanted`, or to
// something that begins with it. What is no escape stands for itself.
bool decodes_to(std::string_view raw, std::string_view wanted, bool prefix) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (at == wanted.size()) return prefix;
        char c = raw[i] == '+' ? ' ' : raw[i];
        if (c == '%' && i + 2 < raw.size()) {
            const int high = hex_digit(raw[i + 1]), low = hex_digit(raw[i + 2]);
            if (high >= 0 && low >= 0) {
                c = static_cast<char>(high << 4 | low);
                i += 2;
            }
        }
        if (c != wanted[at++]) return false;
    }
    return at == wanted.size();
}

bool query_holds(std::string_view query, std::string_view name, std::string_view value,
                 Condition::Kind kind) {
    bool present = false;
    while (!query.empty()) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
        const std::size_t equals = pair.find('=');
        if (pair.empty() || !decodes_to(pair.substr(0, equals), name, false)) continue;
        present = true;
        if (kind == Condition::Kind::present || kind == Condition::Kind::absent) break;
        const std::string_view has =
            equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        if (decodes_to(has, value, kind == Condition::Kind::prefix)) return true;
    }
    return kind == Condition::Kind::absent ? !present : kind == Condition::Kind::present && present;
}

bool field_holds(const Fields* fields, std::string_view name, std::string_view value,
                 Condition::Kind kind) {
    bool present = false;
    std::uint32_t at = 0;
    std::string_view has;
    while (fields != nullptr && fields->next(name, at, has)) {
        present = true;
        if (kind == Condition::Kind::present || kind == Condition::Kind::absent) break;
        if (kind == Condition::Kind::prefix ? has.substr(0, value.size()) == value : has == value)
            return true;
    }
    return kind == Condition::Kind::absent ? !present : kind == Condition::Kind::present && present;
}

}  // namespace

bool holds(const Table& table, const Condition& condition, const Request& request) {
    const std::string_view name = table.text(condition.name), value = table.text(condition.value);
    return condition.of_query ? query_holds(request.query, name, value, condition.kind)
                              : field_holds(request.fields, name, value, condition.kind);
}

}  // namespace skerry::classify
