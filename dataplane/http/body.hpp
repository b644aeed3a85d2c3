// Where a request's body ends, and what of the bytes that come is its content: nothing, a length,
// or chunks (RFC 9112 §6 and §7.1). Incremental: the outcome does not depend on how the bytes were
// cut. Content is not copied; extensions and trailers are checked, bounded and left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/http/head.hpp"

namespace skerry::http {

class BodyReader {
  public:
    struct Piece {
        std::size_t consumed = 0;  // of the bytes given; `content` is the last of these
        std::string_view content;
    };

    // Refusal::body_too_large if the head says so already.
    Refusal begin(const Head& head, const Limits& limits);

    // Takes bytes up to the end of the first run of content among them, or all, or as many as
    // there are until complete() or refusal() has something to say. Never more content than
    // `room`.
    Piece next(std::string_view bytes, std::size_t room, const Limits& limits);

    bool complete() const { return state_ == State::complete; }
    Refusal refusal() const { return refusal_; }
    std::uint64_t content_bytes() const { return content_bytes_; }  // so far
    // Of a body of known length: what is still to come.
    std::uint64_t length_left() const { return state_ == State::length ? left_ : 0; }
    bool chunked() const { return chunked_; }

  private:
    enum class State : std::uint8_t {
        length,
        // RFC 9112 §7.1: chunk-size [ chunk-ext ] CRLF chunk-data CRLF
        size_first,
        size,
        extension_name_first,  // after a semicolon
        extension_name,
        extension_value_first,  // after "="
        extension_value,
        quoted,
        quoted_pair,
        quoted_end,
        size_lf,
        data,
        data_cr,
        data_lf,
        // RFC 9112 §7.1.2
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        complete,
    };

    void framing(char c, const Limits& limits);
    void size_digit(char c, const Limits& limits);
    void extension(char c);
    void trailer(char c);
    void end_size_line();
    void refuse(Refusal why) { refusal_ = why; }

    State state_ = State::complete;
    Refusal refusal_ = Refusal::none;
    bool chunked_ = false;
    std::uint8_t digits_ = 0;
    std::uint16_t line_bytes_ = 0;       // of this chunk's size line
    std::uint16_t extension_bytes_ = 0;  // of all chunks
    std::uint32_t trailer_bytes_ = 0;
    std::uint64_t left_ = 0;  // of the body, or of the chunk
    std::uint64_t content_bytes_ = 0;
};
static_assert(sizeof(BodyReader) <= 32);

}  // namespace skerry::http
