#include "dataplane/function_url/answer.hpp"

#include <array>
#include <cstring>

#include "dataplane/classify/normal.hpp"
#include "dataplane/function_url/base64.hpp"
#include "dataplane/function_url/json_scan.hpp"

namespace skerry::function_url {
namespace {

std::string_view text_of(std::span<char> bytes) {
    return {bytes.data(), bytes.size()};
}

std::uint32_t hex4(const char* at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value = value << 4 | static_cast<std::uint32_t>(classify::hex_digit(at[i]));
    return value;
}

char* put_utf8(char* to, std::uint32_t c) {
    const auto put = [&to](std::uint32_t byte) { *to++ = static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | c >> 6);
        put(0x80 | (c & 63));
    } else if (c < 0x10000) {
        put(0xe0 | c >> 12);
        put(0x80 | (c >> 6 & 63));
        put(0x80 | (c & 63));
    } else {
        put(0xf0 | c >> 18);
        put(0x80 | (c >> 12 & 63));
        put(0x80 | (c >> 6 & 63));
        put(0x80 | (c & 63));
    }
    return to;
}

// The inside of a valid JSON string; `to` may be where it lies: no escape is shorter than what it
// stands for. Half a surrogate pair becomes U+FFFD.
std::size_t unescape(std::string_view inside, char* to) {
    char* const begin = to;
    for (std::size_t i = 0; i < inside.size(); ++i) {
        if (inside[i] != '\\') {
            *to++ = inside[i];
            continue;
        }
        static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
        const char escaped = inside[++i];
        if (escaped != 'u') {
            *to++ = kTo[kFrom.find(escaped)];
            continue;
        }
        std::uint32_t c = hex4(&inside[i + 1]);
        i += 4;
        if (c >= 0xd800 && c <= 0xdbff && inside.substr(i + 1, 2) == "\\u") {
            const std::uint32_t low = hex4(&inside[i + 3]);
            if (low >= 0xdc00 && low <= 0xdfff) {
                c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
                i += 6;
            }
        }
        to = put_utf8(to, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
    }
    return static_cast<std::size_t>(to - begin);
}

bool equals_lower(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]) != lower[i]) return false;
    return true;
}

bool is_token(std::string_view text) {
    for (const char c : text) {
        const bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!letter && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
            return false;
    }
    return !text.empty();
}

// What the server says itself: where the answer ends, and what becomes of the connection.
bool is_servers(std::string_view name) {
    for (const std::string_view each :
         {"content-length", "transfer-encoding", "connection", "date", "keep-alive", "te",
          "trailer", "upgrade", "proxy-connection"})
        if (equals_lower(name, each)) return true;
    return false;
}

// Field lines in a buffer of fixed size.
class Fields {
  public:
    explicit Fields(std::span<char, kAnswerFieldsBytesMax> buffer) : buffer_(buffer) {}

    // `value`: JSON's: a string's inside, or a number or word.
    bool add(std::string_view name, std::string_view value) {
        if (buffer_.size() - size_ < name.size() + value.size() + 4) return false;
        put(name);
        put(": ");
        const std::size_t bytes = unescape(value, &buffer_[size_]);
        for (std::size_t i = 0; i < bytes; ++i) {
            const auto c = static_cast<unsigned char>(buffer_[size_ + i]);
            if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
        }
        size_ += bytes;
        put("\r\n");
        return true;
    }
    std::string_view text() const { return {buffer_.data(), size_}; }

  private:
    void put(std::string_view text) {
        std::memcpy(&buffer_[size_], text.data(), text.size());
        size_ += text.size();
    }
    std::span<char, kAnswerFieldsBytesMax> buffer_;
    std::size_t size_ = 0;
};

// The members that mean something; the last one of a name counts.
struct Members {
    std::string_view status, headers, cookies, body, base64;
};

