#include "dataplane/function_url/event.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/classify/hash.hpp"

namespace skerry::function_url {
namespace {

bool equals_nocase(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto lower = [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        };
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

// Decoded bytes of a path's segment or a query, one after the other.
class Decoder {
  public:
    Decoder(std::string_view text, bool plus) : text_(text), plus_(plus) {}
    bool next(char& c) {
        if (at_ == text_.size()) return false;
        c = text_[at_++];
        if (c == '+' && plus_) c = ' ';
        if (c != '%' || at_ + 1 >= text_.size()) return true;
        const int high = classify::hex_digit(text_[at_]), low = classify::hex_digit(text_[at_ + 1]);
        if (high < 0 || low < 0) return true;
        c = static_cast<char>(high << 4 | low);
        at_ += 2;
        return true;
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
    bool plus_;
};

void put_decoded(JsonWriter& out, Utf8State& state, std::string_view text, bool plus) {
    Decoder decoder(text, plus);
    std::array<char, 64> bytes;
    std::size_t size = 0;
    while (decoder.next(bytes[size]))
        if (++size == bytes.size()) {
            escape(out, state, {bytes.data(), size});
            size = 0;
        }
    escape(out, state, {bytes.data(), size});
}

void decoded_string(JsonWriter& out, std::string_view text, bool plus) {
    Utf8State state;
    out << '"';
    put_decoded(out, state, text, plus);
    escape_end(out, state);
    out << '"';
}

bool same_decoded(std::string_view a, std::string_view b) {
    Decoder one(a, true), other(b, true);
    char x = 0, y = 0;
    while (true) {
        const bool more = one.next(x);
        if (other.next(y) != more) return false;
        if (!more) return true;
        if (x != y) return false;
    }
}

std::uint64_t decoded_hash(std::string_view text) {
    Decoder decoder(text, true);
    std::uint64_t hash = 0xcbf29ce484222325ull;
    for (char c = 0; decoder.next(c);)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return hash;
}

struct Pair {
    std::string_view name, value;
    std::uint64_t hash;
};

bool next_pair(std::string_view& query, std::string_view& name, std::string_view& value) {
    while (!query.empty()) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        name = pair.substr(0, equals);
        value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        return true;
    }
    return false;
}

// Of equal names one member, its values with commas between them.
void put_query(JsonWriter& out, std::string_view query) {
    std::array<Pair, kQueryPairsMax> pairs;
    std::uint32_t count = 0;
    std::string_view name, value;
    while (count < pairs.size() && next_pair(query, name, value))
        pairs[count++] = {name, value, decoded_hash(name)};
    if (count == 0) return;
    out << R"("queryStringParameters":{)";
    bool first = true;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto same = [&](const Pair& other) {
            return other.hash == pairs[i].hash && same_decoded(other.name, pairs[i].name);
        };
        if (std::any_of(pairs.begin(), pairs.begin() + i, same)) continue;
        if (!first) out << ',';
        first = false;
        decoded_string(out, pairs[i].name, true);
        out << R"(:")";
        Utf8State state;
        put_decoded(out, state, pairs[i].value, true);
        for (std::uint32_t j = i + 1; j < count; ++j) {
            if (!same(pairs[j])) continue;
            escape(out, state, ",");
            put_decoded(out, state, pairs[j].value, true);
        }
        escape_end(out, state);
        out << '"';
    }
    out << "},";
}

bool is_cookie(const Field& field) {
    return equals_nocase(field.name, "cookie");
}

void put_lower(JsonWriter& out, std::string_view name) {
    std::array<char, 64> lower;
    out << '"';
    for (std::size_t at = 0; at < name.size();) {
        const std::size_t bytes = std::min(name.size() - at, lower.size());
        for (std::size_t i = 0; i < bytes; ++i) {
            const char c = name[at + i];
            lower[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        }
        // A token has nothing that needs an escape.
        out << std::string_view(lower.data(), bytes);
        at += bytes;
    }
    out << '"';
}

void put_fields(JsonWriter& out, std::span<const Field> fields) {
    out << R"("headers":{)";
    bool first = true;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto same = [&](const Field& other) {
            return equals_nocase(other.name, fields[i].name);
        };
        if (is_cookie(fields[i]) || std::any_of(fields.begin(), fields.begin() + i, same)) continue;
        if (!first) out << ',';
        first = false;
        put_lower(out, fields[i].name);
        out << R"(:")";
        Utf8State state;
        escape(out, state, fields[i].value);
        for (std::size_t j = i + 1; j < fields.size(); ++j) {
            if (!same(fields[j])) continue;
            escape(out, state, ",");
            escape(out, state, fields[j].value);
        }
        escape_end(out, state);
        out << '"';
    }
    out << "},";
}

void put_cookies(JsonWriter& out, std::span<const Field> fields) {
    bool first = true;
    for (const Field& field : fields) {
        if (!is_cookie(field)) continue;
        std::string_view rest = field.value;
        while (!rest.empty()) {
            const std::size_t end = rest.find(';');
            std::string_view cookie = rest.substr(0, end);
            rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
            while (!cookie.empty() && cookie.front() == ' ') cookie.remove_prefix(1);
            if (cookie.empty()) continue;
            out << (first ? R"("cookies":[)" : ",");
            first = false;
            out.string(cookie);
        }
    }
    if (!first) out << "],";
}

