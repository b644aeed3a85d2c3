// A request's head, understood: RFC 9110 and RFC 9112, strictly where two servers could disagree
// about where a request ends or whom it is for (docs/http.md lists what is refused).
//
// A Head refers to the text it was parsed from. Nothing allocates; pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/http/limits.hpp"
#include "dataplane/http/refusal.hpp"

namespace skerry::http {

enum class Method : std::uint8_t { get, head, post, put, delete_, options, patch, trace, connect };
inline constexpr std::size_t kMethods = 9;
std::string_view method_name(Method method);

enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

struct Field {  // where in the head's text
    std::uint16_t name = 0, name_bytes = 0;
    std::uint16_t value = 0, value_bytes = 0;  // without the white space around it
};
static_assert(kHeadBytesMax <= 65535);

struct Head {
    std::string_view text;
    Method method = Method::get;
    TargetForm form = TargetForm::origin;
    std::string_view path;       // begins with a slash, but for the forms that have none
    std::string_view query;      // without the question mark
    std::string_view authority;  // of an absolute or authority form, else of Host; may be empty
    bool is_1_0 = false;
    bool keep_alive = true;
    bool chunked = false;
    bool has_length = false;
    bool expects_continue = false;
    std::uint64_t content_length = 0;
    std::uint32_t field_count = 0;
    std::array<Field, kFieldsMax> fields;

    bool has_body() const { return chunked || content_length != 0; }
    std::string_view name(const Field& field) const {
        return text.substr(field.name, field.name_bytes);
    }
    std::string_view value(const Field& field) const {
        return text.substr(field.value, field.value_bytes);
    }
    // The first of that name, which is given in lower case; empty if there is none.
    std::string_view find(std::string_view lower_name) const;
};

// `text` is one whole head, as HeadScanner found it, and outlives `head`. Refusal::none: all is
// well. Otherwise `is_1_0` and `method` are what could be understood.
Refusal parse_head(std::string_view text, const Limits& limits, Head& head);

// RFC 9110 compares names, tokens and the like without case. `lower` is in lower case.
bool equals_lower(std::string_view text, std::string_view lower);

}  // namespace skerry::http
