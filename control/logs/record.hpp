// One line of a function's log, and how it lies in a file. Pure functions;
// tests/fuzz/log_record_fuzz.cpp feeds the reader with anything.
//
//   2026-11-24T21:35:46.123456Z 0123456789ab 17 243ac382fe6549b25d70e364d3248c69 out text…\n
//
// time (UTC), first 12 digits of the version, worker id, request id (32 hex digits, "-": outside of
// an invocation), stream, text. What the worker wrote is a stranger's: bytes that a terminal or a
// reader of lines would act on, that are not UTF-8, and the backslash are written as \xNN.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skerry::logs {

inline constexpr std::size_t kVersionDigits = 12;
// Of a text, before it is escaped: longer lines are cut into several records.
inline constexpr std::size_t kMaxLineBytes = 8192;

struct RequestId {
    std::uint64_t hi = 0, lo = 0;
    auto operator<=>(const RequestId&) const = default;
    bool none() const { return hi == 0 && lo == 0; }
};

// out: standard output and error of the worker, which are one pipe. platform: skerryd's own lines.
enum class Stream : std::uint8_t { out, platform };

struct Record {
    std::int64_t time_us = 0;  // since 1970, UTC
    std::string version;       // kVersionDigits hex digits
    std::uint64_t worker = 0;
    RequestId request;
    Stream stream = Stream::out;
    std::string text;  // any bytes, without the line's end
};

// With the "\n" at its end.
std::string render(const Record& record);
// A line without its "\n". nullopt: damaged, or something else.
std::optional<Record> parse(std::string_view line);

std::string escaped(std::string_view text);
// nullopt: a backslash that is no escape of escaped().
std::optional<std::string> unescaped(std::string_view text);

std::string time_text(std::int64_t time_us);                    // "2026-11-24T21:35:46.123456Z"
std::optional<std::int64_t> parse_time(std::string_view text);  // as RFC 3339: any offset

std::string hex_text(const RequestId& id);   // 32 hex digits
std::string uuid_text(const RequestId& id);  // 8-4-4-4-12, as Lambda shows them
// Either form, upper or lower case.
std::optional<RequestId> parse_request_id(std::string_view text);

}  // namespace skerry::logs
