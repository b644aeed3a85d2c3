#include "dataplane/auth/canonical.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "dataplane/auth/authorization.hpp"

namespace skerry::auth {
namespace {

// Appends; what does not fit is left out, and good() says so.
class Text {
  public:
    explicit Text(std::span<char> room) : room_(room) {}
    void put(char c) {
        if (size_ == room_.size()) [[unlikely]] {
            good_ = false;
            return;
        }
        room_[size_++] = c;
    }
    void put(std::string_view text) {
        if (text.size() > room_.size() - size_) [[unlikely]] {
            good_ = false;
            return;
        }
        if (!text.empty()) std::memcpy(&room_[size_], text.data(), text.size());
        size_ += text.size();
    }
    void cut(std::size_t size) { size_ = size; }
    std::size_t size() const { return size_; }
    std::string_view text() const { return {room_.data(), size_}; }
    bool good() const { return good_; }

  private:
    std::span<char> room_;
    std::size_t size_ = 0;
    bool good_ = true;
};

// RFC 3986 §2.3.
constexpr std::array<bool, 256> kUnreserved = [] {
    std::array<bool, 256> set{};
    for (unsigned c = '0'; c <= '9'; ++c) set[c] = true;
    for (unsigned c = 'a'; c <= 'z'; ++c) set[c] = set[c - 0x20] = true;
    for (const char c : {'-', '.', '_', '~'}) set[static_cast<unsigned char>(c)] = true;
    return set;
}();

void put_escaped(Text& out, unsigned char c) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    if (kUnreserved[c]) return out.put(static_cast<char>(c));
    const char escape[] = {'%', kDigits[c >> 4], kDigits[c & 15]};
    out.put(std::string_view(escape, 3));
}

// RFC 3986 §5.2.4, and no segment that is empty but the last.
void put_path(Text& out, std::string_view path) {
    const std::size_t begin = out.size();
    const bool slash_at_end = !path.empty() && path.back() == '/';
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (segment.empty() || segment == ".") continue;
        if (segment == "..") {
            // Slashes are there between segments only: escaped ones have no slash in them.
            const std::size_t last = out.text().substr(begin).rfind('/');
            out.cut(last == std::string_view::npos ? begin : begin + last);
            continue;
        }
        out.put('/');
        for (const char c : segment) put_escaped(out, static_cast<unsigned char>(c));
    }
    if (out.size() == begin || slash_at_end) out.put('/');
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Escapes undone and made again. False: one is broken.
bool put_again(Text& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned char c = static_cast<unsigned char>(text[i]);
        if (c == '%') {
            if (text.size() - i < 3) return false;
            const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return false;
            c = static_cast<unsigned char>(high << 4 | low);
            i += 2;
        }
        put_escaped(out, c);
    }
    return true;
}

struct Parameter {
    std::string_view name, value;
    bool operator<(const Parameter& other) const {
        return name != other.name ? name < other.name : value < other.value;
    }
};

bool put_query(Text& out, std::string_view query, std::span<char> room) {
    if (query.empty()) return true;
    std::array<Parameter, kParametersMax> parameters;
    std::size_t count = 0;
    Text escaped(room);
    for (bool more = true; more;) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        more = end != query.size();
        query.remove_prefix(more ? end + 1 : end);
        if (count == kParametersMax) return false;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const std::size_t name = escaped.size();
        if (!put_again(escaped, pair.substr(0, equals))) return false;
        const std::size_t value = escaped.size();
        if (!put_again(escaped, pair.substr(std::min(equals + 1, pair.size())))) return false;
        if (!escaped.good()) return false;
        parameters[count++] = {escaped.text().substr(name, value - name),
                               escaped.text().substr(value)};
    }
    std::sort(parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
        if (i != 0) out.put('&');
        out.put(parameters[i].name);
        out.put('=');
        out.put(parameters[i].value);
    }
    return true;
}

void put_value(Text& out, std::string_view value) {
    const auto white = [](char c) { return c == ' ' || c == '\t'; };
    if (value.find("  ") == std::string_view::npos && value.find('\t') == std::string_view::npos)
        return out.put(value);
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (!white(value[i]))
            out.put(value[i]);
        else if (!white(value[i + 1]))  // it does not end in white space
            out.put(' ');
    }
}

bool put_headers(Text& out, const Request& request, std::string_view names, SignedFields& fields) {
    std::string_view name;
    while (next_name(names, name)) {
        bool found = false;
        for (std::size_t i = 0; i < request.fields.size(); ++i) {
            if (!is_named(request.fields[i], name)) continue;
            if (found) {
                out.put(',');
            } else {
                out.put(name);
                out.put(':');
            }
            found = true;
            put_value(out, request.fields[i].value);
            fields.bits[i / 64] |= std::uint64_t{1} << i % 64;
        }
        if (!found) return false;
        out.put('\n');
    }
    return true;
}

}  // namespace

bool is_named(const Field& field, std::string_view lower) {
    if (field.name.size() != lower.size()) return false;
    for (std::size_t i = 0; i < lower.size(); ++i) {
        const char c = field.name[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower[i]) return false;
    }
    return true;
}

std::string_view canonical_request(const Request& request, std::string_view signed_headers,
                                   CanonicalBuffer& buffer, SignedFields& fields) {
    if (request.fields.size() > kFieldsMax || request.path.substr(0, 1) != "/") return {};
    Text out(buffer.text);
    out.put(request.method);
    out.put('\n');
    put_path(out, request.path);
    out.put('\n');
    if (!put_query(out, request.query, buffer.query)) return {};
    out.put('\n');
    if (!put_headers(out, request, signed_headers, fields)) return {};
    out.put('\n');
    out.put(signed_headers);
    out.put('\n');
    return out.good() ? out.text() : std::string_view{};
}

}  // namespace skerry::auth
