// Reads HTTP/1.1 answers (RFC 9112 §6, §7) off a stream that comes in pieces: where one ends, its
// status, whether the connection may be used again. Bodies are counted, not kept; and compared, if
// it is known what they have to be.
//
// Of a server that may be wrong or hostile: what is kept of an answer is bounded, and what can't be
// read in one way only is `broken`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skerry::load::http {

class AnswerReader {
  public:
    static constexpr std::size_t kMostHeadBytes = 16384;
    static constexpr std::size_t kMostLineBytes = 256;  // of a chunk's size
    static constexpr std::size_t kMostTrailerBytes = 8192;

    enum class State : std::uint8_t { head, body, done, broken };

    // What the bodies of all answers are to be; not copied. Empty: whatever they are.
    void expect(std::string_view body) { expected_ = body; }

    // The next answer begins. `to_head`: of a HEAD request, which has no body whatever it says.
    void begin(bool to_head = false);

    // Takes bytes and says how many: fewer than given only once the answer is done, or broken.
    // Interim answers (1xx) are read past.
    std::size_t take(std::span<const std::uint8_t> bytes);
    // No more will come: an answer without a length ends here, any other is broken if not done.
    void end_of_stream();

    State state() const { return state_; }
    std::uint16_t status() const { return status_; }  // once the head has been read
    bool keeps_open() const { return keeps_open_; }   // another request may follow
    // Not what expect() said, once it is done.
    bool unexpected() const {
        return differs_ || (!expected_.empty() && counted_ != expected_.size());
    }
    bool begun() const { return begun_; }                  // a byte of it has come
    std::uint64_t body_bytes() const { return counted_; }  // without chunks' framing

  private:
    enum class Body : std::uint8_t { length, to_close, chunk_size, chunk, chunk_end, trailer };

    std::size_t take_head(std::string_view text);
    void parse_head(std::string_view head);
    bool parse_status_line(std::string_view line);
    bool parse_field(std::string_view line);
    void begin_body();
    std::size_t take_body(std::string_view text);
    std::size_t take_counted(std::string_view text);
    void count(std::string_view body);
    void take_framing(char byte);
    void end_chunk_size();

    State state_ = State::head;
    Body body_ = Body::length;
    bool to_head_ = false;
    bool keeps_open_ = true;
    bool begun_ = false;
    bool chunked_ = false;
    bool has_length_ = false;
    bool cr_ = false;         // of a line of the framing
    bool extension_ = false;  // behind the size of a chunk
    std::uint16_t status_ = 0;
    std::uint16_t line_bytes_ = 0;
    std::uint16_t trailer_bytes_ = 0;
    std::uint8_t digits_ = 0;
    std::uint64_t left_ = 0;  // of the body, or of its chunk
    std::uint64_t counted_ = 0;
    std::string_view expected_;
    bool differs_ = false;
    std::string head_;  // what has come of it, if it comes in pieces
};

}  // namespace skerry::load::http