bool take_members(std::string_view payload, Members& members) {
    JsonScan scan(payload);
    if (!scan.take('{')) return false;
    if (scan.take('}')) return scan.at_end();
    do {
        std::string_view name, value;
        if (!scan.string(name) || !scan.take(':') || !scan.value(value, 1)) return false;
        if (name == "statusCode") members.status = value;
        if (name == "headers") members.headers = value;
        if (name == "cookies") members.cookies = value;
        if (name == "body") members.body = value;
        if (name == "isBase64Encoded") members.base64 = value;
    } while (scan.take(','));
    return scan.take('}') && scan.at_end();
}

bool is_given(std::string_view value) {
    return !value.empty() && value != "null";
}

// A string's inside; a number or a word itself. False: it is neither.
bool scalar(std::string_view value, std::string_view& text) {
    if (value[0] == '{' || value[0] == '[') return false;
    text = value[0] == '"' ? value.substr(1, value.size() - 2) : value;
    return true;
}

bool take_status(std::string_view value, std::uint16_t& status) {
    std::string_view digits;
    if (!scalar(value, digits) || digits.size() != 3) return false;
    status = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return false;
        status = static_cast<std::uint16_t>(status * 10 + (c - '0'));
    }
    return status >= 200 && status <= 599;
}

bool take_headers(std::string_view value, Fields& fields, bool& has_type) {
    if (!is_given(value)) return true;
    JsonScan scan(value);
    if (!scan.take('{')) return false;
    if (scan.take('}')) return true;
    do {
        std::string_view name, member, text;
        if (!scan.string(name) || !scan.take(':') || !scan.value(member, 1)) return false;
        if (!is_token(name)) return false;
        if (member == "null" || is_servers(name)) continue;
        has_type |= equals_lower(name, "content-type");
        if (!scalar(member, text) || !fields.add(name, text)) return false;
    } while (scan.take(','));
    return true;
}

bool take_cookies(std::string_view value, Fields& fields) {
    if (!is_given(value)) return true;
    JsonScan scan(value);
    if (!scan.take('[')) return false;
    if (scan.take(']')) return true;
    do {
        std::string_view cookie;
        if (!scan.string(cookie) || !fields.add("Set-Cookie", cookie)) return false;
    } while (scan.take(','));
    return true;
}

bool take_body(std::span<char> payload, const Members& members, std::span<char>& body) {
    body = {};
    if (is_given(members.body)) {
        const auto at = static_cast<std::size_t>(members.body.data() - payload.data());
        body = payload.subspan(at, members.body.size());
        if (members.body[0] == '"') {
            body = body.subspan(1, body.size() - 2);
            body = body.first(unescape(text_of(body), body.data()));
        }
    }
    if (!is_given(members.base64) || members.base64 == "false") return true;
    return members.base64 == "true" && decode_base64(body);
}

bool is_json(std::string_view text) {
    JsonScan scan(text);
    std::string_view value;
    return scan.value(value) && scan.at_end();
}

}  // namespace

bool read_answer(std::span<char> payload, std::span<char, kAnswerFieldsBytesMax> buffer,
                 FunctionAnswer& answer) {
    Fields fields(buffer);
    const std::string_view text = text_of(payload);
    const bool object = JsonScan(text).take('{');
    Members members;
    if (object && !take_members(text, members)) return false;
    if (!is_given(members.status)) {
        answer.body = payload;
        fields.add("Content-Type",
                   object || is_json(text) ? "application/json" : "text/plain; charset=utf-8");
        answer.fields = fields.text();
        return true;
    }
    bool has_type = false;
    if (!take_status(members.status, answer.status) ||
        !take_headers(members.headers, fields, has_type) || !take_cookies(members.cookies, fields))
        return false;
    if (!has_type && is_given(members.body) && !fields.add("Content-Type", "application/json"))
        return false;
    answer.fields = fields.text();
    // Last: from here on the payload is no JSON any more.
    return take_body(payload, members, answer.body);
}

}  // namespace skerry::function_url
