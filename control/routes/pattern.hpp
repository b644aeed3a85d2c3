// The texts of a route, parsed and checked. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/routes/route.hpp"
#include "dataplane/classify/table.hpp"

namespace skerry::routes {

// In the order in which they are preferred (docs/routes.md).
enum class HostKind : std::uint8_t { literal, wildcard, expression, any };
enum class PathKind : std::uint8_t { exact, expression, segments, prefix };
enum class SegmentKind : std::uint8_t { literal, glob, parameter, rest };

struct HostPattern {
    HostKind kind = HostKind::any;
    std::string text;          // normal; of a wildcard from the dot on; the expression
    std::uint32_t labels = 0;  // of a wildcard
};

struct Segment {
    SegmentKind kind = SegmentKind::literal;
    std::string text;                 // literal: normal. parameter, rest: its name, or none
    std::string expression;           // glob: what matches it
    std::uint32_t literal_bytes = 0;  // glob: of its text that stand for themselves
};

struct PathPattern {
    PathKind kind = PathKind::exact;
    std::string text;  // exact: normal. expression: itself. else: for classify::params_of()
    std::vector<Segment> segments;  // none of an expression
    // All of it as an expression, if a database has to match it; else empty.
    std::string expression;
};

struct ConditionText {
    classify::Condition::Kind kind = classify::Condition::Kind::present;
    bool of_query = false;
    std::string name, value;
    bool operator==(const ConditionText&) const = default;
};

struct Parsed {
    HostPattern host;
    PathPattern path;
    std::uint16_t methods = 0;
    std::vector<ConditionText> conditions;
};

// What is wrong is added to `problems`, under that number; nothing was added: `parsed` is whole.
void parse(const Route& route, std::uint32_t number, Parsed& parsed,
           std::vector<Problem>& problems);

// Each of these: an empty text and -1 if all is well.
struct Complaint {
    std::string text;
    std::int32_t at = -1;
};
Complaint parse_host(std::string_view text, HostPattern& host);
Complaint parse_path(std::string_view text, PathPattern& path);
Complaint parse_condition(std::string_view text, bool of_query, ConditionText& condition);
// 0: there is no such method.
std::uint16_t method_of(std::string_view name);
std::string methods_text(std::uint16_t methods);  // "GET, HEAD"

}  // namespace skerry::routes
