#include "tools/functions/redact/scanner.hpp"

#include <array>
#include <cstdint>

namespace skerry::functions {
namespace {

// Each `match_…` gets the text that starts at the place in question and returns how many bytes
// belong to what was found; 0: nothing.

constexpr std::size_t kMostLocalBytes = 64;    // RFC 5321 §4.5.3.1.1
constexpr std::size_t kMostDomainBytes = 255;  // §4.5.3.1.2

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_letter(char c) {
    return is_upper(c) || (c >= 'a' && c <= 'z');
}
bool is_alnum(char c) {
    return is_digit(c) || is_letter(c);
}
bool is_local(char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '\'';
}
char at(std::string_view text, std::size_t i) {
    return i < text.size() ? text[i] : '\0';
}

// Labels of letters, digits and inner hyphens, the last one of at least two letters.
std::size_t match_domain(std::string_view text) {
    std::size_t end = 0, label = 0, good = 0;
    while (end < text.size() && end < kMostDomainBytes) {
        if (is_alnum(text[end]) || (text[end] == '-' && end > label)) {
            ++end;
        } else if (text[end] == '.' && end > label && text[end - 1] != '-' &&
                   is_alnum(at(text, end + 1))) {
            label = ++end;
        } else {
            break;
        }
        bool letters = label > 0 && end - label >= 2;
        for (std::size_t i = label; letters && i < end && i < label + 2; ++i)
            letters = is_letter(text[i]);
        if (letters && !is_alnum(at(text, end))) good = end;
    }
    return good;
}

std::size_t match_email(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size() && i <= kMostLocalBytes && is_local(text[i])) ++i;
    if (i == 0 || i > kMostLocalBytes || at(text, i) != '@') return 0;
    const std::size_t domain = match_domain(text.substr(i + 1));
    return domain == 0 ? 0 : i + 1 + domain;
}

struct Country {
    char code[3];
    std::uint8_t iban_characters;
};
// The IBAN registry's lengths, of the countries where it is in common use.
constexpr Country kCountries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BR", 29},
    {"CH", 21}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DK", 18}, {"EE", 20}, {"EG", 29}, {"ES", 24},
    {"FI", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IS", 26}, {"IT", 27}, {"KW", 30}, {"KZ", 20},
    {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19},
    {"MT", 31}, {"NL", 18}, {"NO", 15}, {"PK", 24}, {"PL", 28}, {"PT", 25}, {"QA", 29}, {"RO", 24},
    {"RS", 22}, {"SA", 24}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"TN", 24}, {"TR", 26},
    {"UA", 29}, {"VA", 22}, {"XK", 20},
};
constexpr std::size_t kMostIbanCharacters = 34;

std::size_t iban_characters(std::string_view text) {
    for (const Country& country : kCountries)
        if (text.substr(0, 2) == country.code) return country.iban_characters;
    return 0;
}

// ISO 7064 MOD 97-10 over the account first, then country and check digits.
bool iban_checks(const std::array<char, kMostIbanCharacters>& iban, std::size_t count) {
    std::uint32_t rest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const char c = iban[(i + 4) % count];
        const std::uint32_t value = is_digit(c) ? static_cast<std::uint32_t>(c - '0')
                                                : static_cast<std::uint32_t>(c - 'A') + 10;
        rest = (rest * (value < 10 ? 10 : 100) + value) % 97;
    }
    return rest == 1;
}

std::size_t match_iban(std::string_view text) {
    if (!is_upper(at(text, 0)) || !is_upper(at(text, 1)) || !is_digit(at(text, 2)) ||
        !is_digit(at(text, 3)))
        return 0;
    const std::size_t wanted = iban_characters(text);
    std::array<char, kMostIbanCharacters> iban{};
    std::size_t count = 0, i = 0;
    while (count < wanted && i < text.size()) {
        const char c = text[i];
        if (is_digit(c) || is_upper(c)) {
            iban[count++] = c;
        } else if (c != ' ' || count % 4 != 0) {
            return 0;
        } else if (at(text, i + 1) == ' ') {
            return 0;
        }
        ++i;
    }
    if (wanted == 0 || count < wanted || is_alnum(at(text, i))) return 0;
    return iban_checks(iban, count) ? i : 0;
}

// Luhn: every second digit from the right doubled, the sum of all digits a multiple of ten.
bool luhn_checks(const std::array<char, 20>& digits, std::size_t count) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        auto digit = static_cast<std::uint32_t>(digits[count - 1 - i] - '0');
        if (i % 2 == 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return sum % 10 == 0;
}

