// Where a request's head ends, in bytes that come in any pieces. What would make two servers
// disagree about lines is refused here, as soon as it is seen: bare CR, bare LF, folded lines, NUL
// and other control characters (RFC 9112 §2.2, §5.2; RFC 9110 §5.5).
//
// One head; no memory but these few bytes. The outcome does not depend on how the bytes were cut.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/http/limits.hpp"
#include "dataplane/http/refusal.hpp"

namespace skerry::http {

class HeadScanner {
  public:
    // The next bytes. How many of them belong to the head: all, unless done() or refusal() says
    // otherwise afterwards.
    std::size_t feed(const char* text, std::size_t bytes, const Limits& limits);

    bool done() const { return state_ == State::done; }
    Refusal refusal() const { return refusal_; }
    std::uint32_t bytes() const { return bytes_; }  // seen so far; of all the head once done()

  private:
    // RFC 9112 §2.2 lets one empty line come before the request line: some old clients end a body
    // with one.
    enum class State : std::uint8_t {
        start,
        start_cr,
        second_start,  // after that empty line
        line,
        line_cr,
        line_start,
        end_cr,
        done,
    };

    bool take(char c);
    void refuse(Refusal why) { refusal_ = why; }
    bool over(const Limits& limits);

    State state_ = State::start;
    Refusal refusal_ = Refusal::none;
    bool first_line_ = true;
    std::uint32_t bytes_ = 0;
};
static_assert(sizeof(HeadScanner) == 8);

}  // namespace skerry::http
