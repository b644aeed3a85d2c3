// A request as its signature sees it. Refers to the text of the request's head.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace skerry::auth {

inline constexpr std::size_t kFieldsMax = 128;  // what is known of a request's fields fits 128 bits

struct Field {
    std::string_view name;   // as it was sent
    std::string_view value;  // without the white space around it
};

struct Request {
    std::string_view method;
    std::string_view path;          // as it was sent, escapes and all
    std::string_view query;         // the same, without the question mark
    std::span<const Field> fields;  // kFieldsMax at most, in their order
};

// Header names are compared without case; `lower` is in lower case.
bool is_named(const Field& field, std::string_view lower);

}  // namespace skerry::auth
