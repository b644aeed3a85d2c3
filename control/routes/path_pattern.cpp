// The language of paths: /literal/:name/gl*b/*, or ~expression.
#include <algorithm>
#include <array>

#include "control/routes/pattern.hpp"
#include "dataplane/classify/normal.hpp"

namespace skerry::routes {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";
// One decoded byte of a segment, as the normal form has it; no slash.
constexpr std::string_view kAnyBytes = "(?:[^/%]|%[0-9A-F]{2})*";

void put_normal(std::string& text, unsigned char c) {
    if (classify::is_plain(c)) {
        text += static_cast<char>(c);
        return;
    }
    text += '%';
    text += kDigits[c >> 4];
    text += kDigits[c & 15];
}

std::string quoted(std::string_view literal) {
    std::string text;
    for (const char c : literal) {
        const bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!letter) text += '\\';
        text += c;
    }
    return text;
}

bool is_param_name(std::string_view name) {
    if (name.empty() || name.size() > classify::kParamNameBytesMax) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
    });
}

Complaint parse_named(std::string_view text, bool last, Segment& segment) {
    segment.kind = SegmentKind::parameter;
    std::string_view name = text.substr(1);
    if (!name.empty() && name.back() == '*') {
        if (!last) return {"what takes the rest of the path stands at its end only"};
        segment.kind = SegmentKind::rest;
        name.remove_suffix(1);
    }
    if (!is_param_name(name))
        return {
            "a parameter is a whole segment: ':' and a name of letters, digits and _ (\\: for a "
            "colon)"};
    segment.text = name;
    return {};
}

// One byte of the pattern that stands for itself, escaped or not. False: a broken escape.
bool take_byte(std::string_view text, std::size_t& i, unsigned char& c) {
    c = static_cast<unsigned char>(text[i]);
    if (c == '\\') {
        if (++i == text.size()) return false;
        c = static_cast<unsigned char>(text[i]);
    } else if (c == '%') {
        if (i + 2 >= text.size()) return false;
        const int high = classify::hex_digit(text[i + 1]), low = classify::hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return false;
        c = static_cast<unsigned char>(high << 4 | low);
        i += 2;
    }
    return c != 0;
}

Complaint parse_segment(std::string_view text, bool last, Segment& segment) {
    segment = {};
    if (text == "*") {
        segment.kind = last ? SegmentKind::rest : SegmentKind::parameter;
        return {};
    }
    if (!text.empty() && text[0] == ':') return parse_named(text, last, segment);
    bool behind_asterisk = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto at = static_cast<std::int32_t>(i);
        if (text[i] == '*') {
            if (behind_asterisk)
                return {"** is nothing: /* at the end takes the rest, ~ begins an expression", at};
            segment.kind = SegmentKind::glob;
            segment.expression += kAnyBytes;
            behind_asterisk = true;
            continue;
        }
        if (text[i] == '?' || text[i] == '#')
            return {"a path ends before ? and # (\\? for itself; conditions are for queries)", at};
        behind_asterisk = false;
        unsigned char c = 0;
        if (!take_byte(text, i, c)) return {"a broken escape", at};
        std::string normal;
        put_normal(normal, c);
        segment.text += normal;
        segment.expression += quoted(normal);
        ++segment.literal_bytes;
    }
    if (segment.text == "." || segment.text == "..")
        return {"a path in its normal form has no dot segments", 0};
    return {};
}

// Of a path without parameters and asterisks: does a path exist that is this one?
Complaint check_literal(const std::string& path) {
    std::array<char, classify::kPathBytesMax> buffer;
    std::string_view normal;
    const classify::Fault fault = classify::normalise_path(path, buffer, normal);
    if (fault != classify::Fault::none)
        return {"no request has this path: " + std::string(classify::text_of(fault)), 0};
    if (normal != path) return {"no request has this path: it would be " + std::string(normal), 0};
    return {};
}

Complaint split(std::string_view text, PathPattern& path) {
    for (std::size_t at = 1;;) {
        const std::size_t end = std::min(text.find('/', at), text.size());
        const bool last = end == text.size();
        const std::string_view part = text.substr(at, end - at);
        if (part.empty() && !last)
            return {"slashes in a row are one in every path", static_cast<std::int32_t>(at)};
        path.segments.emplace_back();
        Complaint complaint = parse_segment(part, last, path.segments.back());
        if (!complaint.text.empty()) {
            complaint.at = static_cast<std::int32_t>(at) + std::max(0, complaint.at);
            return complaint;
        }
        if (last) return {};
        at = end + 1;
    }
}

// What the segments are together.
void describe(PathPattern& path) {
    bool literal = true, glob = false;
    for (const Segment& each : path.segments) {
        literal &= each.kind == SegmentKind::literal;
        glob |= each.kind == SegmentKind::glob;
        path.text += '/';
        switch (each.kind) {
            case SegmentKind::literal:
                // So that nobody takes it for a parameter; nothing is compared with it.
                if (each.text[0] == ':')
                    path.text += "%3A" + each.text.substr(1);
                else
                    path.text += each.text;
                path.expression += "/" + quoted(each.text);
                break;
            case SegmentKind::glob:
                path.text += '*';
                path.expression += "/" + each.expression;
                break;
            case SegmentKind::parameter:
                path.text += each.text.empty() ? "*" : ":" + each.text;
                path.expression += "/[^/]+";
                break;
            case SegmentKind::rest:
                path.text += each.text.empty() ? "*" : ":" + each.text + "*";
                path.expression += "/.*";
                break;
        }
    }
    if (!glob) path.expression.clear();
    path.kind = literal                                          ? PathKind::exact
                : path.segments.back().kind == SegmentKind::rest ? PathKind::prefix
                                                                 : PathKind::segments;
    if (!literal) return;
    path.text.clear();
    for (const Segment& each : path.segments) path.text += "/" + each.text;
}

Complaint check_params(const PathPattern& path) {
    std::vector<std::string_view> names;
    for (const Segment& each : path.segments) {
        if (each.kind != SegmentKind::parameter && each.kind != SegmentKind::rest) continue;
        if (each.text.empty()) continue;
        if (std::find(names.begin(), names.end(), each.text) != names.end())
            return {"two parameters are called " + each.text, 0};
        names.push_back(each.text);
    }
    if (names.size() > classify::kParamsMax)
        return {"more than " + std::to_string(classify::kParamsMax) + " parameters", 0};
    return {};
}

}  // namespace

Complaint parse_path(std::string_view text, PathPattern& path) {
    path = {};
    if (text.size() > classify::kPatternBytesMax)
        return {"more than " + std::to_string(classify::kPatternBytesMax) + " bytes", 0};
    if (!text.empty() && text[0] == '~') {
        path.kind = PathKind::expression;
        path.text = path.expression = text.substr(1);
        if (path.text.empty()) return {"behind ~ is to be a regular expression", 1};
        if (path.text.find('\0') != std::string::npos) return {"a NUL", 1};
        return {};
    }
    if (text.empty() || text[0] != '/') return {"a path begins with a slash, or with ~", 0};
    Complaint complaint = split(text, path);
    if (!complaint.text.empty()) return complaint;
    describe(path);
    if (path.kind == PathKind::exact) return check_literal(path.text);
    if (path.segments.size() > classify::kSegmentsMax)
        return {"more than " + std::to_string(classify::kSegmentsMax) + " segments", 0};
    return check_params(path);
}

}  // namespace skerry::routes
