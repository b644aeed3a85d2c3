#include "dataplane/http/routes.hpp"

#include "dataplane/http/byte_class.hpp"

namespace skerry::http {
namespace {

constexpr std::string_view kFunctions = "/2015-03-31/functions/";
constexpr std::string_view kInvocations = "/invocations";

constexpr ByteClass kName = ByteClass::of(
    [](unsigned char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });

bool is_name(std::string_view text, std::size_t most) {
    return !text.empty() && text.size() <= most &&
           leading(kName, text.data(), text.size()) == text.size();
}

bool is_number(std::string_view text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 §2.1. False: a broken escape, or more than fits.
template <std::size_t kBytes>
bool decode(std::string_view text, std::array<char, kBytes>& into, std::string_view& decoded) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return false;
            const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return false;
            c = static_cast<char>(high << 4 | low);
            i += 2;
        }
        if (size == kBytes) return false;
        into[size++] = c;
    }
    decoded = {into.data(), size};
    return true;
}

// Takes `text` up to the next colon off, if `fits` says so of it and more follows.
template <typename Predicate>
bool take_part(std::string_view& text, Predicate fits) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || !fits(text.substr(0, colon))) return false;
    text.remove_prefix(colon + 1);
    return true;
}

// (arn:aws…:lambda:)? (region:)? (account:)? (function:)? name (:qualifier)?
// Accounts and regions name nothing here: there is one catalog.
bool split_name(std::string_view text, std::string_view& name, std::string_view& qualifier) {
    const auto is = [](std::string_view wanted) {
        return [wanted](std::string_view part) { return part == wanted; };
    };
    if (take_part(text, is("arn"))) {
        const auto partition = [](std::string_view part) { return part.substr(0, 3) == "aws"; };
        if (!take_part(text, partition) || !take_part(text, is("lambda"))) return false;
        take_part(text, [](std::string_view part) {
            return part.find('-') != std::string_view::npos && is_name(part, 32);
        });
    }
    const bool account = take_part(text, [](std::string_view part) { return is_number(part, 12); });
    if (account || text.substr(0, 9) == "function:") take_part(text, is("function"));
    const std::size_t colon = text.find(':');
    name = text.substr(0, colon);
    qualifier = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    return colon == std::string_view::npos || !qualifier.empty();
}

constexpr std::string_view kLatest = "$LATEST";

bool is_qualifier(std::string_view text) {
    return text == kLatest || text == "$LATEST.PUBLISHED" || is_name(text, kQualifierBytesMax);
}

// The value of the query's Qualifier; empty: there is none. False: more than one.
bool find_qualifier(std::string_view query, std::string_view& value) {
    bool found = false;
    while (!query.empty()) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
        if (pair.substr(0, 10) != "Qualifier=") continue;
        if (found) return false;
        found = true;
        value = pair.substr(10);
    }
    return true;
}

}  // namespace

Route find_route(const Head& head) {
    if (head.form == TargetForm::asterisk) return Route::server;
    const std::string_view path = head.path;
    if (path == "/healthz") return Route::healthz;
    if (path == "/readyz") return Route::readyz;
    if (path.size() <= kFunctions.size() + kInvocations.size()) return Route::none;
    if (path.substr(0, kFunctions.size()) != kFunctions) return Route::none;
    if (path.substr(path.size() - kInvocations.size()) != kInvocations) return Route::none;
    const std::string_view name =
        path.substr(kFunctions.size(), path.size() - kFunctions.size() - kInvocations.size());
    return name.find('/') == std::string_view::npos ? Route::invoke : Route::none;
}

bool is_reserved(std::string_view path) {
    // Versions of AWS's APIs, as /2015-03-31/ and /2021-11-15/: YYYY-MM-DD.
    if (path.size() < 12 || path[11] != '/') return false;
    for (std::size_t i = 1; i < 11; ++i) {
        const bool dash = i == 5 || i == 8;
        if (dash ? path[i] != '-' : path[i] < '0' || path[i] > '9') return false;
    }
    return true;
}

Refusal parse_names(const Head& head, Names& names) {
    std::string_view raw = head.path;
    raw.remove_prefix(kFunctions.size());
    raw.remove_suffix(kInvocations.size());
    return parse_names(raw, head.query, names);
}

Refusal parse_names(std::string_view raw, std::string_view whole_query, Names& names) {
    std::string_view text, query, from_query;
    if (!decode(raw, names.name_text, text) || !split_name(text, names.function, names.qualifier) ||
        !is_name(names.function, kNameBytesMax))
        return Refusal::bad_name;
    if (!find_qualifier(whole_query, query) || !decode(query, names.query_text, from_query))
        return Refusal::bad_name;
    if (!names.qualifier.empty() && !is_qualifier(names.qualifier)) return Refusal::bad_name;
    if (!from_query.empty() && !is_qualifier(from_query)) return Refusal::bad_name;
    if (!names.qualifier.empty() && !from_query.empty() && names.qualifier != from_query)
        return Refusal::qualifier_clash;
    if (names.qualifier.empty()) names.qualifier = from_query;
    if (names.qualifier == kLatest) names.qualifier = {};
    return Refusal::none;
}

std::string_view allowed(Route route) {
    switch (route) {
        case Route::healthz:
        case Route::readyz:
            return "GET, HEAD, OPTIONS";
        case Route::invoke:
            return "POST, OPTIONS";
        default:
            return "GET, HEAD, POST, OPTIONS";
    }
}

bool allows(Route route, Method method) {
    if (method == Method::options) return true;
    if (route == Route::invoke) return method == Method::post;
    return method == Method::get || method == Method::head;
}

}  // namespace skerry::http
