#include "dataplane/auth/authorization.hpp"

#include <algorithm>

#include "dataplane/auth/access_keys.hpp"
#include "dataplane/auth/request.hpp"

namespace skerry::auth {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool take_until(std::string_view& text, char mark, std::string_view& part) {
    const std::size_t at = text.find(mark);
    if (at == std::string_view::npos) return false;
    part = text.substr(0, at);
    text.remove_prefix(at + 1);
    return true;
}

bool take_credential(std::string_view text, Authorization& into) {
    if (!take_until(text, '/', into.key_id) || !take_until(text, '/', into.date) ||
        !take_until(text, '/', into.region) || !take_until(text, '/', into.service))
        return false;
    into.terminator = text;
    return is_key_id(into.key_id) && into.date.size() == 8 &&
           std::all_of(into.date.begin(), into.date.end(), is_digit) && !into.region.empty() &&
           into.region.size() <= kRegionBytesMax &&
           std::all_of(into.region.begin(), into.region.end(),
                       [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

// What a name of RFC 9110 may have in it, but capitals.
bool is_header_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return is_lower(c) || is_digit(c) ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool take_signed_headers(std::string_view text, Authorization& into) {
    into.signed_headers = text;
    std::string_view name, before;
    std::size_t count = 0;
    while (next_name(text, name)) {
        if (!is_header_name(name) || name <= before || ++count > kFieldsMax) return false;
        before = name;
    }
    return count != 0 && into.signed_headers.back() != ';';
}

// Digits at `at`, as a number.
std::uint64_t number(std::string_view text, std::size_t at, std::size_t digits) {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + digits; ++i)
        value = value * 10 + static_cast<std::uint64_t>(text[i] - '0');
    return value;
}

}  // namespace

bool next_name(std::string_view& list, std::string_view& name) {
    if (list.empty()) return false;
    const std::size_t end = std::min(list.find(';'), list.size());
    name = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    return true;
}

bool parse_authorization(std::string_view text, Authorization& into) {
    if (text.substr(0, kAlgorithm.size()) != kAlgorithm) return false;
    text.remove_prefix(kAlgorithm.size());
    if (text.empty() || text[0] != ' ') return false;
    unsigned seen = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
        std::string_view name;
        if (!take_until(part, '=', name)) return false;
        unsigned bit = 0;
        if (name == "Credential" && take_credential(part, into)) bit = 1;
        if (name == "SignedHeaders" && take_signed_headers(part, into)) bit = 2;
        if (name == "Signature" && from_hex(part, into.signature)) bit = 4;
        if (bit == 0 || (seen & bit) != 0) return false;
        seen |= bit;
    }
    return seen == 7;
}

bool parse_time(std::string_view text, std::uint64_t& unix_s) {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return false;
    for (std::size_t i = 0; i < 15; ++i)
        if (i != 8 && !is_digit(text[i])) return false;
    const std::uint64_t year = number(text, 0, 4), month = number(text, 4, 2);
    const std::uint64_t day = number(text, 6, 2), hour = number(text, 9, 2);
    const std::uint64_t minute = number(text, 11, 2), second = number(text, 13, 2);
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    static constexpr std::uint64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 ||
        second > 59 || day > kDays[month - 1] + (leap && month == 2 ? 1 : 0))
        return false;
    // Years that begin in March, so that the leap day is the last.
    const std::uint64_t shifted = month > 2 ? year : year - 1;
    const std::uint64_t from_march = (month + 9) % 12;
    const std::uint64_t days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 +
                               (153 * from_march + 2) / 5 + day - 1 - 719468;
    unix_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

}  // namespace skerry::auth
