#include "dataplane/http/head_scanner.hpp"

#include <algorithm>

#include "dataplane/http/byte_class.hpp"

namespace skerry::http {
namespace {

// Of a request line beside its target: method, two spaces, version, CR, LF.
constexpr std::uint32_t kLineExtraBytes = 32;

}  // namespace

// One byte that may change the state. False: refused.
bool HeadScanner::take(char c) {
    switch (state_) {
        case State::start:
        case State::second_start:
        case State::line_start:
            if (c == '\r' && state_ == State::second_start) {
                refuse(Refusal::bad_request_line);
            } else if (c == '\r') {
                state_ = state_ == State::start ? State::start_cr : State::end_cr;
            } else if (c == ' ' || c == '\t') {
                refuse(state_ == State::line_start ? Refusal::folded_field
                                                   : Refusal::bad_request_line);
            } else {
                state_ = State::line;
                return take(c);
            }
            break;
        case State::line:
            if (c == '\r') {
                state_ = State::line_cr;
            } else if (c == '\n') {
                refuse(Refusal::bare_line_feed);
            } else if (before_control_plain(&c, 1) == 0) {
                refuse(Refusal::control_character);
            }
            break;
        case State::start_cr:
        case State::line_cr:
        case State::end_cr:
            if (c != '\n') {
                refuse(Refusal::bare_carriage_return);
            } else if (state_ == State::start_cr) {
                state_ = State::second_start;
            } else if (state_ == State::line_cr) {
                state_ = State::line_start;
                first_line_ = false;
            } else {
                state_ = State::done;
            }
            break;
        case State::done:
            break;
    }
    return refusal_ == Refusal::none;
}

bool HeadScanner::over(const Limits& limits) {
    if (first_line_ && bytes_ >= limits.target_bytes + kLineExtraBytes)
        refuse(Refusal::target_too_long);
    else if (bytes_ >= limits.head_bytes)
        refuse(Refusal::head_too_long);
    return refusal_ != Refusal::none;
}

std::size_t HeadScanner::feed(const char* text, std::size_t bytes, const Limits& limits) {
    std::size_t at = 0;
    while (at < bytes && !done() && refusal_ == Refusal::none) {
        if (state_ == State::line) {
            // The common path: all up to the next control character, which should be a CR.
            const std::uint32_t limit =
                first_line_ ? std::min(limits.target_bytes + kLineExtraBytes, limits.head_bytes)
                            : limits.head_bytes;
            const std::size_t room = std::min<std::size_t>(bytes - at, limit - bytes_);
            const std::size_t plain = before_control(text + at, room);
            at += plain;
            bytes_ += static_cast<std::uint32_t>(plain);
            if (plain == room) {
                if (over(limits)) break;
                continue;
            }
        }
        const char c = text[at];
        if (!take(c)) break;
        ++at;
        ++bytes_;
        if (!done()) over(limits);
    }
    return at;
}

}  // namespace skerry::http
