// The function SDK for C++17 and later, header-only, over skerry.h: link libskerry.a as well.
//
//     #include <skerry.hpp>
//
//     int main() {
//         return skerry::serve([](skerry::Invocation& call) {
//             return "hello, " + std::string(call.payload());
//         });
//     }
//
// The handler is called for one invocation after the other, always by the thread that called
// serve(). What it may return:
//     nothing               it answered itself (respond, fail), or the answer is empty
//     std::string, std::string_view, const char*, anything of bytes that converts to string_view
//     skerry::Reply        the same, or skerry::error("text"): the caller gets function_error
// What it throws becomes a function error with the exception's text; with -fno-exceptions it can't
// throw, and nothing here does. Every invocation is answered exactly once: one that was kept and
// forgotten, by its destructor, with an error.
//
// With a declared concurrency above one, use serve_many(): the handler takes the invocation, keeps
// it as long as it likes, and answers when it is ready, in any order.
#pragma once

#include <errno.h>
#include <time.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "skerry.h"

#if defined(__cpp_exceptions)
#define SKERRY_EXCEPTIONS 1
#include <exception>
#else
#define SKERRY_EXCEPTIONS 0
#endif

namespace skerry {

// Bytes that somebody else owns and may write.
struct Span {
    char* data = nullptr;
    std::size_t bytes = 0;
};

struct RequestId {
    std::uint64_t high = 0, low = 0;
};

// What a handler makes of an invocation.
struct Reply {
    skerry_status status = SKERRY_OK;
    std::string text;

    Reply() = default;
    Reply(std::string answer) : text(std::move(answer)) {}  // NOLINT: meant to convert
    Reply(std::string_view answer) : text(answer) {}        // NOLINT
    Reply(const char* answer) : text(answer) {}             // NOLINT
    Reply(skerry_status of, std::string what) : status(of), text(std::move(what)) {}
};

inline Reply error(std::string text) {
    return {SKERRY_FUNCTION_ERROR, std::move(text)};
}

// One invocation, answered exactly once. Movable; the thread that took it has to answer it.
class Invocation {
  public:
    Invocation() = default;
    explicit Invocation(const skerry_invocation& taken) : raw_(taken), outstanding_(true) {}
    ~Invocation() {
        if (outstanding_) (void)fail("the function did not answer");
    }
    Invocation(Invocation&& other) noexcept
        : raw_(other.raw_), outstanding_(std::exchange(other.outstanding_, false)) {}
    Invocation& operator=(Invocation&& other) noexcept {
        if (this == &other) return *this;
        if (outstanding_) (void)fail("the function did not answer");
        raw_ = other.raw_;
        outstanding_ = std::exchange(other.outstanding_, false);
        return *this;
    }
    Invocation(const Invocation&) = delete;
    Invocation& operator=(const Invocation&) = delete;

    // False: it was answered, or moved from. Then nothing else may be asked of it.
    bool outstanding() const { return outstanding_; }

    // Valid until it is answered.
    std::string_view payload() const {
        return {static_cast<const char*>(raw_.payload), raw_.payload_bytes};
    }
    // What the caller says about itself: JSON, if it meant it to be. Empty: nothing. Valid as the
    // payload is.
    std::string_view client_context() const {
        std::size_t bytes = 0;
        const void* text = skerry_client_context(&raw_, &bytes);
        return {static_cast<const char*>(text), bytes};
    }
    // To write an answer in place: then respond_in_place(). Its size is the largest answer.
    Span response() const { return {static_cast<char*>(raw_.response), raw_.response_capacity}; }

    RequestId request_id() const { return {raw_.request_id[0], raw_.request_id[1]}; }
    RequestId trace_id() const { return {raw_.trace_id[0], raw_.trace_id[1]}; }
    // 32 hex digits, as in a log or a W3C traceparent.
    static std::string hex(RequestId id) {
        char text[33];
        (void)std::snprintf(text, sizeof text, "%016llx%016llx",
                            static_cast<unsigned long long>(id.high),
                            static_cast<unsigned long long>(id.low));
        return text;
    }

