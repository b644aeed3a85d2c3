#include "dataplane/function_url/json_check.hpp"

#include <cstring>

namespace skerry::function_url {
namespace {

constexpr const char* kWords[] = {"true", "false", "null"};

bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(unsigned char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_space(unsigned char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Some of the text of a string that needs no look: no quote, no backslash, ASCII, no control
// character. Eight bytes at a time; a borrow between bytes only ever makes it look too closely.
const char* skip_plain(const char* at, const char* end) {
    constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x8080808080808080;
    while (end - at >= 8) {
        std::uint64_t eight;
        std::memcpy(&eight, at, sizeof eight);
        const std::uint64_t quote = (eight ^ kOnes * '"') - kOnes;
        const std::uint64_t backslash = (eight ^ kOnes * '\\') - kOnes;
        const std::uint64_t control = eight - kOnes * 0x20;
        if (((eight | quote | backslash | control) & kHighs) != 0) break;
        at += 8;
    }
    return at;
}

}  // namespace

bool JsonCheck::take(std::string_view piece) {
    const char* at = piece.data();
    const char* const end = at + piece.size();
    while (at != end && state_ != State::wrong) {
        if (state_ == State::string) at = skip_plain(at, end);
        if (at != end) step(static_cast<unsigned char>(*at++));
    }
    return state_ != State::wrong;
}

bool JsonCheck::complete() const {
    switch (state_) {
        case State::after:
        case State::zero:
        case State::integer:
        case State::fraction:
        case State::exponent_digits:
            return depth_ == 0;
        default:
            return false;
    }
}

void JsonCheck::step(unsigned char c) {
    switch (state_) {
        case State::string:
            return in_string(c);
        case State::escape:
        case State::hex:
            return in_escape(c);
        case State::multibyte:
            return in_multibyte(c);
        case State::word:
            return in_word(c);
        case State::minus:
        case State::zero:
        case State::integer:
        case State::point:
        case State::fraction:
        case State::exponent:
        case State::exponent_sign:
        case State::exponent_digits:
            return in_number(c);
        default:
            return structure(c);
    }
}

void JsonCheck::structure(unsigned char c) {
    if (is_space(c)) return;
    switch (state_) {
        case State::value:
            return begin(c);
        case State::first_item:
            return c == ']' ? close(false) : begin(c);
        case State::first_name:
            if (c == '}') return close(true);
            [[fallthrough]];
        case State::name:
            if (c == '"') return begin_string(true);
            break;
        case State::colon:
            if (c != ':') break;
            state_ = State::value;
            return;
        case State::after:
            if (c == ']' || c == '}') return close(c == '}');
            if (c != ',' || depth_ == 0) break;
            state_ = in_object() ? State::name : State::value;
            return;
        default:
            break;
    }
    state_ = State::wrong;
}

void JsonCheck::begin(unsigned char c) {
    switch (c) {
        case '{':
            return open(true);
        case '[':
            return open(false);
        case '"':
            return begin_string(false);
        case 't':
            return begin_word(0);
        case 'f':
            return begin_word(1);
        case 'n':
            return begin_word(2);
        case '-':
            state_ = State::minus;
            return;
        case '0':
            state_ = State::zero;
            return;
        default:
            state_ = is_digit(c) ? State::integer : State::wrong;
    }
}

void JsonCheck::open(bool object) {
    if (depth_ == kDepthMax) {
        state_ = State::wrong;
        return;
    }
    const std::uint64_t bit = std::uint64_t{1} << depth_;
    objects_ = object ? objects_ | bit : objects_ & ~bit;
    ++depth_;
    state_ = object ? State::first_name : State::first_item;
}

void JsonCheck::close(bool object) {
    if (depth_ == 0 || in_object() != object) {
        state_ = State::wrong;
        return;
    }
    --depth_;
    state_ = State::after;
}

void JsonCheck::begin_word(std::uint8_t word) {
    state_ = State::word;
    word_ = word;
    at_ = 1;
}

void JsonCheck::in_word(unsigned char c) {
    const char* word = kWords[word_];
    if (c != static_cast<unsigned char>(word[at_])) {
        state_ = State::wrong;
    } else if (word[++at_] == '\0') {
        state_ = State::after;
    }
}

// RFC 8259 §6. A number has no end of its own: what follows it ends it.
void JsonCheck::in_number(unsigned char c) {
    const bool digit = is_digit(c);
    const bool whole = state_ == State::zero || state_ == State::integer;
    switch (state_) {
        case State::minus:
            state_ = c == '0' ? State::zero : digit ? State::integer : State::wrong;
            return;
        case State::point:
            state_ = digit ? State::fraction : State::wrong;
            return;
        case State::exponent:
            if (c == '+' || c == '-') {
                state_ = State::exponent_sign;
                return;
            }
            [[fallthrough]];
        case State::exponent_sign:
            state_ = digit ? State::exponent_digits : State::wrong;
            return;
        default:
            break;
    }
    if (digit && state_ != State::zero) return;
    if (whole && c == '.') {
        state_ = State::point;
    } else if ((whole || state_ == State::fraction) && (c == 'e' || c == 'E')) {
        state_ = State::exponent;
    } else {
        state_ = State::after;
        structure(c);
    }
}

void JsonCheck::begin_string(bool is_name) {
    is_name_ = is_name;
    state_ = State::string;
}

void JsonCheck::in_string(unsigned char c) {
    if (c == '"') {
        state_ = is_name_ ? State::colon : State::after;
    } else if (c == '\\') {
        state_ = State::escape;
    } else if (c < 0x20) {
        state_ = State::wrong;
    } else if (c >= 0x80) {
        // RFC 3629 §4: neither longer than needed, nor a surrogate, nor above U+10FFFF.
        if (c >= 0xc2 && c <= 0xdf) return expect(1, 0x80, 0xbf);
        if (c == 0xe0) return expect(2, 0xa0, 0xbf);
        if (c == 0xed) return expect(2, 0x80, 0x9f);
        if (c >= 0xe1 && c <= 0xef) return expect(2, 0x80, 0xbf);
        if (c == 0xf0) return expect(3, 0x90, 0xbf);
        if (c >= 0xf1 && c <= 0xf3) return expect(3, 0x80, 0xbf);
        if (c == 0xf4) return expect(3, 0x80, 0x8f);
        state_ = State::wrong;
    }
}

void JsonCheck::expect(std::uint8_t bytes, std::uint8_t least, std::uint8_t most) {
    state_ = State::multibyte;
    left_ = bytes;
    least_ = least;
    most_ = most;
}

void JsonCheck::in_multibyte(unsigned char c) {
    if (c < least_ || c > most_) {
        state_ = State::wrong;
    } else if (left_ == 1) {
        state_ = State::string;
    } else {
        expect(static_cast<std::uint8_t>(left_ - 1), 0x80, 0xbf);
    }
}

void JsonCheck::in_escape(unsigned char c) {
    if (state_ == State::hex) {
        if (!is_hex(c))
            state_ = State::wrong;
        else if (--left_ == 0)
            state_ = State::string;
    } else if (c == 'u') {
        state_ = State::hex;
        left_ = 4;
    } else {
        const bool known =
            std::string_view("\"\\/bfnrt").find(static_cast<char>(c)) != std::string_view::npos;
        state_ = known ? State::string : State::wrong;
    }
}

}  // namespace skerry::function_url
