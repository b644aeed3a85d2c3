// Result<T>: the value of a step that can fail for reasons that are not bugs.
//
// Used in set-up and control code. The packet path never uses it: there, a failure is a Reason
// (dataplane/reasons.def), which costs no allocation.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace skerry {

struct Error {
    int code = 0;  // an errno value, or 0 when no system call was involved
    std::string
        text;  // what was found, what is needed, and if there is one the command that mends it
};

// An Error that carries errno and what was being done: "open /x: No such file or directory".
inline Error errno_error(const std::string& doing, int code = errno) {
    return Error{code, doing + ": " + std::strerror(code)};
}

template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

    explicit operator bool() const { return state_.index() == 0; }
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    const Error& error() const { return std::get<1>(state_); }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }

  private:
    std::variant<T, Error> state_;
};

struct Unit {};
using Status = Result<Unit>;
inline Status ok() {
    return Unit{};
}

}  // namespace skerry