std::size_t match_card(std::string_view text) {
    if (at(text, 0) < '2' || at(text, 0) > '6') return 0;
    std::array<char, 20> digits{};
    std::size_t count = 0, i = 0, end = 0;
    while (i < text.size() && count < digits.size()) {
        if (is_digit(text[i])) {
            digits[count++] = text[i];
            end = i + 1;
        } else if ((text[i] != ' ' && text[i] != '-') || !is_digit(at(text, i + 1))) {
            break;
        }
        ++i;
    }
    if (count < 13 || count > 19 || is_alnum(at(text, end))) return 0;
    return luhn_checks(digits, count) ? end : 0;
}

std::size_t match_ipv4(std::string_view text) {
    std::size_t i = 0;
    for (int part = 0; part < 4; ++part) {
        if (part > 0 && at(text, i++) != '.') return 0;
        std::uint32_t value = 0;
        const std::size_t start = i;
        while (is_digit(at(text, i)) && i - start < 4)
            value = value * 10 + static_cast<std::uint32_t>(text[i++] - '0');
        const std::size_t length = i - start;
        if (length < 1 || length > 3 || value > 255) return 0;
        if (length > 1 && text[start] == '0') return 0;
    }
    // "1.2.3.4.5" is a version or a section, not an address.
    if (is_alnum(at(text, i)) || (at(text, i) == '.' && is_digit(at(text, i + 1)))) return 0;
    return i;
}

bool is_phone_separator(char c) {
    return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

// After "+" or "00": 7 to 15 digits (E.164), at most two separators in a row.
std::size_t match_international(std::string_view text) {
    std::size_t i = 0;
    if (at(text, 0) == '+')
        i = 1;
    else if (at(text, 0) == '0' && at(text, 1) == '0')
        i = 2;
    if (i == 0 || at(text, i) < '1' || at(text, i) > '9') return 0;
    std::size_t count = 0, end = 0, separators = 0;
    for (; i < text.size() && count <= 15; ++i) {
        if (is_digit(text[i])) {
            ++count;
            end = i + 1;
            separators = 0;
        } else if (!is_phone_separator(text[i]) || ++separators > 2) {
            break;
        }
    }
    return count >= 7 && count <= 15 && !is_alnum(at(text, end)) ? end : 0;
}

// NNN-NNN-NNNN and (NNN) NNN-NNNN, with "-", "." or " " between.
std::size_t match_ten_digits(std::string_view text) {
    const bool bracket = at(text, 0) == '(';
    std::size_t i = bracket ? 1 : 0;
    const auto digits = [&](std::size_t wanted) {
        for (std::size_t n = 0; n < wanted; ++n)
            if (!is_digit(at(text, i++))) return false;
        return true;
    };
    const auto separator = [&] {
        const char c = at(text, i++);
        return c == '-' || c == '.' || c == ' ';
    };
    if (!digits(3)) return 0;
    if (bracket && at(text, i++) != ')') return 0;
    if (bracket && at(text, i) != ' ') {
        if (!digits(3)) return 0;
    } else if (!separator() || !digits(3)) {
        return 0;
    }
    if (!separator() || !digits(4)) return 0;
    return is_alnum(at(text, i)) ? 0 : i;
}

struct Found {
    std::size_t bytes = 0;
    std::string_view name;
};

// At the start of a word. The order matters where two kinds overlap: an address is an address even
// if its local part is a card's number.
Found match(std::string_view text) {
    if (const std::size_t n = match_email(text)) return {n, "[EMAIL]"};
    if (const std::size_t n = match_iban(text)) return {n, "[IBAN]"};
    if (const std::size_t n = match_ipv4(text)) return {n, "[IPV4]"};
    if (const std::size_t n = match_international(text)) return {n, "[PHONE]"};
    if (const std::size_t n = match_card(text)) return {n, "[CARD]"};
    if (const std::size_t n = match_ten_digits(text)) return {n, "[PHONE]"};
    return {};
}

// Nothing starts in the middle of a word or number.
bool may_start(std::string_view text, std::size_t i) {
    const char c = text[i];
    if (!is_alnum(c) && c != '+' && c != '(' && c != '_') return false;
    if (i == 0) return true;
    const char before = text[i - 1];
    if (is_alnum(before) || before == '_') return false;
    // The rest of a decimal, a version or an address.
    return !(i >= 2 && before == '.' && is_digit(text[i - 2]) && is_digit(c));
}

}  // namespace

std::string redact(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t copied = 0, i = 0;
    while (i < text.size()) {
        const Found found = may_start(text, i) ? match(text.substr(i)) : Found{};
        if (found.bytes == 0) {
            ++i;
            continue;
        }
        out.append(text.substr(copied, i - copied)).append(found.name);
        i += found.bytes;
        copied = i;
    }
    out.append(text.substr(copied));
    return out;
}

}  // namespace skerry::functions
