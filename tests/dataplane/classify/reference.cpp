#include "tests/dataplane/classify/reference.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>

namespace skerry::reference {
namespace {

using routes::Route;
using Segments = std::vector<std::string>;

std::optional<std::string> decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (i + 2 >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i + 1])) ||
            !std::isxdigit(static_cast<unsigned char>(text[i + 2])))
            return std::nullopt;
        decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
    }
    return decoded;
}

std::vector<std::string> split(std::string_view text, std::string_view at) {
    std::vector<std::string> parts(1);
    for (const char c : text)
        if (at.find(c) != std::string_view::npos)
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

bool full_match(const std::string& expression, std::string_view text) {
    struct Free {
        void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    };
    static std::map<std::string, std::unique_ptr<pcre2_code, Free>> compiled;
    if (compiled.size() > 1000) compiled.clear();
    auto& code = compiled[expression];
    if (code == nullptr) {
        int error = 0;
        std::size_t offset = 0;
        code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                 PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL, &error, &offset,
                                 nullptr));
        if (code == nullptr) return false;
    }
    pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
    const int found = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), 0, 0, data, nullptr);
    pcre2_match_data_free(data);
    return found >= 0;
}

// A pattern's segment: literals are the decoded bytes, `star` stands for an asterisk.
constexpr int kStar = 256;
using Glob = std::vector<int>;

struct Piece {
    enum Kind { literal, glob, parameter, rest } kind = literal;
    Glob glob_text;
    int literals() const {
        return static_cast<int>(
            std::count_if(glob_text.begin(), glob_text.end(), [](int c) { return c != kStar; }));
    }
};

bool glob_matches(const Glob& glob, std::size_t g, std::string_view text) {
    if (g == glob.size()) return text.empty();
    if (glob[g] == kStar) {
        for (std::size_t skip = 0; skip <= text.size(); ++skip)
            if (glob_matches(glob, g + 1, text.substr(skip))) return true;
        return false;
    }
    return !text.empty() && static_cast<unsigned char>(text[0]) == glob[g] &&
           glob_matches(glob, g + 1, text.substr(1));
}

std::vector<Piece> pieces_of(const std::string& path) {
    std::vector<Piece> pieces;
    const std::vector<std::string> parts = split(path.substr(1), "/");
    for (std::size_t p = 0; p < parts.size(); ++p) {
        const std::string& part = parts[p];
        const bool last = p + 1 == parts.size();
        Piece piece;
        if (part == "*") {
            piece.kind = last ? Piece::rest : Piece::parameter;
        } else if (part[0] == ':') {
            piece.kind = part.back() == '*' ? Piece::rest : Piece::parameter;
        } else {
            for (std::size_t i = 0; i < part.size(); ++i) {
                int c = static_cast<unsigned char>(part[i]);
                if (c == '*') {
                    c = kStar;
                    piece.kind = Piece::glob;
                } else if (c == '\\') {
                    c = static_cast<unsigned char>(part[++i]);
                } else if (c == '%') {
                    c = std::stoi(part.substr(i + 1, 2), nullptr, 16);
                    i += 2;
                }
                piece.glob_text.push_back(c);
            }
        }
        pieces.push_back(piece);
    }
    return pieces;
}

bool is_expression(const std::string& text) {
    return !text.empty() && text[0] == '~';
}

bool path_matches(const std::string& pattern, const Segments& segments) {
    if (is_expression(pattern)) return full_match(pattern.substr(1), normal_of(segments));
    const std::vector<Piece> pieces = pieces_of(pattern);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (i == segments.size()) return false;
        const Piece& piece = pieces[i];
        if (piece.kind == Piece::rest) return true;
        if (piece.kind == Piece::parameter && segments[i].empty()) return false;
        if (piece.kind == Piece::parameter) continue;
        if (!glob_matches(piece.glob_text, 0, segments[i])) return false;
    }
    return pieces.size() == segments.size();
}

bool host_matches(const std::string& pattern, const std::string& host) {
    if (pattern.empty() || pattern == "*") return true;
    if (host.empty()) return false;
    if (is_expression(pattern)) return full_match(pattern.substr(1), host);
    std::string lower = pattern;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.back() == '.') lower.pop_back();
    if (lower.substr(0, 2) != "*.") return lower == host;
    const std::string suffix = lower.substr(1);
    return host.size() > suffix.size() && host.substr(host.size() - suffix.size()) == suffix;
}

