// Reading one HTTP/1.1 request of a runtime, byte by byte as they come. Sources: RFC 9110, RFC
// 9112, and AWS's description of the Lambda Runtime API (version 2018-06-01).
//
// The bytes are hostile. Nothing is allocated; what is kept of a head is bounded (Text), a header
// line that is longer than kLineBytes is read past (runtimes send X-Ray causes of up to a
// megabyte), a whole head longer than kHeadBytesMax (or that much of chunk sizes and trailers
// behind the last byte of the body) is a failure. A body goes to where begin_body()
// says, what does not fit is read past and counted.
//
// One thread at a time; no system calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace skerry::runtime_api {

inline constexpr std::size_t kLineBytes = 1024;
inline constexpr std::size_t kHeadBytesMax = 2u << 20;
// Bodies beyond any limit are still read past, so that the runtime hears why; up to here.
inline constexpr std::uint64_t kBodyBytesMax = 64u << 20;

enum class Call : std::uint8_t {
    next,
    response,
    error,
    init_error,
    restore_next,
    restore_error,
    ping,
    extension_register,
    extension_next,
    extension_error,
    logs,
    telemetry,
    assignment,    // ours: one that stands by asks which function it is for
    wrong_method,  // a path that exists
    unknown,
};

// A text of bounded length; what is longer is not kept at all.
template <std::size_t kBytes>
struct Text {
    std::array<char, kBytes> bytes;
    std::uint16_t size = 0;
    std::string_view view() const { return {bytes.data(), size}; }
    bool set(std::string_view text) {
        if (text.size() > kBytes) return false;
        if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
        size = static_cast<std::uint16_t>(text.size());
        return true;
    }
};

struct RequestHead {
    Call call = Call::unknown;
    bool is_1_0 = false;
    bool keep_alive = true;
    bool expects_continue = false;
    bool chunked = false;
    bool has_length = false;
    bool bad_response_mode = false;  // neither absent nor "streaming"
    bool failed_in_stream = false;   // an error came in the trailers
    std::uint64_t content_length = 0;
    Text<64> request_id;          // from the path
    Text<40> invocation_id;       // Lambda-Runtime-Invocation-Id
    Text<128> error_type;         // Lambda-Runtime-Function-Error-Type
    Text<kLineBytes> error_body;  // of the trailers: base64
};

class RequestReader {
  public:
    enum class State : std::uint8_t {
        head,
        body_wanted,  // the head is complete: begin_body() is to be called
        body,
        complete,
        failed,  // see failure_status(); the connection can't be used any more
    };

    // Consumes what it can; stops at body_wanted, complete and failed.
    std::size_t feed(const std::byte* data, std::size_t bytes);
    void begin_body(std::byte* area, std::size_t capacity);

    // Where the next bytes of a body of known length may be received in place; 0: nowhere.
    std::size_t direct_space(std::byte*& at) const;
    void direct_received(std::size_t bytes);

    State state() const { return state_; }
    const RequestHead& head() const { return head_; }
    std::uint64_t body_bytes() const { return body_bytes_; }  // also those that did not fit
    bool body_fits() const { return body_bytes_ <= capacity_; }
    bool untouched() const { return state_ == State::head && head_bytes_ == 0; }
    int failure_status() const { return failure_status_; }
    // For the next request of the connection.
    void reset() { *this = RequestReader(); }

  private:
    enum class Part : std::uint8_t { start_line, headers, chunk_size, chunk, chunk_end, trailers };

    std::size_t feed_line(const std::byte* data, std::size_t bytes);
    std::size_t feed_body(const std::byte* data, std::size_t bytes);
    void end_line();
    void start_line(std::string_view line);
    void header(std::string_view line);
    void apply(std::string_view name, std::string_view value);
    void end_headers();
    void chunk_size(std::string_view line);
    void store(const std::byte* data, std::size_t bytes);
    void fail(int status) {
        state_ = State::failed;
        failure_status_ = status;
    }

    State state_ = State::head;
    Part part_ = Part::start_line;
    bool line_cut_ = false;  // longer than what is kept
    char last_ = 0;          // byte of the line
    std::uint8_t empty_lines_ = 0;
    std::uint16_t line_bytes_ = 0;
    int failure_status_ = 0;
    std::size_t head_bytes_ = 0;
    std::uint64_t left_ = 0;  // of the body, or of the chunk
    std::byte* area_ = nullptr;
    std::size_t capacity_ = 0;
    std::uint64_t body_bytes_ = 0;
    RequestHead head_;
    std::array<char, kLineBytes> line_;
};

}  // namespace skerry::runtime_api