void put_params(JsonWriter& out, std::span<const classify::Param> params) {
    if (params.empty()) return;
    out << R"("pathParameters":{)";
    for (std::size_t i = 0; i < params.size(); ++i) {
        if (i != 0) out << ',';
        out.string(params[i].name) << ':';
        decoded_string(out, params[i].value, false);
    }
    out << "},";
}

// "Sun, 06 Nov 1994 08:49:37 GMT" as "06/Nov/1994:08:49:37 +0000".
void put_time(JsonWriter& out, std::string_view date) {
    if (date.size() != 29) return;
    out << R"("time":")" << date.substr(5, 2) << '/' << date.substr(8, 3) << '/'
        << date.substr(12, 4) << ':' << date.substr(17, 8) << R"( +0000",)";
}

void put_uuid(JsonWriter& out, std::uint64_t high, std::uint64_t low) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::array<char, 36> text;
    std::size_t at = 0;
    for (int i = 0; i < 32; ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) text[at++] = '-';
        const std::uint64_t half = i < 16 ? high : low;
        text[at++] = kDigits[half >> (60 - 4 * (i % 16)) & 15];
    }
    out << std::string_view(text.data(), text.size());
}

void put_context(JsonWriter& out, const Event& event) {
    out << R"("requestContext":{"accountId":"anonymous","apiId":"skerry",)";
    if (!event.access_key.empty())
        out << R"("authorizer":{"iam":{"accessKey":")" << event.access_key << R"("}},)";
    out << R"("domainName":)";
    out.string(event.host) << R"(,"domainPrefix":)";
    out.string(event.host.substr(0, event.host.find('.')));
    out << R"(,"http":{"method":")" << event.method << R"(","path":)";
    out.string(event.path) << R"(,"protocol":")" << event.protocol << R"(","sourceIp":")"
                           << event.source_ip << R"(","userAgent":)";
    const auto agent =
        std::find_if(event.fields.begin(), event.fields.end(),
                     [](const Field& each) { return equals_nocase(each.name, "user-agent"); });
    out.string(agent == event.fields.end() ? std::string_view{} : agent->value);
    out << R"(},"requestId":")";
    put_uuid(out, event.request_id_hi, event.request_id_lo);
    out << R"(","routeKey":"$default","stage":"$default",)";
    put_time(out, event.date);
    out << R"("timeEpoch":)" << event.unix_s * 1000 << "},";
}

std::string_view base64_group(std::span<const std::uint8_t> bytes, std::array<char, 4>& text) {
    static constexpr char kDigits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < bytes.size() ? bytes[i] : 0u);
    for (std::size_t i = 0; i < 4; ++i)
        text[i] = i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    return {text.data(), text.size()};
}

}  // namespace

bool fits(std::string_view query) {
    std::string_view name, value;
    for (std::uint32_t count = 0; next_pair(query, name, value);)
        if (++count > kQueryPairsMax) return false;
    return true;
}

bool is_text(std::string_view content_type) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    if (equals_nocase(type.substr(0, 5), "text/")) return true;
    const auto ends_with = [&](std::string_view end) {
        return type.size() > end.size() &&
               equals_nocase(type.substr(type.size() - end.size()), end);
    };
    for (const std::string_view each :
         {"application/json", "application/javascript", "application/xml"})
        if (equals_nocase(type, each)) return true;
    return ends_with("+json") || ends_with("+xml");
}

bool write_event(const Event& event, Sink& sink, BodyWriter& body) {
    JsonWriter out(sink);
    out << R"({"version":"2.0","routeKey":"$default","rawPath":)";
    out.string(event.path) << R"(,"rawQueryString":)";
    out.string(event.query) << ',';
    put_cookies(out, event.fields);
    put_fields(out, event.fields);
    put_query(out, event.query);
    put_params(out, event.params);
    put_context(out, event);
    const auto type = std::find_if(event.fields.begin(), event.fields.end(), [](const Field& each) {
        return equals_nocase(each.name, "content-type");
    });
    const bool base64 = event.has_body && (type == event.fields.end() || !is_text(type->value));
    body = BodyWriter(event.has_body, base64);
    // Before the body: it is known, and what comes behind a body is short.
    out << R"("isBase64Encoded":)" << (base64 ? "true" : "false");
    if (event.has_body) out << R"(,"body":")";
    return out.flush();
}

bool BodyWriter::put(Sink& sink, std::string_view piece) {
    JsonWriter out(sink);
    if (!is_base64_) {
        escape(out, utf8_, piece);
        return out.flush();
    }
    std::array<char, 4> text;
    std::array<std::uint8_t, 3> group;
    for (std::size_t at = 0; at < piece.size();) {
        const std::size_t needed = 3u - count_;
        if (piece.size() - at < needed) {
            while (at < piece.size()) begun_[count_++] = static_cast<std::uint8_t>(piece[at++]);
            break;
        }
        std::memcpy(group.data(), begun_.data(), count_);
        std::memcpy(&group[count_], &piece[at], needed);
        out << base64_group(group, text);
        at += needed;
        count_ = 0;
    }
    return out.flush();
}

bool BodyWriter::finish(Sink& sink) {
    JsonWriter out(sink);
    if (has_body_ && !is_base64_) escape_end(out, utf8_);
    std::array<char, 4> text;
    if (count_ != 0) out << base64_group({begun_.data(), count_}, text);
    count_ = 0;
    out << (has_body_ ? "\"}" : "}");
    return out.flush();
}

}  // namespace skerry::function_url