bool method_matches(const Route& route, const std::string& method) {
    if (route.methods.empty()) return true;
    const auto has = [&](const std::string& name) {
        return std::find(route.methods.begin(), route.methods.end(), name) != route.methods.end();
    };
    return has(method) || (method == "HEAD" && has("GET"));
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

bool condition_holds(const std::string& condition, const Pairs& pairs) {
    const bool absent = condition[0] == '!';
    const std::string text = absent ? condition.substr(1) : condition;
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    bool present = false, same = false;
    for (const auto& [key, value] : pairs) {
        if (key != name) continue;
        present = true;
        if (equals == std::string::npos) continue;
        std::string wanted = text.substr(equals + 1);
        if (!wanted.empty() && wanted.back() == '*') {
            wanted.pop_back();
            same |= value.substr(0, wanted.size()) == wanted;
        } else {
            same |= value == wanted;
        }
    }
    return absent ? !present : equals == std::string::npos ? present : same;
}

Pairs pairs_of(const std::string& query) {
    Pairs pairs;
    for (std::string part : split(query, "&")) {
        if (part.empty()) continue;
        std::replace(part.begin(), part.end(), '+', ' ');
        const std::size_t equals = part.find('=');
        const auto decoded = [](const std::string& text) { return decode(text).value_or(text); };
        pairs.emplace_back(decoded(part.substr(0, equals)),
                           equals == std::string::npos ? "" : decoded(part.substr(equals + 1)));
    }
    return pairs;
}

// Smaller is preferred. Of routes that match the same request.
std::vector<int> key_of(const Route& route, std::uint32_t place) {
    std::vector<int> key;
    const std::string& host = route.host;
    const bool any = host.empty() || host == "*";
    const bool wildcard = !any && host.substr(0, 2) == "*.";
    key.push_back(any ? 3 : is_expression(host) ? 2 : wildcard ? 1 : 0);
    key.push_back(wildcard ? -static_cast<int>(std::count(host.begin(), host.end(), '.')) : 0);
    if (is_expression(route.path)) {
        key.push_back(1);
    } else {
        const std::vector<Piece> pieces = pieces_of(route.path);
        const bool exact = std::all_of(pieces.begin(), pieces.end(), [](const Piece& each) {
            return each.kind == Piece::literal;
        });
        key.push_back(exact ? 0 : pieces.back().kind == Piece::rest ? 3 : 2);
        for (const Piece& each : pieces) {
            key.push_back(each.kind);
            key.push_back(each.kind == Piece::glob ? -each.literals() : 0);
        }
    }
    key.push_back(route.methods.empty() ? 1 : 0);
    key.push_back(-static_cast<int>(route.headers.size() + route.query.size()));
    key.push_back(static_cast<int>(place));
    return key;
}

bool hidden(const std::string& segment) {
    const std::vector<std::string> parts = split(segment, "/\\;");
    return parts.size() > 1 && std::any_of(parts.begin(), parts.end(), [](const std::string& each) {
               return each == "." || each == "..";
           });
}

}  // namespace

std::optional<Segments> segments_of(std::string_view raw) {
    Segments segments;
    const std::vector<std::string> parts = split(raw.substr(1), "/");
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::optional<std::string> segment = decode(parts[i]);
        const bool last = i + 1 == parts.size();
        if (!segment || segment->find('\0') != std::string::npos || hidden(*segment))
            return std::nullopt;
        if (*segment == "..") {
            if (segments.empty()) return std::nullopt;
            segments.pop_back();
        }
        const bool is_dots = *segment == "." || *segment == "..";
        if (!is_dots && !segment->empty()) segments.push_back(*segment);
        if (last && (is_dots || segment->empty())) segments.emplace_back();
    }
    if (normal_of(segments).size() > 4096) return std::nullopt;
    return segments;
}

std::string normal_of(const Segments& segments) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string text;
    for (const std::string& segment : segments) {
        text += '/';
        for (const char each : segment) {
            const auto c = static_cast<unsigned char>(each);
            if (c < 128 &&
                (std::isalnum(c) != 0 ||
                 std::string_view("-._~!$&'()*+,;=:@").find(each) != std::string_view::npos)) {
                text += each;
            } else {
                text += '%';
                text += kDigits[c >> 4];
                text += kDigits[c & 15];
            }
        }
    }
    return text;
}

std::optional<std::string> host_of(std::string_view authority) {
    std::string host(authority);
    if (host.empty()) return host;
    std::size_t colon = host.rfind(':');
    if (host[0] == '[') {
        const std::size_t end = host.find(']');
        if (end == std::string::npos) return std::nullopt;
        if (colon < end) colon = std::string::npos;
        if (end + 1 != (colon == std::string::npos ? host.size() : colon)) return std::nullopt;
    }
    if (colon != std::string::npos) {
        for (const char c : host.substr(colon + 1))
            if (std::isdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
        host.resize(colon);
    }
    if (!host.empty() && host.back() == '.') host.pop_back();
    if (host.empty() || host.size() > 253) return std::nullopt;
    for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (host[0] == '[') {
        const std::string inner = host.substr(1, host.size() - 2);
        const bool fine = host.size() >= 4 && host.back() == ']' &&
                          inner.find_first_not_of("0123456789abcdef:.") == std::string::npos;
        return fine ? std::optional(host) : std::nullopt;
    }
    for (const std::string& label : split(host, "."))
        if (label.empty() || label.size() > 63 ||
            label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos)
            return std::nullopt;
    return host;
}

bool matches(const Route& route, const Request& request, bool whatever_method) {
    const auto segments = segments_of(request.path);
    const auto host = host_of(request.host);
    if (!segments || !host) return false;
    if (!host_matches(route.host, *host) || !path_matches(route.path, *segments)) return false;
    if (!whatever_method && !method_matches(route, request.method)) return false;
    Pairs fields = request.fields;
    for (auto& [name, value] : fields)
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (std::string each : route.headers) {
        const std::size_t end = std::min(each.find('='), each.size());
        for (std::size_t i = 0; i < end; ++i)
            each[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(each[i])));
        if (!condition_holds(each, fields)) return false;
    }
    const Pairs query = pairs_of(request.query);
    return std::all_of(route.query.begin(), route.query.end(),
                       [&](const std::string& each) { return condition_holds(each, query); });
}

std::optional<std::uint32_t> choose(const std::vector<Route>& routes, const Request& request) {
    std::optional<std::uint32_t> best;
    for (std::uint32_t i = 0; i < routes.size(); ++i)
        if (matches(routes[i], request) &&
            (!best || key_of(routes[i], i) < key_of(routes[*best], *best)))
            best = i;
    return best;
}

}  // namespace skerry::reference
