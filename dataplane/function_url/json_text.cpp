#include "dataplane/function_url/json_text.hpp"

#include <cstring>

namespace skerry::function_url {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void escape_ascii(JsonWriter& out, unsigned char c) {
    static constexpr char kDigits[] = "0123456789abcdef";
    switch (c) {
        case '"':
            out << "\\\"";
            return;
        case '\\':
            out << "\\\\";
            return;
        case '\n':
            out << "\\n";
            return;
        case '\r':
            out << "\\r";
            return;
        case '\t':
            out << "\\t";
            return;
        default:
            break;
    }
    const char text[] = {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
    out << std::string_view(text, sizeof text);
}

// Bytes of a character that begins with `lead`; 0: none does.
std::uint32_t bytes_of(std::uint8_t lead) {
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    if (lead >= 0xf0 && lead <= 0xf4) return 4;
    return 0;
}

// Unicode, table 3-7: overlong forms, surrogates and what is beyond U+10FFFF are no characters.
bool may_follow(const Utf8State& state, std::uint8_t c) {
    if (state.count == 1) switch (state.begun[0]) {
            case 0xe0:
                return c >= 0xa0 && c <= 0xbf;
            case 0xed:
                return c >= 0x80 && c <= 0x9f;
            case 0xf0:
                return c >= 0x90 && c <= 0xbf;
            case 0xf4:
                return c >= 0x80 && c <= 0x8f;
            default:
                break;
        }
    return c >= 0x80 && c <= 0xbf;
}

}  // namespace

JsonWriter& JsonWriter::operator<<(std::string_view text) {
    if (text.size() > bytes_.size() - size_) {
        if (size_ != 0) good_ = good_ && sink_.put({bytes_.data(), size_});
        size_ = 0;
        if (text.size() > bytes_.size()) {
            good_ = good_ && sink_.put(text);
            return *this;
        }
    }
    std::memcpy(&bytes_[size_], text.data(), text.size());
    size_ += text.size();
    return *this;
}

JsonWriter& JsonWriter::operator<<(std::uint64_t number) {
    std::array<char, 20> digits;
    std::size_t at = digits.size();
    do {
        digits[--at] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return *this << std::string_view(&digits[at], digits.size() - at);
}

JsonWriter& JsonWriter::string(std::string_view text) {
    Utf8State state;
    *this << '"';
    escape(*this, state, text);
    escape_end(*this, state);
    return *this << '"';
}

bool JsonWriter::flush() {
    if (size_ != 0) good_ = good_ && sink_.put({bytes_.data(), size_});
    size_ = 0;
    return good_;
}

void escape(JsonWriter& out, Utf8State& state, std::string_view piece) {
    for (std::size_t i = 0; i < piece.size();) {
        const auto c = static_cast<std::uint8_t>(piece[i]);
        if (state.count != 0) {
            if (!may_follow(state, c)) {
                escape_end(out, state);
                continue;  // it may begin another
            }
            if (state.count + 1u == bytes_of(state.begun[0])) {
                out << std::string_view(reinterpret_cast<const char*>(state.begun.data()),
                                        state.count)
                    << piece[i];
                state.count = 0;
            } else {
                state.begun[state.count++] = c;
            }
            ++i;
            continue;
        }
        std::size_t end = i;
        while (end < piece.size() && is_plain(static_cast<unsigned char>(piece[end]))) ++end;
        if (end != i) {
            out << piece.substr(i, end - i);
            i = end;
            continue;
        }
        if (c < 0x80)
            escape_ascii(out, c);
        else if (bytes_of(c) == 0)
            out << kReplacement;
        else
            state.begun[state.count++] = c;
        ++i;
    }
}

void escape_end(JsonWriter& out, Utf8State& state) {
    if (state.count != 0) out << kReplacement;
    state.count = 0;
}

}  // namespace skerry::function_url
