#include "control/logs/record.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace skerry::logs {
namespace {

constexpr std::string_view kStreams[] = {"out", "platform"};
constexpr std::int64_t kSecond_us = 1'000'000;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// How many bytes the UTF-8 character at `at` has; 0: it is none, or one that terminals act on
// (C1 controls, and the marks that turn the direction of text).
std::size_t character_bytes(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return (lead >= ' ' && lead != 0x7f && lead != '\\') || lead == '\t' ? 1 : 0;
    const std::size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || at + length > text.size()) return 0;
    std::uint32_t code = lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    const bool acted_on = code < 0xa0 || (code >= 0x202a && code <= 0x202e) ||
                          (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
    return acted_on ? 0 : length;
}

// "key value rest" → the word before the space, which is taken off.
std::optional<std::string_view> take_word(std::string_view& line) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return std::nullopt;
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(space + 1);
    return word;
}

bool is_version(std::string_view text) {
    return text.size() == kVersionDigits &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Digits alone, exactly `count` of them.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
    if (at + count > text.size()) return std::nullopt;
    int value = 0;
    for (const char c : text.substr(at, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

// Days since 1970 of a date of the Gregorian calendar; nullopt: there is no such date.
std::optional<std::int64_t> days_of(int year, int month, int day) {
    static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1970 || month < 1 || month > 12 || day < 1) return std::nullopt;
    if (day > kDays[static_cast<std::size_t>(month) - 1] + (month == 2 && leap ? 1 : 0))
        return std::nullopt;
    // March is the first month of a year that ends with the leap day.
    const int y = month <= 2 ? year - 1 : year, m = (month + 9) % 12;
    const std::int64_t era_days = std::int64_t{365} * y + y / 4 - y / 100 + y / 400;
    return era_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t bytes = character_bytes(text, at);
        if (bytes != 0) {
            out += text.substr(at, bytes);
            at += bytes;
            continue;
        }
        char code[8];
        (void)std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(text[at++]));
        out += code;
    }
    return out;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            out += text[at];
            continue;
        }
        if (at + 3 >= text.size() || text[at + 1] != 'x') return std::nullopt;
        const int high = hex_digit(text[at + 2]), low = hex_digit(text[at + 3]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        at += 3;
    }
    return out;
}

std::string time_text(std::int64_t time_us) {
    const std::time_t seconds = time_us / kSecond_us;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[48];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)std::snprintf(text + length, sizeof text - length, ".%06dZ",
                        static_cast<int>(time_us % kSecond_us));
    return text;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    if (text.size() < 20 || text.size() > 40 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' ||
        text[16] != ':')
        return std::nullopt;
    const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2),
               hour = digits(text, 11, 2), minute = digits(text, 14, 2),
               second = digits(text, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
        *second > 60)
        return std::nullopt;
    const auto days = days_of(*year, *month, *day);
    if (!days) return std::nullopt;
    std::int64_t us =
        (((*days * 24 + *hour) * 60 + *minute) * 60 + std::min(*second, 59)) * kSecond_us;
    std::size_t at = 19;
    if (text[at] == '.') {
        std::int64_t unit = kSecond_us / 10;
        const std::size_t first = ++at;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
            us += unit * (text[at] - '0');
        if (at == first) return std::nullopt;
    }
    const std::string_view zone = text.substr(at);
    if (zone == "Z" || zone == "z") return us;
    const auto off_hours = digits(zone, 1, 2), off_minutes = digits(zone, 4, 2);
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || !off_hours ||
        !off_minutes || *off_hours > 23 || *off_minutes > 59)
        return std::nullopt;
    const std::int64_t off_us = (std::int64_t{*off_hours} * 60 + *off_minutes) * 60 * kSecond_us;
    us += zone[0] == '+' ? -off_us : off_us;
    return us < 0 ? std::nullopt : std::optional(us);
}

std::string hex_text(const RequestId& id) {
    char text[40];
    (void)std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(id.hi),
                        static_cast<unsigned long long>(id.lo));
    return text;
}

std::string uuid_text(const RequestId& id) {
    std::string text = hex_text(id);
    for (const std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
    return text;
}

std::optional<RequestId> parse_request_id(std::string_view text) {
    std::string hex(text);
    if (text.size() == 36) {
        for (const std::size_t at : {8u, 13u, 18u, 23u})
            if (text[at] != '-') return std::nullopt;
        std::erase(hex, '-');
    }
    if (hex.size() != 32) return std::nullopt;
    RequestId id;
    for (std::size_t i = 0; i < 32; ++i) {
        const int digit = hex_digit(hex[i]);
        if (digit < 0) return std::nullopt;
        std::uint64_t& half = i < 16 ? id.hi : id.lo;
        half = half << 4 | static_cast<std::uint64_t>(digit);
    }
    return id;
}

std::string render(const Record& record) {
    std::string line = time_text(record.time_us) + ' ' + record.version + ' ' +
                       std::to_string(record.worker) + ' ';
    line += record.request.none() ? "-" : hex_text(record.request);
    line += ' ';
    line += kStreams[static_cast<std::size_t>(record.stream)];
    line += ' ';
    line += escaped(record.text);
    line += '\n';
    return line;
}

std::optional<Record> parse(std::string_view line) {
    Record record;
    const auto time = take_word(line), version = take_word(line), worker = take_word(line),
               request = take_word(line), stream = take_word(line);
    if (!time || !version || !worker || !request || !stream || !is_version(*version))
        return std::nullopt;
    const auto time_us = parse_time(*time);
    const auto [end, error] =
        std::from_chars(worker->data(), worker->data() + worker->size(), record.worker);
    if (!time_us || error != std::errc{} || end != worker->data() + worker->size())
        return std::nullopt;
    if (*request != "-") {
        const auto id = parse_request_id(*request);
        if (!id) return std::nullopt;
        record.request = *id;
    }
    const auto* const known = std::find(std::begin(kStreams), std::end(kStreams), *stream);
    auto text = unescaped(line);
    if (known == std::end(kStreams) || !text) return std::nullopt;
    record.time_us = *time_us;
    record.version = *version;
    record.stream = static_cast<Stream>(known - std::begin(kStreams));
    record.text = std::move(*text);
    return record;
}

}  // namespace skerry::logs
