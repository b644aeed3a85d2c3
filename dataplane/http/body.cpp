#include "dataplane/http/body.hpp"

#include <algorithm>

#include "dataplane/http/byte_class.hpp"

namespace skerry::http {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// qdtext and the second half of a quoted-pair (RFC 9110 §5.6.4), told apart by what may end it.
bool is_quotable(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

// A size of more digits than this is a body that nobody takes.
constexpr std::uint8_t kSizeDigitsMax = 15;

}  // namespace

Refusal BodyReader::begin(const Head& head, const Limits& limits) {
    *this = BodyReader();
    chunked_ = head.chunked;
    if (head.chunked) {
        state_ = State::size_first;
    } else if (head.content_length != 0) {
        state_ = State::length;
        left_ = head.content_length;
    }
    return head.content_length > limits.body_bytes ? Refusal::body_too_large : Refusal::none;
}

BodyReader::Piece BodyReader::next(std::string_view bytes, std::size_t room, const Limits& limits) {
    std::size_t at = 0;
    while (at < bytes.size() && !complete() && refusal_ == Refusal::none) {
        if (state_ != State::length && state_ != State::data) {
            framing(bytes[at++], limits);
            continue;
        }
        const std::size_t content = std::min<std::uint64_t>({left_, bytes.size() - at, room});
        const std::string_view piece = bytes.substr(at, content);
        left_ -= content;
        content_bytes_ += content;
        if (left_ == 0) state_ = state_ == State::data ? State::data_cr : State::complete;
        return {at + content, piece};
    }
    return {at, {}};
}

void BodyReader::framing(char c, const Limits& limits) {
    switch (state_) {
        case State::size_first:
        case State::size:
            size_digit(c, limits);
            break;
        case State::size_lf:
            if (c != '\n') return refuse(Refusal::bad_chunk);
            end_size_line();
            break;
        case State::data_cr:
            if (c != '\r') return refuse(Refusal::bad_chunk);
            state_ = State::data_lf;
            break;
        case State::data_lf:
            if (c != '\n') return refuse(Refusal::bad_chunk);
            state_ = State::size_first;
            break;
        case State::trailer_start:
        case State::trailer_name:
        case State::trailer_value:
        case State::trailer_lf:
        case State::end_lf:
            if (++trailer_bytes_ > limits.trailer_bytes) return refuse(Refusal::trailer_too_long);
            trailer(c);
            break;
        default:
            if (++extension_bytes_ > limits.extension_bytes)
                return refuse(Refusal::extension_too_long);
            extension(c);
    }
    if (state_ > State::size_first && state_ <= State::size_lf &&
        ++line_bytes_ > limits.chunk_line_bytes)
        refuse(Refusal::extension_too_long);
}

void BodyReader::size_digit(char c, const Limits& limits) {
    if (state_ == State::size_first) {
        left_ = 0;
        digits_ = 0;
        line_bytes_ = 0;
    }
    if (const int digit = hex_value(c); digit >= 0) {
        if (++digits_ > kSizeDigitsMax) return refuse(Refusal::bad_chunk);
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
        state_ = State::size;
        if (content_bytes_ + left_ > limits.body_bytes) refuse(Refusal::body_too_large);
    } else if (state_ == State::size && c == '\r') {
        state_ = State::size_lf;
    } else if (state_ == State::size && c == ';') {
        state_ = State::extension_name_first;
    } else {
        refuse(Refusal::bad_chunk);
    }
}

// chunk-ext = *( ";" chunk-ext-name [ "=" chunk-ext-val ] ), without the white space that RFC 9112
// §7.1.1 calls bad.
void BodyReader::extension(char c) {
    const auto ends = [&] {
        if (c == ';') state_ = State::extension_name_first;
        if (c == '\r') state_ = State::size_lf;
        return c == ';' || c == '\r';
    };
    const bool token = kToken.has(static_cast<unsigned char>(c));
    bool good = false;
    switch (state_) {
        case State::extension_name_first:
            good = token;
            state_ = State::extension_name;
            break;
        case State::extension_name:
            good = token || c == '=' || ends();
            if (c == '=') state_ = State::extension_value_first;
            break;
        case State::extension_value_first:
            good = token || c == '"';
            state_ = c == '"' ? State::quoted : State::extension_value;
            break;
        case State::extension_value:
            good = token || ends();
            break;
        case State::quoted:
            good = is_quotable(c);
            if (c == '"') state_ = State::quoted_end;
            if (c == '\\') state_ = State::quoted_pair;
            break;
        case State::quoted_pair:
            good = is_quotable(c);
            state_ = State::quoted;
            break;
        case State::quoted_end:
            good = ends();
            break;
        default:
            break;
    }
    if (!good) refuse(Refusal::bad_extension);
}

void BodyReader::end_size_line() {
    state_ = left_ == 0 ? State::trailer_start : State::data;
}

// Fields, as strict as those of a head.
void BodyReader::trailer(char c) {
    const bool token = kToken.has(static_cast<unsigned char>(c));
    bool good = true;
    switch (state_) {
        case State::trailer_start:
            good = token || c == '\r';
            state_ = c == '\r' ? State::end_lf : State::trailer_name;
            break;
        case State::trailer_name:
            good = token || c == ':';
            if (c == ':') state_ = State::trailer_value;
            break;
        case State::trailer_value:
            good = c == '\r' || is_quotable(c);
            if (c == '\r') state_ = State::trailer_lf;
            break;
        case State::trailer_lf:
            good = c == '\n';
            state_ = State::trailer_start;
            break;
        default:
            good = c == '\n';
            if (good) state_ = State::complete;
    }
    if (!good) refuse(Refusal::bad_trailer);
}

}  // namespace skerry::http