    // CLOCK_MONOTONIC. After it nobody waits for the answer.
    std::uint64_t deadline_ns() const { return raw_.deadline_ns; }
    std::uint64_t remaining_us() const {
        timespec now{};
        (void)::clock_gettime(CLOCK_MONOTONIC, &now);
        const std::uint64_t now_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                                     static_cast<std::uint64_t>(now.tv_nsec);
        return raw_.deadline_ns > now_ns ? (raw_.deadline_ns - now_ns) / 1000 : 0;
    }

    // False: it is longer than response().bytes, and the invocation may still be answered; or it
    // was answered already.
    bool respond(std::string_view bytes) { return send(SKERRY_OK, bytes.data(), bytes.size()); }
    // The first `bytes` of response().
    bool respond_in_place(std::size_t bytes) { return send(SKERRY_OK, raw_.response, bytes); }
    // A text that is too long is cut: its start is better than no answer.
    bool fail(std::string_view text) {
        return send(SKERRY_FUNCTION_ERROR, text.data(),
                    text.size() < raw_.response_capacity ? text.size() : raw_.response_capacity);
    }
    // Whatever a handler made: an answer that is too long becomes an error that says so.
    bool answer(const Reply& result) {
        if (result.status != SKERRY_OK) return fail(result.text);
        if (!outstanding_ || respond(result.text)) return true;
        return fail("the answer has " + std::to_string(result.text.size()) + " bytes, allowed " +
                    std::to_string(raw_.response_capacity));
    }

    const skerry_invocation& raw() const { return raw_; }

  private:
    bool send(skerry_status status, const void* data, std::size_t bytes) {
        if (!outstanding_ || skerry_respond(&raw_, status, data, bytes) != 0) return false;
        outstanding_ = false;
        return true;
    }

    skerry_invocation raw_{};
    bool outstanding_ = false;
};

namespace detail {

// Calls `work`; the text of what it threw, or nothing.
template <typename Work>
bool caught(Work&& work, std::string& text) {
#if SKERRY_EXCEPTIONS
    try {
        work();
        return false;
    } catch (const std::exception& thrown) {
        text = thrown.what();
    } catch (...) {
        text = "the function threw something that is no std::exception";
    }
    return true;
#else
    (void)text;
    work();
    return false;
#endif
}

template <typename Handler>
void call(Handler& handler, Invocation& invocation) {
    std::string problem;
    const bool threw = caught(
        [&] {
            if constexpr (std::is_void_v<decltype(handler(invocation))>) {
                handler(invocation);
                if (invocation.outstanding()) (void)invocation.respond({});
            } else if constexpr (std::is_convertible_v<decltype(handler(invocation)), Reply>) {
                (void)invocation.answer(handler(invocation));
            } else {
                const std::string_view bytes = handler(invocation);
                (void)invocation.answer(Reply(bytes));
            }
        },
        problem);
    if (threw && invocation.outstanding()) (void)invocation.fail(problem);
}

inline int ended() {
    std::perror("skerry_next: this program is started by skerryd");
    return 1;
}

}  // namespace detail

// Answers invocations until there is no channel any more. Returns the process's exit code.
template <typename Handler>
int serve(Handler&& handler) {
    skerry_invocation taken;
    while (skerry_next(&taken) == 0) {
        Invocation invocation(taken);
        detail::call(handler, invocation);
    }
    return detail::ended();
}

// For a declared concurrency of N: `start` is called as start(Invocation&&) for each invocation
// that is there, before others are answered; `finish` is called as finish() after each burst, and
// returns how many it has not answered yet. While there are any, it is called again and again, new
// ones being taken in between as they come: it should do a bit of work, or sleep a bit.
template <typename Start, typename Finish>
int serve_many(Start&& start, Finish&& finish) {
    const auto begin = [&start](const skerry_invocation& taken) {
        std::string problem;
        // What `start` did not take is answered here, by the destructor or with what was thrown.
        Invocation invocation(taken);
        if (detail::caught([&] { start(std::move(invocation)); }, problem) &&
            invocation.outstanding())
            (void)invocation.fail(problem);
    };
    skerry_invocation taken;
    std::size_t open = 0;
    while (true) {
        const int found = open == 0 ? skerry_next(&taken) : skerry_try_next(&taken);
        if (found < 0) return detail::ended();
        if (found == 0) {
            begin(taken);
            while (skerry_try_next(&taken) == 0) begin(taken);
        }
        open = finish();
    }
}

}  // namespace skerry
